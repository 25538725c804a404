"""The residual of a hierarchy: Region A by sector, beside its total.

Two sectors are withheld: one has a single enterprise, the other fails the p% rule. Region A's total
less every published sector is the sum of these two, nine enterprises of which the second largest
reckons the largest one's output to within 8 %. What stops it: secondary suppression. The residual
is a cell too, it fails the policy, so one more sector is withheld.

Removed by ``--weakened``: the secondary step (``suppression._withhold``); each sector that passes
by itself is then published. Sizes are classed twice an octave: with one class an octave a third
sector looks unsafe by itself and hides the two by accident.
"""

from __future__ import annotations

import csv
from collections import defaultdict

from protocols import suppression
from protocols.plan_terms import Policy
from protocols.table import Table
from tests.attacks.elimination import atoms
from tests.attacks.estimate import histograms_of, of_largest
from tests.attacks.result import Result, main, removed
from tests.oracle.oracle import REGION_A, region_a_measures
from tests.strategies import UNLIMITED

BOUNDS = {"output": 10**12, "emissions": 10**11}
TARGET = "output"
FOUND = "the largest output of a residual to within 10 %"


def sectors() -> dict[str, list[dict[str, int]]]:
    """The enterprises' integers by sector; the records say which is whose."""
    measures = region_a_measures()
    found: defaultdict[str, list[dict[str, int]]] = defaultdict(list)
    with REGION_A.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["sector"]].append(measures[row["enterprise_id"]][1])
    return dict(sorted(found.items()))


def run(weakened: bool, classes_per_octave: int = 2) -> Result:
    """Decide the table, then look for the closest estimate of anybody's output."""
    policy, by_sector = Policy(classes_per_octave=classes_per_octave), sectors()
    table = Table("sector", tuple(by_sector))
    leaves = list(by_sector.values())
    counts = [len(leaf) for leaf in leaves]
    with removed(weakened, suppression, "_withhold", lambda *_: frozenset()) as what:
        units = suppression.units(table, counts, policy)
        opened = {
            unit: histograms_of([m for leaf in unit for m in leaves[leaf]], BOUNDS, policy)
            for unit in units
        }
        decided = suppression.decide(table, counts, opened, policy, UNLIMITED)
    cells = list(zip(table.cells, decided, strict=True))
    published = [
        frozenset(leaf for leaf in cell.leaves if counts[leaf])
        for cell, one in cells
        if one.members
    ]
    estimates = [
        found
        for atom in atoms(published)
        if (found := of_largest([m[TARGET] for leaf in atom for m in leaves[leaf]]))
    ]
    best = min(estimates, key=lambda found: found.off_by)
    return Result(
        had="the published table, and the own value of one enterprise",
        did="took every published sector and its own value off the total",
        planted=FOUND,
        gained=FOUND if best.found else None,
        stopped_by=tuple(f"{cell.path}: {one.withheld}" for cell, one in cells if one.withheld),
        removed=what and f"secondary suppression ({what})",
        figures={
            "closest estimate": f"{float(best.off_by):.2%} too high",
            "sectors withheld": [cell.path for cell, one in cells if one.withheld],
        },
    )


if __name__ == "__main__":
    main(run, __doc__)
