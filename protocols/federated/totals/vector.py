"""What a member masks in a totals round: a count word, then each published measure of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.errors import OpeningInconsistent
from protocols.federated.masks import Words, to_words
from protocols.federated.room import check_room
from protocols.plan import Plan
from protocols.values import checked_value


class Vector:
    """The vector of a plan; equal for every party that holds the plan."""

    def __init__(self, plan: Plan) -> None:
        """:raises PlanError: the sum of a measure may have no room in 64 bits."""
        self.measures = tuple(measure for measure in plan.measures if measure.published)
        check_room(plan)

    @property
    def words(self) -> int:
        """Words of a vector."""
        return 1 + len(self.measures)

    def encode(self, values: Mapping[str, int]) -> Words:
        """A member's own vector. Run on the private side only.

        :raises ContributionRefused: a published measure is missing, or no integer.
        :raises BoundExceeded: a value outside minimum..bound; values are never clipped.
        """
        return to_words([1, *(checked_value(measure, values) for measure in self.measures)])

    def decode(self, words: Words, members: int) -> dict[str, int]:
        """The sums by measure, from the unmasked sum of ``members`` vectors.

        :raises OpeningInconsistent: the count is another, or a sum that no such members have.
        """
        count, *sums = (int(word) for word in words)
        if count != members:
            raise OpeningInconsistent(f"the vectors count {count} members, not {members}")
        return self.checked(sums, members)

    def checked(self, sums: Sequence[int], members: int) -> dict[str, int]:
        """Sums by measure. :raises OpeningInconsistent: ones that no such members have."""
        if len(sums) != len(self.measures):
            raise OpeningInconsistent(f"{len(sums)} sums of {len(self.measures)} measures")
        for measure, value in zip(self.measures, sums, strict=True):
            if not members * measure.minimum <= value <= members * measure.bound:
                raise OpeningInconsistent(
                    f"the sum of {measure.name} is not one of {members} members within the bounds"
                )
        return {measure.name: value for measure, value in zip(self.measures, sums, strict=True)}
