"""The estimate that the p% rule is about: the second largest member reckons the largest.

From a total X its owner takes its own value x2 off; what is left is at least the largest value x1.
The estimate ``X - x2`` is too high by what all others add up to, and never too low.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from protocols.encoding import class_count, size_class
from protocols.plan_terms import Policy

FOUND_PERCENT = 10
"""A value that is known to less than this share of it counts as found: p of the default policy."""


@dataclass(frozen=True)
class Estimate:
    """``value`` reckoned as ``estimate`` by a member of the same cell."""

    value: int
    estimate: int

    @property
    def off_by(self) -> Fraction:
        """The error, as a share of the value."""
        return Fraction(self.estimate - self.value, self.value)

    @property
    def found(self) -> bool:
        """Whether the value is known more closely than the policy allows."""
        return 100 * self.off_by < FOUND_PERCENT


def of_largest(values: Sequence[int]) -> Estimate | None:
    """What the second largest member learns of the largest from the sum; None if that is 0."""
    ordered = sorted(values, reverse=True)
    if len(ordered) < 2 or not ordered[0]:
        return None
    return Estimate(ordered[0], sum(values) - ordered[1])


def histogram_of(values: Sequence[int], bound: int, policy: Policy) -> tuple[int, ...]:
    """How many of the values are in each size class of the policy."""
    sizes = [size_class(value, policy.classes_per_octave) for value in values]
    return tuple(map(sizes.count, range(class_count(bound, policy.classes_per_octave))))


def histograms_of(
    members: Sequence[Mapping[str, int]], bounds: Mapping[str, int], policy: Policy
) -> dict[str, tuple[int, ...]]:
    """The same for several measures."""
    return {
        name: histogram_of([member[name] for member in members], bound, policy)
        for name, bound in bounds.items()
    }
