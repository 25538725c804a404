"""A trustee and its ledger on plain data, for attacks by several releases of the same enterprises.

:class:`Desk` runs the very rules that trustees run: :func:`protocols.differencing.decide` over
everything that it opened before, then the policy on the size classes of every atom and band. What
it publishes are totals over sets of *items*, an item being one enterprise's data of one period in
one version. The reader is taken to know who is in which band.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from protocols import differencing
from protocols.differencing import Decision, Opened
from protocols.plan_terms import Policy
from protocols.policy import check_measure
from tests.attacks.elimination import isolating
from tests.attacks.estimate import histogram_of
from tests.strategies import NO_LIMITS

MEASURE = "emissions"
BOUND = 10**12
POLICY = Policy()


@dataclass(frozen=True, order=True)
class Item:
    """One enterprise's value of one period, in one version."""

    enterprise: str
    period: str
    version: int = 1


@dataclass(frozen=True)
class Total:
    """A published figure: the sum over exactly these items."""

    items: frozenset[Item]
    value: int


@dataclass
class Desk:
    """Decides, publishes and remembers; ``totals`` is what readers have."""

    policy: Policy = POLICY
    ledger: list[Opened] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)

    def offer(
        self,
        period: str,
        data: Mapping[Item, int],
        bands: Sequence[Collection[Item]] = (),
    ) -> tuple[str, ...]:
        """Propose a release; the reasons against it, or none if it was published.

        :param data: the values of everybody who takes part.
        :param bands: a partition of ``data`` whose totals are to be published too; neighbours are
            merged until each may be.
        """
        round_id = f"round-{len(self.ledger) + 1}"
        order = tuple(sorted(data))
        proposed = Opened(
            round_id, period, tuple(item.enterprise for item in order), banded=bool(bands)
        )
        decision = differencing.decide(self.ledger, proposed, self.policy)
        refused = tuple(f"{reason.rule}: {reason.text}" for reason in decision.refused)
        if not refused:
            refused = self._unsafe(decision, order, data)
        if refused:
            return refused
        shown = [] if decision.totals_only else self._merged(bands, data)
        self.ledger.append(Opened(round_id, period, proposed.items, banded=bool(shown)))
        self.totals += (Total(frozenset(s), sum(data[i] for i in s)) for s in (order, *shown))
        return (f"totals-only: {decision.totals_reason}",) if decision.totals_only else ()

    def value_of(self, target: Iterable[Item]) -> int | None:
        """The sum of exactly these items as a reader computes it from all totals; None if not."""
        weights = isolating([total.items for total in self.totals], target)
        if weights is None:
            return None
        value = sum(w * total.value for w, total in zip(weights, self.totals, strict=True))
        return int(value) if Fraction(value).denominator == 1 else None

    def _unsafe(
        self, decision: Decision, order: Sequence[Item], data: Mapping[Item, int]
    ) -> tuple[str, ...]:
        cells = [[order[index] for index in atom] for atom in decision.atoms]
        failed = sum(not self._safe(cell, data) for cell in cells)
        return (f"unsafe-atom: {failed} of {len(cells)} atoms fail the policy",) if failed else ()

    def _merged(
        self, bands: Sequence[Collection[Item]], data: Mapping[Item, int]
    ) -> list[frozenset[Item]]:
        merged: list[frozenset[Item]] = []
        waiting = frozenset[Item]()
        for band in bands:
            waiting = waiting.union(band)
            if self._safe(waiting, data):
                merged.append(waiting)
                waiting = frozenset()
        if waiting and merged:
            merged[-1] |= waiting
        return merged

    def _safe(self, items: Collection[Item], data: Mapping[Item, int]) -> bool:
        histogram = histogram_of([data[item] for item in items], BOUND, self.policy)
        return check_measure(MEASURE, histogram, self.policy, NO_LIMITS) is None


def accept_everything(earlier: Sequence[Opened], proposed: Opened, policy: Policy) -> Decision:
    """Stands in for :func:`protocols.differencing.decide` where the ledger is taken away."""
    everybody = tuple(range(len(proposed.order)))
    return Decision((), (everybody,), frozenset(everybody), False, False)


def cohort(names: Iterable[str], period: str, values: Iterable[int]) -> dict[Item, int]:
    """Data of a period, first version."""
    return {Item(name, period): value for name, value in zip(names, values, strict=True)}
