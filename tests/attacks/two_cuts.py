"""Two releases of the same data with different cuts.

Two plans rank the same firms by the same ratio with other bin edges. The first bands of the two
releases differ by one firm, whose value is the difference of their totals. What stops it: the
second release shares data with the first, so it needs enterprises that are new (*nothing-new*) and,
where it has them, publishes *totals only*.

Removed by ``--weakened``: the ledger's rule (``differencing.decide``). The reader knows who is in
which band, for instance because it knows who lies between the two cuts.
"""

from __future__ import annotations

from protocols import differencing
from tests.attacks.releases import Desk, Item, accept_everything
from tests.attacks.result import Result, main, removed

PERIOD = "2025"
FIRMS = tuple(Item(f"firm {number:02}", PERIOD) for number in range(1, 13))
"""In the order of the indicator."""
VALUES = dict(zip(FIRMS, (310, 402, 377, 291, 350, 333, 415, 288, 361, 340, 299, 324), strict=True))
JOINED = {Item(f"new firm {number}", PERIOD): 320 + number for number in range(1, 7)}
FIRST_CUT, SECOND_CUT = 6, 7
VICTIM = FIRMS[FIRST_CUT]


def run(weakened: bool, *, with_new: bool = False) -> Result:
    """:param with_new: the second release has six enterprises more, as a band of their own."""
    first = [FIRMS[:FIRST_CUT], FIRMS[FIRST_CUT:]]
    second: list[tuple[Item, ...]] = [FIRMS[:SECOND_CUT], FIRMS[SECOND_CUT:]]
    data = dict(VALUES)
    if with_new:
        data |= JOINED
        second.append(tuple(JOINED))
    desk = Desk()
    with removed(weakened, differencing, "decide", accept_everything) as what:
        stopped = desk.offer(PERIOD, VALUES, first) + desk.offer(PERIOD, data, second)
    return Result(
        had="both releases, and who lies between the two cuts",
        did="subtracted the first band of one release from the first band of the other",
        planted=VALUES[VICTIM],
        gained=desk.value_of([VICTIM]),
        stopped_by=stopped,
        removed=what and f"the release ledger ({what})",
    )


if __name__ == "__main__":
    main(run, __doc__)
