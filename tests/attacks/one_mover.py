"""Two years in bands, the same members, and one firm that moved up a band.

Nobody left, so the ledger lets both years publish bands. The counts show that one firm moved. The
first year's total of its old band, moved on by a guess at the trade's growth, less the second's is
its value, to within a few percent. The release does not say which firm moved; a reader that knows
(or that takes the estimate to its list of candidates) has it.

This succeeds against the defaults: a yearly benchmark in bands is what the system is for.
``--weakened`` changes nothing. :func:`guarded` is what would stop it, and what that costs: if
consecutive periods counted as the same data, the second year would need new enterprises and publish
totals only.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from protocols import differencing
from protocols.periods import Relation, relation
from tests.attacks.one_leaver import FOUND_PERCENT, GUESSED_GROWTH, TRUE_GROWTH
from tests.attacks.releases import Desk, Item
from tests.attacks.result import Result, main, removed
from tests.attacks.with_and_without import NAMES, VALUES

YEARS = ("2024", "2025")
LOW = 7
"""Firms in the lower band of the first year; the largest of them moves up."""
FOUND = f"the mover's value to within {FOUND_PERCENT} %"


def run(weakened: bool = False) -> Result:
    """Both years under the default rules."""
    return _attack(relation)


def guarded() -> Result:
    """As if consecutive periods held the same data."""
    return _attack(_always_the_same)


def _attack(compared: Callable[[str, str], Relation]) -> Result:
    growth = (GUESSED_GROWTH, *TRUE_GROWTH)
    first = dict(zip(NAMES, VALUES, strict=True))
    second = {
        name: round(value * by) for (name, value), by in zip(first.items(), growth, strict=True)
    }
    mover, *stayed = NAMES[:LOW]
    lower = {YEARS[0]: {mover, *stayed}, YEARS[1]: set(stayed)}
    desk, stopped = Desk(), list[str]()
    with removed(True, differencing, "relation", compared):
        for year, values in zip(YEARS, (first, second), strict=True):
            data = {Item(name, year): value for name, value in values.items()}
            low = [item for item in data if item.enterprise in lower[year]]
            stopped += desk.offer(year, data, [low, [i for i in data if i not in low]])
    totals = {t.items: t.value for t in desk.totals}
    low_totals = [totals.get(frozenset(Item(name, year) for name in lower[year])) for year in YEARS]
    estimate = None
    if low_totals[0] is not None and low_totals[1] is not None:
        estimate = low_totals[0] - low_totals[1] / GUESSED_GROWTH
    value = first[mover]
    near = estimate is not None and 100 * abs(estimate - value) < FOUND_PERCENT * value
    return Result(
        had="both releases, and that others grew by about 2 %",
        did="took the lower band's second total, moved back by that guess, off its first",
        planted=FOUND,
        gained=FOUND if near else None,
        stopped_by=tuple(stopped),
        figures={"estimate": estimate and float(Fraction(estimate)), "value": value},
    )


def _always_the_same(first: str, second: str) -> Relation:
    found = relation(first, second)
    return Relation.OVERLAPPING if found is Relation.CONSECUTIVE else found


if __name__ == "__main__":
    main(run, __doc__)
