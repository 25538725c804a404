"""With and without one: two releases of the same data, the second without the victim.

The difference of the two totals is the victim's value. What stops it: the release ledger. An
enterprise that was opened with others and is missing now is a *departure*; the other way round,
first without and then with it, the one that was added is too little that is new (*nothing-new*).

Removed by ``--weakened``: the ledger's rule (``differencing.decide``).
"""

from __future__ import annotations

from protocols import differencing
from tests.attacks.releases import Desk, Item, accept_everything, cohort
from tests.attacks.result import Result, main, removed

PERIOD = "2025"
VALUES = (410, 395, 388, 350, 333, 300, 290, 271, 260, 244, 230, 225)
NAMES = tuple(f"firm {number}" for number in range(1, len(VALUES) + 1))
VICTIM = Item("firm 4", PERIOD)


def run(weakened: bool, *, victim_first: bool = True) -> Result:
    """:param victim_first: whether the release with the victim is the earlier one."""
    everybody = cohort(NAMES, PERIOD, VALUES)
    others = {item: value for item, value in everybody.items() if item != VICTIM}
    releases = (everybody, others) if victim_first else (others, everybody)
    desk = Desk()
    with removed(weakened, differencing, "decide", accept_everything) as what:
        stopped = [reason for data in releases for reason in desk.offer(PERIOD, data)]
    return Result(
        had="published totals",
        did="had a cohort of twelve released twice, once without the victim; subtracted",
        planted=everybody[VICTIM],
        gained=desk.value_of([VICTIM]),
        stopped_by=tuple(stopped),
        removed=what and f"the release ledger ({what})",
    )


if __name__ == "__main__":
    main(run, __doc__)
