"""Overlapping cohorts: a region and a sector that share one firm, and the two without it.

The firms of the region, the firms of the sector, and the firms of either that are not in both: half
of the first two totals less the third is the one firm in common. What stops it: the ledger refuses
a cohort that shares enterprises with an earlier one without containing it (*departure*).

Removed by ``--weakened``: the ledger's rule (``differencing.decide``).
"""

from __future__ import annotations

from protocols import differencing
from tests.attacks.releases import Desk, Item, accept_everything, cohort
from tests.attacks.result import Result, main, removed

PERIOD = "2025"
REGION = tuple(f"region {number}" for number in range(1, 9))
SECTOR = tuple(f"sector {number}" for number in range(1, 9))
VICTIM = Item("in both", PERIOD)


def run(weakened: bool) -> Result:
    """Region, sector, and what is in just one of them."""
    values = dict(zip((*REGION, *SECTOR), range(300, 700, 25), strict=True))
    region = cohort(REGION, PERIOD, (values[name] for name in REGION))
    sector = cohort(SECTOR, PERIOD, (values[name] for name in SECTOR))
    shared = {VICTIM: 512}
    desk = Desk()
    with removed(weakened, differencing, "decide", accept_everything) as what:
        releases = ({**region, **shared}, {**sector, **shared}, {**region, **sector})
        stopped = [reason for data in releases for reason in desk.offer(PERIOD, data)]
    return Result(
        had="published totals of cohorts that were each drawn up for a good reason",
        did="added the first two totals, subtracted the third, halved",
        planted=shared[VICTIM],
        gained=desk.value_of([VICTIM]),
        stopped_by=tuple(stopped),
        removed=what and f"the release ledger ({what})",
    )


if __name__ == "__main__":
    main(run, __doc__)
