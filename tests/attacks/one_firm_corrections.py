"""Quarter-by-quarter correction of one firm.

One firm reports its emissions in the wrong unit, a thousand times too much, and corrects each
quarter after the release. Were the corrected quarter released again, the difference would be 999
times the firm's value. What stops it: the ledger lets data of a period into one release only; a
second one needs a *fresh* atom of at least k enterprises (*nothing-new*).

Removed by ``--weakened``: the ledger's rule (``differencing.decide``).
"""

from __future__ import annotations

from protocols import differencing
from tests.attacks.releases import Desk, Item, accept_everything, cohort
from tests.attacks.result import Result, main, removed
from tests.attacks.with_and_without import NAMES, VALUES

QUARTERS = tuple(f"2025-Q{number}" for number in range(1, 5))
FIRM = "firm 12"
FACTOR = 1000


def run(weakened: bool) -> Result:
    """Four quarters, each released with the mistake and then corrected."""
    desk, stopped = Desk(), list[str]()
    planted: dict[str, int] = {}
    gained: dict[str, int] = {}
    with removed(weakened, differencing, "decide", accept_everything) as what:
        for shift, quarter in enumerate(QUARTERS):
            right = cohort(NAMES, quarter, (value + 7 * shift for value in VALUES))
            old, new = Item(FIRM, quarter), Item(FIRM, quarter, version=2)
            planted[quarter] = right.pop(old)
            # The wrong figure must not dominate, or the first release would be withheld for it.
            first = {item: FACTOR * value for item, value in right.items()}
            stopped += desk.offer(quarter, {**first, old: FACTOR * planted[quarter]})
            stopped += desk.offer(quarter, {**first, new: planted[quarter]})
            found = difference(desk, quarter)
            if found is not None:
                gained[quarter] = found // (FACTOR - 1)
    return Result(
        had="published totals, and that the firm corrects its unit",
        did="subtracted each quarter's corrected total from the first one",
        planted=planted,
        gained=gained or None,
        stopped_by=tuple(stopped),
        removed=what and f"the release ledger ({what})",
    )


def difference(desk: Desk, quarter: str) -> int | None:
    """The first total of a quarter less the corrected one, if both were published."""
    found = [t.value for t in desk.totals if any(item.period == quarter for item in t.items)]
    return found[0] - found[1] if len(found) == 2 else None


if __name__ == "__main__":
    main(run, __doc__)
