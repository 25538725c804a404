"""Five corrections spread over five bands.

Five firms correct their values and six more join, so the ledger may allow a second release: what is
new is six enterprises, and the five corrections are hidden among each other and among the six. But
in the bands each correction stands alone: a band's total less its total of before is one firm's
correction. What stops it: a release that shares data with an earlier one publishes *totals only*.

Removed by ``--weakened``: that rule (``differencing._Compared.totals_reason``). The rest of the
ledger stays and lets the second release pass. The reader knows who is in which band.
"""

from __future__ import annotations

from protocols import differencing
from tests.attacks.releases import Desk, Item
from tests.attacks.result import Result, main, removed

PERIOD = "2025"
BANDS = 5
SIZE = 6
MISTAKE = 90


def run(weakened: bool) -> Result:
    """Two releases in bands; in the second one firm of each band has corrected its value."""
    bands = [
        {Item(f"band {b} firm {i}", PERIOD): 300 + 17 * b + 11 * i for i in range(SIZE)}
        for b in range(BANDS)
    ]
    corrected = [_correct(band, number) for number, band in enumerate(bands)]
    joined = {Item(f"new firm {i}", PERIOD): 350 + 9 * i for i in range(SIZE)}
    desk = Desk()
    with removed(
        weakened, differencing._Compared, "totals_reason", lambda self, proposed: ""
    ) as what:
        stopped = desk.offer(PERIOD, _united(bands), bands)
        stopped += desk.offer(PERIOD, _united([*corrected, joined]), [*corrected, joined])
    planted = {f"band {b}": MISTAKE + b for b in range(BANDS)}
    return Result(
        had="both releases, and who is in which band",
        did="subtracted each band's second total from its first",
        planted=planted,
        gained=_differences(desk, bands, corrected),
        stopped_by=stopped,
        removed=what and f"totals only where data overlaps ({what})",
        figures={"figures published": len(desk.totals)},
    )


def _correct(band: dict[Item, int], number: int) -> dict[Item, int]:
    """The same band after its first firm has taken ``MISTAKE + number`` off its value."""
    first, *_ = band
    kept = {item: value for item, value in band.items() if item != first}
    return {Item(first.enterprise, PERIOD, version=2): band[first] - MISTAKE - number, **kept}


def _united(bands: list[dict[Item, int]]) -> dict[Item, int]:
    return {item: value for band in bands for item, value in band.items()}


def _differences(
    desk: Desk, before: list[dict[Item, int]], after: list[dict[Item, int]]
) -> dict[str, int] | None:
    """By band, the change of its total, where both totals were published."""
    values = {total.items: total.value for total in desk.totals}
    found = {
        f"band {number}": values[frozenset(old)] - values[frozenset(new)]
        for number, (old, new) in enumerate(zip(before, after, strict=True))
        if frozenset(old) in values and frozenset(new) in values
    }
    return found or None


if __name__ == "__main__":
    main(run, __doc__)
