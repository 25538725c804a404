"""A measure without classes of its own: natural gas beside sales and emissions, on real plants.

Bands that are safe for sales and emissions need not be safe for gas: many plants burn none. In
some band nearly all gas is one plant's, and the second largest user reckons it from the band's sum.
What stops it: every published measure has size classes, and a band must pass for each of them.

Removed by ``--weakened``: the classes of gas in the decision (``bands.check_measure``). How often
it happens in all sectors: ``--sectors 20,26,...``, or ``all`` of at least thirty plants.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path

from protocols import bands
from protocols.bands import BandDecision, BinRange, decide_bands, tentative_bands
from protocols.bins import bin_of, log_edges
from protocols.plan_terms import Policy
from protocols.policy import Histogram, PublicLimits, Violation, check_cell, check_measure
from tests.attacks.estimate import histograms_of, of_largest
from tests.attacks.result import Result, removed
from tests.oracle.oracle import MJ_PER_MMBTU, US_PLANTS, half_even, us_plants_measures
from tests.strategies import UNLIMITED

GAS = "natural_gas"
BOUNDS = {"sales": 10**11, "emissions": 10**10, GAS: 2 * 10**10}
SECTOR = "22"
LEAST_PLANTS = 30
FOUND = "the largest gas user of a band to within 10 %"

Plant = Mapping[str, int]


@cache
def plants() -> dict[str, list[Plant]]:
    """Sales, emissions and natural gas (MJ) of every usable plant, by sector."""
    found: dict[str, list[Plant]] = {}
    gas = _gas(US_PLANTS)
    for plant, (sector, measures, reason) in us_plants_measures().items():
        if reason is None and measures["emissions"]:
            found.setdefault(sector, []).append({**measures, GAS: gas[plant]})
    return found


def run(weakened: bool, sectors: tuple[str, ...] = (SECTOR,)) -> Result:
    """Bands by CEF as the example's plan has them; then the closest estimate of anybody's gas."""
    policy = Policy()
    failed = total = 0
    stopped: set[str] = set()
    closest: list[Fraction] = []
    check = without_gas if weakened else check_cell
    with removed(weakened, bands, "check_measure", unless_gas) as what:
        for sector in sectors:
            cells, decision = decide(plants()[sector], policy)
            for members in cells(decision.bands):
                estimate = of_largest([plant[GAS] for plant in members])
                total += 1
                failed += estimate is not None and estimate.found
                closest += [estimate.off_by] if estimate else []
            for members in cells(_tentative(plants()[sector], policy)):
                stopped |= {
                    violation.text
                    for violation in check(_classes(members, policy), policy, UNLIMITED)
                    if violation.measure == GAS
                }
    return Result(
        had="the sums of gas by band, and the own use of one plant",
        did="took its own gas off the band's",
        planted=FOUND,
        gained=FOUND if failed else None,
        stopped_by=tuple(sorted(stopped)),
        removed=what and f"the classes of {GAS} ({what})",
        figures={
            "bands": total,
            "of these give somebody away": failed,
            "closest estimate": f"{float(min(closest)):.3%} too high" if closest else None,
        },
    )


def decide(
    members: list[Plant], policy: Policy
) -> tuple[Callable[[tuple[BinRange, ...]], list[list[Plant]]], BandDecision]:
    """The bands of one sector, and a function that gives the plants in each of some bands."""
    tentative = _tentative(members, policy)

    def cells(ranges: tuple[BinRange, ...]) -> list[list[Plant]]:
        return [[m for m in members if r.first <= _bin(m, members) < r.end] for r in ranges]

    opened = [_classes(inside, policy) for inside in cells(tentative)]
    return cells, decide_bands(tentative, opened, policy, UNLIMITED)


def unless_gas(
    measure: str, histogram: Histogram, policy: Policy, limits: PublicLimits
) -> Violation | None:
    """Stands in for :func:`protocols.policy.check_measure`: as if gas had no classes."""
    return None if measure == GAS else check_measure(measure, histogram, policy, limits)


def without_gas(
    histograms: Mapping[str, Histogram], policy: Policy, limits: Mapping[str, PublicLimits]
) -> tuple[Violation, ...]:
    """The same for whole cells."""
    return check_cell({name: h for name, h in histograms.items() if name != GAS}, policy, limits)


def _tentative(members: list[Plant], policy: Policy) -> tuple[BinRange, ...]:
    own = [_bin(member, members) for member in members]
    return tentative_bands([own.count(b) for b in range(_bins(members))], policy)


def _classes(members: list[Plant], policy: Policy) -> dict[str, tuple[int, ...]]:
    return histograms_of(members, BOUNDS, policy)


def _bins(members: list[Plant]) -> int:
    """32 bins up to 100 plants, 64 above."""
    return 32 if len(members) <= 100 else 64


def _bin(member: Plant, members: list[Plant]) -> int:
    edges = _edges(_bins(members))
    return bin_of(member["sales"], member["emissions"], edges)


@cache
def _edges(bins: int) -> tuple[Fraction, ...]:
    """1,000 to 1,000,000 USD/tCO2, as the example has it, in USD/kg."""
    return tuple(edge / 1000 for edge in log_edges(Fraction(1000), Fraction(10**6), bins))


def _gas(path: Path) -> dict[str, int]:
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["plant_id"]: half_even(Fraction(row["natural_gas_mmbtu"] or 0) * MJ_PER_MMBTU)
            for row in csv.DictReader(file)
        }


def main() -> None:
    """``python -m tests.attacks.unclassed_measure [--weakened] [--sectors 20,26]``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weakened", action="store_true", help="gas has no classes")
    parser.add_argument("--sectors", default=SECTOR, help="two-digit sectors, or all")
    asked = parser.parse_args()
    every = sorted(s for s, members in plants().items() if len(members) >= LEAST_PLANTS)
    chosen = tuple(every if asked.sectors == "all" else asked.sectors.split(","))
    for line in run(asked.weakened, chosen).lines():
        print(line)


if __name__ == "__main__":
    main()
