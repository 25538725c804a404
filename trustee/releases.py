"""What a trustee's ledger has closed, as the rule about differences wants it.

The ledger (:mod:`trustee.ledger`) keeps the lines; this is their meaning. SPEC.md section 3.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any

from protocols import closing
from protocols.atom_classes import KnownClasses
from protocols.atoms import Declared, check_declared
from protocols.differencing import Atom, Opened, decide
from protocols.errors import PolicyRefusal
from protocols.items import Identities, Item, Mark, marks
from protocols.noise_terms import Noise
from protocols.periods import Relation, relation
from protocols.plan import Plan
from protocols.plan_terms import Policy
from protocols.privacy_loss import Told, reasons_against
from protocols.shared_measures import Published, clash, words


class Parts(StrEnum):
    """What a round publishes beside the totals of its cohort."""

    NONE = "none"
    BANDS = "bands"
    CELLS = "cells"

    @classmethod
    def of(cls, plan: Plan) -> Parts:
        """Where no earlier round forbids it. A plan with cells may have bands as well."""
        if plan.table is not None:
            return cls.CELLS
        return cls.BANDS if closing.parted(plan) else cls.NONE


@dataclass(frozen=True)
class _Release:
    """A closing that counts as opened: of each member a number that its identity is found by.

    ``loss`` and ``budget``: of its noise; None if its sums are exact. ``atoms``: those that it
    declared, by place. ``parts``: what it may publish beside totals. ``measures``: what its plan
    publishes.
    """

    round_id: str
    period: str
    members: array[int]
    loss: Fraction | None
    budget: Fraction | None
    atoms: tuple[Atom, ...]
    parts: Parts
    measures: tuple[Published, ...]


@dataclass(frozen=True)
class SameData:
    """An earlier round over data that a later one opens again.

    :ivar members: which of the later round's members it held, by place.
    :ivar classes: of each measure, over all of them, as they were opened then; none if it was
        certified as withheld, so that nothing of it can be subtracted; None before it is certified.
    """

    round_id: str
    members: frozenset[int]
    classes: Mapping[str, KnownClasses] | None


class Releases:
    """Every closing of one ledger, and who is who in them."""

    def __init__(self) -> None:
        self._identities = Identities()
        self._held: list[_Release] = []
        self._classes: dict[str, dict[str, KnownClasses]] = {}

    def add(
        self,
        round_id: str,
        period: str,
        members: Iterable[Iterable[Mark]],
        loss: Fraction | None = None,
        budget: Fraction | None = None,
        atoms: Sequence[Atom] = (),
        parts: Parts = Parts.BANDS,
        measures: tuple[Published, ...] = (),
    ) -> None:
        """Note a closing.

        :param members: the marks of each; none if nothing was to be opened.
        :param loss: of its noise, and the ``budget`` it promises; None if its sums are exact.
        :param atoms: that it declared, by place.
        :param parts: what it may publish beside totals. :param measures: what its plan publishes.
        :raises ValueError: these are not places of members.
        """
        numbers = array("L", (self._identities.link(own) for own in members))
        if numbers:
            places = [place for atom in atoms for place in atom]
            if any(type(place) is not int or not 0 <= place < len(numbers) for place in places):
                raise ValueError("an atom of somebody who is no member")
            declared = tuple(tuple(atom) for atom in atoms)
            self._held.append(
                _Release(round_id, period, numbers, loss, budget, declared, parts, measures)
            )

    def add_classes(self, round_id: str, classes: Mapping[str, Any]) -> None:
        """Note the size-class counts of a round, as its ledger line holds them; none: withheld."""
        self._classes[round_id] = {
            name: KnownClasses(known["unit"], known["resolution"], tuple(known["counts"]))
            for name, known in classes.items()
        }

    def knows_classes(self, round_id: str) -> bool:
        """Whether those of a round are kept."""
        return round_id in self._classes

    def same_data(self, round_id: str, period: str, members: Sequence[Item]) -> list[SameData]:
        """The other rounds of this very period that hold none but some of these members.

        By name, so that trustees come to them in one order. That round ``round_id`` is not closed
        yet, or will not be, leaves no trace.
        """
        identities = self._identities.copy()
        numbers = [identities.link(marks(item)) for item in members]
        places: dict[int, set[int]] = {}
        for place, number in enumerate(numbers):
            places.setdefault(identities.root(number), set()).add(place)
        found = []
        for held in self._held:
            if held.round_id == round_id or held.period != period:
                continue
            roots = set(identities.roots(held.members))
            if roots <= places.keys():
                inside = frozenset(place for root in roots for place in places[root])
                found.append(SameData(held.round_id, inside, self._classes.get(held.round_id)))
        return sorted(found, key=lambda same: same.round_id)

    def check(
        self,
        round_id: str,
        period: str,
        members: Sequence[Item],
        policy: Policy,
        declared: Declared,
        *,
        parts: Parts,
        noise: Noise | None = None,
        measures: tuple[Published, ...] = (),
    ) -> None:
        """Whether one more closing may be signed beside these.

        :param members: in the order of the inclusion list.
        :param parts: what it publishes beside totals where nothing forbids it.
        :param noise: of the plan; None if its sums are exact. :param measures: what it publishes.
        :raises PolicyRefusal: with every reason against it, and what would mend it.
        """
        # The round may show that two earlier members are the same; that counts once it is closed.
        identities = self._identities.copy()
        numbers = [identities.link(marks(item)) for item in members]
        items, names = identities.roots(numbers), identities.names(numbers)
        earlier = list(self._related(period, identities))
        proposed = replace(_opened(round_id, period, items, parts), names=names)
        decision = decide(earlier, proposed, policy)
        try:
            check_declared(declared, decision, items, policy)
        except PolicyRefusal as refusal:
            raise PolicyRefusal(f"round {round_id} is not closed: {refusal}") from None
        self._check_measures(round_id, period, identities, items, measures)
        if noise is not None or any(held.budget is not None for held in self._held):
            told = list(self._told(identities))
            reasons = reasons_against(told, Told.of(round_id, period, items, noise))
            if reasons:
                raise PolicyRefusal(f"round {round_id} is not closed: {'; '.join(reasons)}")

    def _check_measures(
        self,
        round_id: str,
        period: str,
        identities: Identities,
        items: Sequence[int],
        measures: tuple[Published, ...],
    ) -> None:
        for held in self._held:
            pair = clash(held.measures, measures)
            if pair is None or relation(held.period, period) is Relation.APART:
                continue
            if not set(items).isdisjoint(identities.roots(held.members)):
                text = words(held.round_id, held.period, pair)
                raise PolicyRefusal(f"round {round_id} is not closed: {text}")

    def _told(self, identities: Identities) -> Iterator[Told]:
        """Of every period: two that lie apart may both be parts of a third."""
        for held in self._held:
            items = identities.roots(held.members)
            yield Told(held.round_id, held.period, items, held.loss, held.budget)

    def _related(self, period: str, identities: Identities) -> Iterator[Opened]:
        for held in self._held:
            if relation(held.period, period) is not Relation.APART:
                items, names = identities.roots(held.members), identities.names(held.members)
                classed = tuple([items[place] for place in atom] for atom in held.atoms)
                opened = _opened(held.round_id, held.period, items, held.parts)
                yield replace(opened, names=names, classed=classed)


def _opened(round_id: str, period: str, items: Sequence[int], parts: Parts) -> Opened:
    banded, tabled = parts is not Parts.NONE, parts is Parts.CELLS
    return Opened(round_id, period, items, banded=banded, tabled=tabled)
