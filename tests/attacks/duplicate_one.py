"""Duplicate one: the second release counts the victim twice, under another name.

The coordinator enrols the victim's plant a second time, as a new enterprise that reports the same
value, and releases the cohort again with it. The difference is the victim's value. What stops it:
to the ledger the new name is one added enterprise, where k have to be new (*nothing-new*). (A
second key under the same enterprise id or group is one member already when trustees sign the
roster.)

Removed by ``--weakened``: the ledger's rule (``differencing.decide``).
"""

from __future__ import annotations

from protocols import differencing
from tests.attacks.releases import Desk, Item, accept_everything, cohort
from tests.attacks.result import Result, main, removed
from tests.attacks.with_and_without import NAMES, PERIOD, VALUES, VICTIM

TWIN = Item("firm 4 once more", PERIOD)


def run(weakened: bool) -> Result:
    """The cohort, then the cohort and the victim's twin."""
    everybody = cohort(NAMES, PERIOD, VALUES)
    desk = Desk()
    with removed(weakened, differencing, "decide", accept_everything) as what:
        stopped = desk.offer(PERIOD, everybody)
        stopped += desk.offer(PERIOD, {**everybody, TWIN: everybody[VICTIM]})
    return Result(
        had="published totals, and the power to enrol",
        did="had the cohort released again with the victim's value in it twice; subtracted",
        planted=everybody[VICTIM],
        gained=desk.value_of([TWIN]),
        stopped_by=stopped,
        removed=what and f"the release ledger ({what})",
    )


if __name__ == "__main__":
    main(run, __doc__)
