"""Every row of both example record sets equals the oracle, to the last unit."""

from __future__ import annotations

import csv
import time
from collections import Counter
from fractions import Fraction

import pytest

from accounting.factor_files import load_set
from accounting.measures import Intake, compute_file
from tests.accounting.paths import REGION_A, US_PLANTS, unshipped
from tests.oracle import oracle


@pytest.fixture(scope="module")
def region_a() -> Intake:
    return compute_file(REGION_A / "region_a.csv", REGION_A / "mapping.toml")


@pytest.fixture(scope="module")
def plants() -> Intake:
    return compute_file(US_PLANTS / "us_plants_2010_2019.csv", US_PLANTS / "mapping.toml")


def _compare(intake: Intake, expected: oracle.Expected) -> None:
    assert [e.enterprise for e in intake.enterprises] == list(expected)
    for enterprise in intake.enterprises:
        cohort, integers, reason = expected[enterprise.enterprise]
        assert enterprise.cohort == cohort
        assert enterprise.integers == integers, enterprise.enterprise
        assert (enterprise.excluded is None) == (reason is None), enterprise.enterprise


def test_region_a_equals_the_oracle_in_every_row(region_a: Intake) -> None:
    _compare(region_a, oracle.region_a_measures())
    assert len(region_a.included) == 72


def test_plants_equal_the_oracle_in_every_row(plants: Intake) -> None:
    _compare(plants, oracle.us_plants_measures())


def test_excluded_plants_are_those_without_factor_or_electricity(plants: Intake) -> None:
    reasons = Counter(
        tuple((str(f.code), f.column, f.text) for f in e.findings) for e in plants.excluded
    )
    assert reasons == {
        (("missing-factor", "state", "PR"),): 33,
        (("missing", "electricity_kwh", ""),): 1,
    }


def test_six_plants_land_on_half_a_kilogram(plants: Intake) -> None:
    halves = [
        e.values["emissions"]
        for e in plants.included
        if e.values["emissions"].exact.denominator == 2
    ]
    assert len(halves) == 6
    assert all(value.integer % 2 == 0 for value in halves)


def test_exactly_one_plant_is_over_the_plan_s_energy_bound(plants: Intake) -> None:
    assert sum(e.integers["energy"] > 20_000_000_000 for e in plants.included) == 1


def test_biogenic_carbon_is_a_memo_and_not_in_the_total(plants: Intake) -> None:
    with_wood = [e for e in plants.included if e.memo["emissions/biogenic"] > 0]
    assert len(with_wood) > 50
    for e in with_wood:
        scopes = e.memo["emissions/scope 1"] + e.memo["emissions/scope 2"]
        assert e.values["emissions"].exact == scopes


def test_blank_fuels_are_counted(plants: Intake) -> None:
    assert plants.not_used["paper_mmbtu"] == 4338
    assert plants.not_used["natural_gas_mmbtu"] == 725
    fuels = [c for c in plants.not_used if c.endswith("_mmbtu")]
    no_fuel = [e for e in plants.enterprises if e.notes and all(f in e.notes[0] for f in fuels)]
    assert len(no_fuel) == 482


def test_definitions_name_the_factor_sets_with_their_hashes(plants: Intake) -> None:
    definitions = dict(plants.definitions)
    assert definitions["convention"] == "emission_factor"
    assert definitions["gas_basis"] == "CO2"
    for name in ("us-fuels", "us-grid-2023"):
        assert load_set(name).label in definitions["factor_set"]


def test_all_plants_take_a_few_seconds() -> None:
    start = time.perf_counter()
    compute_file(US_PLANTS / "us_plants_2010_2019.csv", US_PLANTS / "mapping.toml", check=True)
    assert time.perf_counter() - start < 15


def test_factor_sets_carry_the_published_numbers() -> None:
    fuels = load_set("us-fuels")
    with unshipped("fuel_factors_us.csv").open() as file:
        for row in csv.DictReader(file):
            factor = fuels.emission(row["column"].removesuffix("_mmbtu"))
            assert factor.value == Fraction(row["kgco2_per_mmbtu"])
            assert factor.biogenic == (row["fuel"] in {"Wood", "Paper"})
    grid = load_set("us-grid-2023")
    with unshipped("grid_factors_us_2023.csv").open() as file:
        for row in csv.DictReader(file):
            region = "US" if row["state"] == "usa" else f"US-{row['state']}"
            assert grid.emission(region).value == Fraction(row["kgco2_per_mwh"])


def test_half_even_of_the_oracle() -> None:
    halves = [Fraction(n, 2) for n in range(-9, 10)]
    assert [oracle.half_even(h) for h in halves] == [round(h) for h in halves]
