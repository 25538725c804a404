"""Factor sets: provenance, conventions kept apart, missing factors, hashes; and what uses them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from accounting import combustion, emissions, energy
from accounting.errors import FactorError, MissingFactorError, UnitError
from accounting.factor_files import SET_FOLDER, available_sets, load_set, parse_set
from accounting.factors import Convention, GasBasis, common_basis


@pytest.mark.parametrize("name", available_sets())
def test_every_set_loads_with_provenance(name: str) -> None:
    factors = load_set(name)
    assert factors.id == name
    assert len(factors.hash) == 64
    assert all(f.source and f.licence for f in factors.factors.values())


def test_hash_is_of_content_not_of_layout() -> None:
    data = (SET_FOLDER / "cn-heat.json").read_bytes()
    document = json.loads(data)
    relaid = json.dumps(document, indent=7).encode()
    assert parse_set(relaid, "x").hash == parse_set(data, "x").hash
    document["factors"][0]["value"] = "0.12"
    assert parse_set(json.dumps(document).encode(), "x").hash != parse_set(data, "x").hash


def _heat(**changes: Any) -> bytes:
    document = json.loads((SET_FOLDER / "cn-heat.json").read_bytes())
    document["factors"][0].update(changes)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"value": 0.11}, "value"),
        ({"value": "-0.11"}, "value"),
        ({"value": "1e3"}, "value"),
        ({"unit": "tCO2/furlong"}, "furlong"),
        ({"unit": "tCO2e/GJ"}, "gas basis"),
        ({"source": ""}, "source"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_malformed_sets_are_refused(changes: dict[str, Any], hint: str) -> None:
    with pytest.raises(FactorError, match=hint):
        parse_set(_heat(**changes), "test.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_other_bytes_are_no_factor_set(data: bytes) -> None:
    with pytest.raises(FactorError):
        parse_set(data, "test.json")


def test_missing_regions_are_errors_and_never_an_average() -> None:
    provinces = load_set("cn-grid-provinces-2023")
    for region in ("CN-XZ", "西藏", "Tibet", "Hong Kong", "Macao", "Taiwan"):
        with pytest.raises(MissingFactorError):
            provinces.for_region("electricity", region)
    assert provinces.for_region("electricity", "浙江省").value == Fraction("497.4")
    assert provinces.for_region("electricity", "zhejiang").id == "CN-ZJ"
    assert len(provinces.factors) == 30


def test_several_years_have_to_be_chosen_from() -> None:
    averages = load_set("cn-grid-averages")
    with pytest.raises(FactorError, match="year"):
        averages.for_region("electricity", "CN")
    assert averages.for_region("electricity", "CN", 2022).value == Fraction("0.5366")


def test_a_footprint_is_no_emission_factor() -> None:
    footprints = load_set("cn-electricity-footprint")
    assert footprints.footprint("CN/2023").value == Fraction("0.6205")
    with pytest.raises(FactorError, match="life_cycle_footprint"):
        footprints.emission("CN/2023")
    with pytest.raises(FactorError, match="emission_factor"):
        load_set("cn-grid-averages").footprint("CN/2023")
    with pytest.raises(FactorError, match="not an emission factor"):
        emissions.electricity_emissions(1, "kWh", footprints.factor("CN/2023"))  # type: ignore[arg-type]
    with pytest.raises(FactorError, match="do not add up"):
        common_basis([footprints.factor("CN/2023"), load_set("cn-heat").factor("heat")])


@pytest.mark.parametrize(
    ("name", "fuel", "printed"),
    [
        ("cn-fuels-industry", "anthracite", "2.323"),
        ("cn-fuels-industry", "bituminous", "2.072"),
        ("cn-fuels-industry", "fuel_oil", "3.047"),
        ("cn-fuels-industry", "gasoline", "3.043"),
        ("cn-fuels-industry", "diesel", "3.145"),
        ("cn-fuels-industry", "lpg", "2.954"),
        ("cn-fuels-industry", "natural_gas", "21.622"),
        ("cn-fuels-provincial-2025", "bituminous", "1.742"),
        ("cn-fuels-provincial-2025", "coke", "2.860"),
        ("cn-fuels-provincial-2025", "fuel_oil", "3.170"),
        ("cn-fuels-provincial-2025", "gasoline", "2.925"),
        ("cn-fuels-provincial-2025", "diesel", "3.096"),
        ("cn-fuels-provincial-2025", "lpg", "3.101"),
        ("cn-fuels-provincial-2025", "natural_gas", "21.622"),
    ],
)
def test_combustion_factors_at_printed_rounding(name: str, fuel: str, printed: str) -> None:
    factors = load_set(name)
    gas = fuel == "natural_gas"
    unit = "1e4 Nm3" if gas else "t"
    factor = combustion.fuel_factor(factors, fuel, unit)
    assert factor.unit == f"tCO2/{unit}"
    assert round(factor.value, 3) == Fraction(printed)
    by_hand = combustion.emission_factor_value(
        factors.factor(f"{fuel}/ncv").value,
        factors.factor(f"{fuel}/cc").value,
        factors.factor(f"{fuel}/of").value / 100,
    )
    assert factor.value == by_hand


def test_combustion_by_energy_skips_the_heating_value() -> None:
    factor = combustion.fuel_factor(load_set("cn-fuels-industry"), "diesel", "GJ")
    tonne = combustion.fuel_factor(load_set("cn-fuels-industry"), "diesel", "t")
    assert factor.value * Fraction("43.33") == tonne.value
    with pytest.raises(MissingFactorError):
        combustion.fuel_factor(load_set("cn-fuels-industry"), "peat", "t")
    with pytest.raises(FactorError, match="share"):
        combustion.emission_factor_value(Fraction(43), Fraction(20), Fraction(98))


def test_emissions_by_scope_with_biogenic_memo() -> None:
    us = load_set("us-fuels")
    parts = [
        emissions.fuel_emissions(10, "MMBtu", us.emission("natural_gas")),
        emissions.fuel_emissions(10, "MMBtu", us.emission("wood")),
        emissions.electricity_emissions(1000, "kWh", load_set("us-grid-2023").emission("US-OH")),
        emissions.heat_emissions(1, "GJ", load_set("cn-heat").emission("heat")),
    ]
    totals = emissions.total(parts)
    assert totals.fuels == Fraction("530.6")
    assert totals.purchased == Fraction("484.559") + 110
    assert totals.biogenic == 938
    assert totals.total == totals.fuels + totals.purchased
    assert (totals.convention, totals.gas_basis) == (Convention.EMISSION_FACTOR, GasBasis.CO2)


def test_units_that_do_not_fit_the_factor() -> None:
    with pytest.raises(UnitError):
        emissions.fuel_emissions(1, "t", load_set("us-fuels").emission("coal"))


def test_warming_potentials() -> None:
    gwp = load_set("gwp100")
    assert emissions.carbon_dioxide_equivalent(10, gwp.factor("CH4/AR5")) == 280
    assert emissions.carbon_dioxide_equivalent(10, gwp.factor("N2O/AR6")) == 2730
    with pytest.raises(FactorError):
        emissions.carbon_dioxide_equivalent(1, load_set("cn-heat").factor("heat"))


def test_standard_coal() -> None:
    gbt = load_set("gbt2589-2020")
    assert energy.standard_coal(10_000, "kWh", "electricity", gbt) == Fraction("1.229")
    assert energy.standard_coal(1, "t", "raw_coal", gbt) == Fraction("0.7143")
    assert energy.standard_coal(1, "1e4 Nm3", "natural_gas_38931", gbt) == Fraction("13.3")
    assert energy.standard_coal(100, "GJ", "heat", gbt) == Fraction("3.41")
    with pytest.raises(MissingFactorError, match="equal-value"):
        energy.standard_coal(1, "kWh", "electricity", gbt, energy.ElectricityReading.EQUAL_VALUE)
    with pytest.raises(MissingFactorError):
        energy.standard_coal(1, "t", "peat", gbt)
    with pytest.raises(UnitError, match="not a unit of energy"):
        energy.energy_coefficient("t", "MJ")


def test_a_set_of_one_s_own_by_file_name(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_bytes(_heat(value="0.07"))
    assert load_set("own.json", tmp_path).emission("heat").value == Fraction("0.07")
    with pytest.raises(FactorError, match="cannot read"):
        load_set("other.json", tmp_path)
    with pytest.raises(FactorError, match="available"):
        load_set("us-grids")
