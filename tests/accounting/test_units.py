"""Exact conversions, and errors that name the close matches."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.errors import UnitError
from accounting.units import convert, known_units, parse_unit


@pytest.mark.parametrize(
    ("value", "unit", "target", "expected"),
    [
        ("1", "kWh", "MJ", "3.6"),
        ("1", "MWh", "GJ", "3.6"),
        ("1", "MMBtu", "MJ", "1055.05585262"),
        ("1", "kgce", "kJ", "29307.6"),
        ("1", "tce", "GJ", "29.3076"),
        ("1", "1e4 Nm3", "Nm3", "10000"),
        ("1", "10 MWh", "kWh", "10000"),
        ("1", "万元", "yuan", "10000"),
        ("2", "10 万元", "yuan", "200000"),
        ("1", "million yuan", "1e4 yuan", "100"),
        ("1", "万千瓦时", "MWh", "10"),
        ("1", "ft2", "m2", "0.09290304"),
        ("1", "short_ton", "kg", "907.18474"),
        ("1", "tCO2/MWh", "kgCO2/kWh", "1"),
        ("100", "yuan/tCO2", "100 yuan/tCO2", "1"),
        ("1", "gCO2/kWh", "kgCO2/MWh", "1"),
    ],
)
def test_conversions(value: str, unit: str, target: str, expected: str) -> None:
    assert convert(Fraction(value), unit, target) == Fraction(expected)


@pytest.mark.parametrize(
    ("unit", "hint"),
    [("mwh", "MWh"), ("KWH", "kWh"), ("Kg", "kg"), ("kgCO", "kgCO2"), ("furlong", "known units")],
)
def test_unknown_units_name_close_matches(unit: str, hint: str) -> None:
    with pytest.raises(UnitError, match=hint):
        parse_unit(unit)


@pytest.mark.parametrize(
    ("unit", "target"),
    [
        ("kgCO2", "kgCO2e"),
        ("yuan", "USD"),
        ("m3", "Nm3"),
        ("t", "MJ"),
        ("kgCO2/kWh", "kgCO2"),
        ("t", "tCO2"),
    ],
)
def test_incompatible_units_do_not_convert(unit: str, target: str) -> None:
    with pytest.raises(UnitError, match="cannot convert"):
        convert(1, unit, target)


@pytest.mark.parametrize("text", ["", "/", "kg/", "a/b/c", "0 kg", "1e99 kg", "1e4"])
def test_malformed_units(text: str) -> None:
    with pytest.raises(UnitError):
        parse_unit(text)


@given(
    st.fractions(0, 10**12),
    st.sampled_from([u for u in known_units() if parse_unit(u).has("energy")]),
    st.sampled_from([u for u in known_units() if parse_unit(u).has("energy")]),
)
def test_energy_converts_there_and_back(value: Fraction, unit: str, target: str) -> None:
    assert convert(convert(value, unit, target), target, unit) == value


@given(st.text(max_size=12))
def test_any_text_is_a_unit_or_a_unit_error(text: str) -> None:
    try:
        unit = parse_unit(text)
    except UnitError:
        return
    assert unit.scale > 0
