"""A panel of two years around one leaver.

A large firm leaves between two years. Everybody else changed by a little that a reader can guess
(prices, trade cycle), so the first year's total, moved on by that guess, less the second's is the
firm's value, to within a few percent. No exact subtraction is needed and none is made. What stops
it: consecutive periods count as the same data for who is a member, so the firm is a *departure*.

Removed by ``--weakened``: that consecutive periods have to do with each other
(``differencing.relation``); releases of one period are still compared.
"""

from __future__ import annotations

from fractions import Fraction

from protocols import differencing
from protocols.periods import Relation, relation
from tests.attacks.releases import Desk, Item, cohort
from tests.attacks.result import Result, main, removed
from tests.attacks.with_and_without import NAMES, VALUES

LEAVER = Item(NAMES[0], "2024")
GUESSED_GROWTH = Fraction(102, 100)
TRUE_GROWTH = tuple(
    Fraction(1000 + tenths, 1000) for tenths in (22, 15, 24, 19, 27, 12, 18, 25, 21, 16, 23)
)
FOUND_PERCENT = 10


def run(weakened: bool) -> Result:
    """2024 with twelve firms, 2025 without the largest."""
    first = cohort(NAMES, "2024", VALUES)
    rest = zip(VALUES[1:], TRUE_GROWTH, strict=True)
    second = cohort(NAMES[1:], "2025", (round(value * growth) for value, growth in rest))
    desk = Desk()
    with removed(weakened, differencing, "relation", _same_period_only) as what:
        stopped = desk.offer("2024", first) + desk.offer("2025", second)
    estimate = _estimate(desk)
    planted = first[LEAVER]
    near = estimate is not None and 100 * abs(estimate - planted) < FOUND_PERCENT * planted
    return Result(
        had=f"both totals, and that others grew by about {float(GUESSED_GROWTH - 1):.0%}",
        did="took the second year's total, moved back by that guess, off the first year's",
        planted=f"a value found to within {FOUND_PERCENT} %",
        gained=f"a value found to within {FOUND_PERCENT} %" if near else None,
        stopped_by=stopped,
        removed=what and f"consecutive periods count as the same ({what})",
        figures={"estimate": estimate and float(estimate), "value": planted},
    )


def _estimate(desk: Desk) -> Fraction | None:
    years = {item.period: total.value for total in desk.totals for item in total.items}
    if len(years) < 2:
        return None
    return years["2024"] - years["2025"] / GUESSED_GROWTH


def _same_period_only(first: str, second: str) -> Relation:
    return (
        Relation.APART
        if relation(first, second) is Relation.CONSECUTIVE
        else relation(first, second)
    )


if __name__ == "__main__":
    main(run, __doc__)
