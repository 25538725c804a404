"""What public factors give away of the real plants to a reader who knows the fuels and states.

Sums of energy, emissions and electricity are published, and every factor is public. Suppose that
the reader even knows power's emissions apart from those of fuels, which fuels a sector burns, and
in which states it is. Of two sums over the same fuels (energy and emissions) all weighted
differences that are negative for no plant are positive combinations of two: emissions above those
of the least of the fuels, and what is missing to the greatest. Likewise for power. These four must
be safe; sums of safe measures are.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import lcm

from protocols.policy import safe
from tests.oracle import oracle
from tests.protocols.test_examples import us_plants
from tests.strategies import NO_LIMITS

ENERGY_BOUND = 20_000_000_000


@dataclass(frozen=True)
class Activity:
    """One plant's heat in MMBtu, or power in kWh, by its factor in kg."""

    amounts: dict[Fraction, Fraction]

    def above(self, least: Fraction) -> Fraction:
        return sum(((f - least) * x for f, x in self.amounts.items()), Fraction(0))

    def below(self, greatest: Fraction) -> Fraction:
        return -self.above(greatest)


def fuel_factors() -> dict[str, Fraction]:
    """kg/MMBtu by column; biogenic fuels count nothing."""
    known = oracle.factors("us-fuels")
    fossil = [name for name in oracle.FUELS if name not in oracle.BIOGENIC]
    counted = {name: known[name.removesuffix("_mmbtu")] for name in fossil}
    return dict.fromkeys(oracle.BIOGENIC, Fraction(0)) | counted


@cache
def plants() -> dict[str, list[tuple[Activity, Activity]]]:
    """Fuels and power of the plants that the example admits, by sector."""
    known, grid = fuel_factors(), oracle.factors("us-grid-2023")
    measured = oracle.us_plants_measures()
    found = defaultdict(list)
    with oracle.US_PLANTS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sector, own, reason = measured[row["plant_id"]]
            if reason is not None or own["energy"] > ENERGY_BOUND:
                continue
            heat: dict[Fraction, Fraction] = defaultdict(Fraction)
            for name in oracle.FUELS:
                if row[name] and Fraction(row[name]):
                    heat[known[name]] += Fraction(row[name])
            power = {grid[f"US-{row['state']}"] / 1000: Fraction(row["electricity_kwh"])}
            found[sector].append((Activity(heat), Activity(power)))
    return found


def whole(values: Sequence[Fraction]) -> list[int]:
    """The values in a unit so small that all are whole; rules do not depend on the unit."""
    common = lcm(*(value.denominator for value in values))
    return [int(value * common) for value in values]


def sectors(*, energy: bool) -> list[str]:
    """The published ones with, or without, their energy."""
    _, rounds, _ = us_plants()
    return [
        cohort
        for cohort, played in rounds.items()
        if not played.certificate.withheld
        and energy == ("energy" in played.certificate.cohort_measures)
    ]


def readings(
    activities: Iterable[Activity], public: Iterable[Fraction]
) -> dict[tuple[str, Fraction], list[Fraction]]:
    """Both ends for every list of factors that holds all true ones: only its ends matter."""
    own, factors = list(activities), set(public)
    true = {factor for one in own for factor in one.amounts}
    low = {("above", f): [x.above(f) for x in own] for f in factors if f <= min(true)}
    high = {("below", f): [x.below(f) for x in own] for f in factors if f >= max(true)}
    return low | high


def test_whoever_knows_a_sectors_fuels_and_states_finds_no_unsafe_sum() -> None:
    _, rounds, _ = us_plants()
    fuels = set(fuel_factors().values())
    grids = {factor / 1000 for factor in oracle.factors("us-grid-2023").values()}
    tried = 0
    for cohort in sectors(energy=True):
        for activities, public in zip(
            zip(*plants()[cohort], strict=True), (fuels, grids), strict=True
        ):
            for reading, values in readings(activities, public).items():
                assert min(values) >= 0
                assert safe(whole(values), rounds[cohort].plan.policy, NO_LIMITS), (cohort, reading)
                tried += 1
    print(f"{tried} readings of {len(sectors(energy=True))} sectors are safe")
    assert tried > 60


def test_energy_would_give_away_the_fuels_of_most_sectors_that_withhold_it() -> None:
    _, rounds, _ = us_plants()
    gas = oracle.GAS_KG_PER_MMBTU
    unsafe = set()
    for cohort in sectors(energy=False):
        found = readings([fuels for fuels, _ in plants()[cohort]], [gas])
        if ("above", gas) in found:  # nobody burns wood or paper
            values = whole(found["above", gas])
            unsafe |= set() if safe(values, rounds[cohort].plan.policy, NO_LIMITS) else {cohort}
    assert unsafe == {"22", "27", "33", "36", "38"}
