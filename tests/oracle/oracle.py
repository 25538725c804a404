"""What every node's integers must be, recomputed from the CSV and factor files alone.

Nothing of the project is imported: csv, json and fractions only, the definitions written out by
hand. Every function returns `{enterprise: (cohort, {measure: integer}, excluded reason or None)}`;
the integers are exact values rounded once, half to even, and empty for an excluded enterprise.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REGION_A = ROOT / "examples" / "region_a" / "region_a.csv"
US_PLANTS = ROOT / "examples" / "us_plants" / "us_plants_2010_2019.csv"
FACTOR_SETS = ROOT / "accounting" / "factor_sets"

Expected = dict[str, tuple[str, dict[str, int], str | None]]

MJ_PER_KWH = Fraction(36, 10)
MJ_PER_MMBTU = Fraction("1055.05585262")
KG_PER_KWH_FLOOR = Fraction("0.7034")
CLEANEST_KG_PER_KWH = Fraction("0.023695")
DIRTIEST_KG_PER_KWH = Fraction("0.893064")
GAS_KG_PER_MMBTU = Fraction("53.06")
COAL_KG_PER_MMBTU = Fraction("94.67")
BIOGENIC = ("wood_mmbtu", "paper_mmbtu")
FUELS = (
    "natural_gas_mmbtu",
    "lpg_mmbtu",
    "fuel_oil_1_mmbtu",
    "fuel_oil_2_mmbtu",
    "fuel_oil_4_mmbtu",
    "fuel_oil_6_mmbtu",
    "coal_mmbtu",
    "wood_mmbtu",
    "paper_mmbtu",
    "other_gas_mmbtu",
    "other_energy_mmbtu",
)


def half_even(value: Fraction) -> int:
    """Round half to even by whole numbers, not by Python's own round."""
    floor, rest = divmod(value.numerator, value.denominator)
    twice = 2 * rest
    if twice > value.denominator or (twice == value.denominator and floor % 2 == 1):
        return floor + 1
    return floor


def region_a_measures(path: Path = REGION_A) -> Expected:
    """Region A: output (yuan), emissions (kg), electricity (kWh), other emissions (kg)."""
    expected: Expected = {}
    for row in _rows(path):
        emissions = Fraction(row["emissions_tco2"]) * 1000
        electricity = Fraction(row["electricity_mwh"]) * 1000
        other = half_even(emissions - KG_PER_KWH_FLOOR * electricity)
        measures = {
            "output": half_even(Fraction(row["output_yuan"])),
            "emissions": half_even(emissions),
            "electricity": half_even(electricity),
            "other_emissions": max(0, other),
        }
        expected[row["enterprise_id"]] = ("region-a", measures, None)
    return expected


def us_plant_fractions(path: Path = US_PLANTS) -> dict[str, dict[str, Fraction]]:
    """The exact values of every plant that has electricity and a grid factor."""
    fuel_factors = factors("us-fuels")
    grid = factors("us-grid-2023")
    exact: dict[str, dict[str, Fraction]] = {}
    for row in _rows(path):
        state = grid.get(f"US-{row['state']}")
        if state is None or row["electricity_kwh"] == "":
            continue
        electricity = Fraction(row["electricity_kwh"])
        heat = {fuel: Fraction(row[fuel] or 0) for fuel in FUELS}
        fuel_energy = sum(heat.values(), Fraction(0)) * MJ_PER_MMBTU
        fuel_emissions = sum(
            (
                amount * fuel_factors[fuel.removesuffix("_mmbtu")]
                for fuel, amount in heat.items()
                if fuel not in BIOGENIC
            ),
            Fraction(0),
        )
        fossil = sum(amount for fuel, amount in heat.items() if fuel not in BIOGENIC)
        power = electricity * state / 1000
        exact[row["plant_id"]] = {
            "sales": Fraction(row["sales_usd"]),
            "emissions": power + fuel_emissions,
            "energy": electricity * MJ_PER_KWH + fuel_energy,
            "electricity": electricity,
            "fuel_energy": fuel_energy,
            "fuel_emissions": fuel_emissions,
            "fossil_fuel_energy": fossil * MJ_PER_MMBTU,
            "fuels_heavier_than_gas": fuel_emissions - fossil * GAS_KG_PER_MMBTU,
            "fuels_lighter_than_coal": fuel_energy
            - fuel_emissions / COAL_KG_PER_MMBTU * MJ_PER_MMBTU,
            "electricity_emissions": power,
            "power_above_cleanest_grid": power - CLEANEST_KG_PER_KWH * electricity,
            "electricity_from_dirtiest_grid": DIRTIEST_KG_PER_KWH * electricity,
            "power_below_dirtiest_grid": DIRTIEST_KG_PER_KWH * electricity - power,
        }
    return exact


def us_plants_measures(path: Path = US_PLANTS) -> Expected:
    """The plants, by sector: see `us_plant_fractions`; the others with the reason."""
    grid = factors("us-grid-2023")
    exact = us_plant_fractions(path)
    expected: Expected = {}
    for row in _rows(path):
        plant, cohort = row["plant_id"], row["sector_sic2"]
        if plant in exact:
            integers = {name: half_even(value) for name, value in exact[plant].items()}
            expected[plant] = (cohort, integers, None)
        elif f"US-{row['state']}" not in grid:
            expected[plant] = (cohort, {}, f"no grid factor for {row['state']}")
        else:
            expected[plant] = (cohort, {}, "no electricity")
    return expected


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def factors(name: str) -> dict[str, Fraction]:
    """The factors of a set by their ids, in the set's own units."""
    document = json.loads((FACTOR_SETS / f"{name}.json").read_text(encoding="utf-8"))
    return {factor["id"]: Fraction(factor["value"]) for factor in document["factors"]}
