"""The same table for two years: what goes beside an unsafe sector is another one in the second.

Chemicals has one giant and is withheld, and the smallest safe sector with it, since the total is
published. In the first year that is food. In the second food has shrunk into lower size classes and
hides the giant no more, so that by itself the rule withholds textiles and publishes food. The first
year's total less textiles is chemicals and food; less what food came to a year later it is
chemicals, nearly all of which is the giant. Every figure of either year is safe among its own.

What stops it: a table whose members had bands or cells in a consecutive period keeps to its total.
Removed by ``--weakened``: that rule of the ledger (``_Compared.totals_reason``).
"""

from __future__ import annotations

from protocols import differencing, suppression
from protocols.atom_classes import TOTALS_ONLY
from protocols.differencing import Opened
from protocols.plan_terms import Policy
from protocols.suppression import Unit
from protocols.table import Table
from tests.attacks.estimate import FOUND_PERCENT, histogram_of
from tests.attacks.result import Result, main, removed
from tests.strategies import UNLIMITED

MEASURE, BOUND, POLICY = "output", 10**9, Policy()
TABLE = Table("sector", ("chemicals", "food", "textiles"))
GIANT = 500_000
YEARS = {
    "2024": ((GIANT, 902, 903, 904, 905, 906), range(17_007, 17_012), range(100_012, 100_018)),
    "2025": ((510_000, 920, 921, 922, 923, 924), range(16_007, 16_012), range(102_012, 102_018)),
}
"""Outputs by year and sector, of the same enterprises."""
FOUND = f"the giant's output to within {FOUND_PERCENT} %"


def run(weakened: bool) -> Result:
    """Decide both tables as trustees do, then reckon with what is published."""
    ledger: list[Opened] = []
    published: dict[str, dict[str, int]] = {}
    stopped: list[str] = []
    with removed(weakened, differencing._Compared, "totals_reason", lambda *_: "") as what:
        for year in YEARS:
            everybody = tuple(range(sum(map(len, YEARS[year]))))
            proposed = Opened(f"round-{year}", year, everybody, tabled=True)
            decision = differencing.decide(ledger, proposed, POLICY)
            stopped += [f"totals-only: {decision.totals_reason}"] if decision.totals_only else []
            ledger.append(proposed)
            published[year] = _publish(year, totals_only=decision.totals_only)
    first, second = published.values()
    estimate = None
    if "food" in second and "textiles" in first:
        estimate = first[""] - first["textiles"] - second["food"]
    near = estimate is not None and 100 * abs(estimate - GIANT) < FOUND_PERCENT * GIANT
    return Result(
        had="two published tables, and that food did not change much from one year to the next",
        did="took the first year's textiles and the second year's food off the first year's total",
        planted=FOUND,
        gained=FOUND if near else None,
        stopped_by=tuple(stopped),
        removed=what and f"tables of consecutive years ({what})",
        figures={
            "published": {year: sorted(own) for year, own in published.items()},
            "estimate": estimate and f"{estimate} of {GIANT}",
        },
    )


def _publish(year: str, *, totals_only: bool) -> dict[str, int]:
    """The sums of the cells that may be published, by path."""
    leaves = YEARS[year]
    counts = [len(leaf) for leaf in leaves]
    units = suppression.units(TABLE, counts, POLICY)
    opened = {unit: {MEASURE: histogram_of(_values(year, unit), BOUND, POLICY)} for unit in units}
    if totals_only:
        decided = suppression.only_total(TABLE, sum(counts), opened, POLICY, UNLIMITED, TOTALS_ONLY)
    else:
        decided = suppression.decide(TABLE, counts, opened, POLICY, UNLIMITED)
    cells = zip(TABLE.cells, decided, strict=True)
    return {c.path: sum(_values(year, frozenset(c.leaves))) for c, one in cells if one.members}


def _values(year: str, unit: Unit) -> list[int]:
    return [value for leaf in unit for value in YEARS[year][leaf]]


if __name__ == "__main__":
    main(run, __doc__)
