"""The plan linter: what a reader can compute has size classes, or the plan is refused."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import pytest

from protocols.errors import PlanError
from protocols.plan import Level, Measure, Part, Relation, Unrelated
from protocols.plan_lint import Finding, lint
from protocols.relations import MAX_PARTS, MAX_RELATIONS, MAX_UNRELATED
from tests.strategies import PLAIN_MEASURES, plain_plan

COHORT = Level.COHORT


def measure(name: str, unit: str = "MJ", level: Level = Level.BAND) -> Measure:
    """A published measure."""
    return Measure(name, unit, 10**9, level=level)


def guard(name: str, *protects: str, unit: str = "MJ") -> Measure:
    """A guard: for the cohort if it protects something, else for bands."""
    level = COHORT if protects else Level.BAND
    return Measure(name, unit, 10**9, level=level, published=False, protects=protects)


def split(total: str, *parts: str, rest: str = "", complete: bool = False) -> Relation:
    """A relation with factors of one."""
    return Relation(total, tuple(Part(part) for part in parts), rest, complete)


def found(
    measures: tuple[Measure, ...], *relations: Relation, apart: tuple[str, ...] = (), **more: Any
) -> list[str]:
    """The findings as text."""
    unrelated = [Unrelated(apart, "a test")] if apart else []
    return [str(finding) for finding in lint(measures, relations, unrelated, **more)]


ENERGY, GAS, COAL = measure("energy"), measure("gas"), measure("coal")


def test_a_total_with_its_part_and_a_guard_for_the_rest() -> None:
    assert found((ENERGY, GAS, guard("rest")), split("energy", "gas", rest="rest")) == []


def test_a_total_and_a_part_without_the_remainder() -> None:
    (text,) = found((ENERGY, GAS), split("energy", "gas"))
    assert "a reader of 'energy' and 'gas' can compute the rest of energy in every band" in text
    assert "add a guard for it (published = false, level = 'band')" in text
    assert "name it in the relation of 'energy'" in text


def test_a_published_remainder_has_classes_of_its_own() -> None:
    assert found((ENERGY, GAS, COAL), split("energy", "gas", rest="coal")) == []


def test_parts_that_are_complete() -> None:
    assert found((ENERGY, GAS, COAL), split("energy", "gas", "coal", complete=True)) == []
    hidden = (ENERGY, GAS, guard("coal"))
    assert found(hidden, split("energy", "gas", "coal", complete=True)) == []


def test_a_total_of_which_no_part_is_published_needs_no_guard() -> None:
    assert found((ENERGY, guard("gas")), split("energy", "gas")) == []


def test_two_parts_of_a_total_that_is_not_published() -> None:
    total = guard("energy")
    assert found((total, GAS, COAL), split("energy", "gas", "coal")) == []


def test_a_guard_for_the_cohort_guards_no_band() -> None:
    rest = guard("rest", "power")
    power = measure("power", level=COHORT)
    (text,) = found((ENERGY, GAS, rest, power), split("energy", "gas", rest="rest"), apart=())
    assert "compute rest in every band" in text
    assert "give 'rest' level = 'band', or add a guard" in text


def test_a_part_for_the_cohort_only_is_not_subtracted_in_bands() -> None:
    power = measure("power", level=COHORT)
    rest = guard("rest", "power")
    assert found((ENERGY, power, rest), split("energy", "power", rest="rest")) == []
    # Beside another part of the bands it is in what remains there, so that has to be guarded.
    measures = (ENERGY, GAS, power, dataclasses.replace(rest, name="other"))
    (text,) = found(measures, split("energy", "gas", "power", rest="other"))
    assert "can compute other + power in every band" in text
    nested = (split("energy", "gas", rest="no_gas"), split("no_gas", "power", rest="other"))
    assert found((*measures, guard("no_gas")), *nested) == []


def test_nested_totals_are_seen_through() -> None:
    heat = guard("heat")
    relations = (split("energy", "heat", rest="rest"), split("heat", "gas", rest="other_heat"))
    every = (ENERGY, GAS, heat, guard("rest"), guard("other_heat"))
    assert found(every, *relations) == []
    # The guard in the middle splits off nothing that is published: energy less gas is the others.
    late = dataclasses.replace(guard("rest", "power"), name="rest")
    power = measure("power", "kWh", COHORT)
    (text,) = found((ENERGY, GAS, heat, late, guard("other_heat"), power), *relations)
    assert "can compute other_heat + rest in every band" in text


def test_a_failed_measure_takes_along_what_would_show_it() -> None:
    power, steam = measure("power", level=COHORT), measure("steam", level=COHORT)
    rest = guard("rest", "power", "steam")
    relation = split("energy", "power", "steam", rest="rest")
    texts = found((ENERGY, power, steam, rest), relation)
    assert len(texts) == 2
    assert "if 'power' fails the policy for the cohort, 'steam' would stay published" in texts[0]
    assert "give 'power' protects = [\"steam\"]" in texts[0]
    power = dataclasses.replace(power, protects=("steam",))
    steam = dataclasses.replace(steam, protects=("power",))
    assert found((ENERGY, power, steam, rest), relation) == []
    (text,) = found((ENERGY, power, steam, guard("rest", "power")), relation)
    assert 'give \'rest\' protects = ["power", "steam"]' in text


def test_a_total_of_the_cohort_goes_when_a_part_fails() -> None:
    total, power = measure("total", level=COHORT), measure("power", level=COHORT)
    relation = split("total", "power", rest="rest")
    texts = found((total, power, guard("rest", "total")), relation)
    assert texts == [
        "if 'power' fails the policy for the cohort, 'total' would stay published and show it, or "
        "a sum that it dominates: give 'power' protects = [\"total\"]"
    ]
    power = dataclasses.replace(power, protects=("total",))
    assert found((total, power, guard("rest", "total")), relation) == []


def test_the_cohort_needs_guards_as_bands_do() -> None:
    total, power = measure("total", level=COHORT), measure("power", level=COHORT)
    (text,) = found((total, power), split("total", "power"))
    assert "can compute the rest of total for the cohort" in text
    assert "add a guard for it (published = false, level = 'cohort')" in text


def test_a_table_keeps_a_relation_to_one_level() -> None:
    power, rest = measure("power", level=COHORT), guard("rest", "power")
    relation = split("energy", "power", rest="rest")
    (text,) = found((ENERGY, power, rest), relation, table=True)
    assert (
        "'energy' by the table's cells; with a table, a measure and its parts have one level"
        in text
    )
    assert (
        found((ENERGY, GAS, guard("rest")), split("energy", "gas", rest="rest"), table=True) == []
    )


BY_FUEL = split("energy", "gas", rest="other_fuels")
BY_SCOPE = split("energy", "scope_1", rest="scope_2")
SPLIT_TWICE = (ENERGY, GAS, measure("scope_1"), guard("other_fuels"), guard("scope_2"))


def test_two_splits_of_one_total_need_their_cross_cells() -> None:
    (text,) = found(SPLIT_TWICE, BY_FUEL, BY_SCOPE)
    assert "'energy' is split in two ways that do not end in the same measures" in text
    assert "(gas, other_fuels, scope_1, scope_2)" in text
    cells = (
        split("gas", "gas_1", "gas_2", complete=True),
        split("other_fuels", "other_1", "other_2", complete=True),
        split("scope_1", "gas_1", "other_1", complete=True),
        split("scope_2", "gas_2", "other_2", complete=True),
    )
    names = ("gas_1", "gas_2", "other_1", "other_2")
    assert found((*SPLIT_TWICE, *map(guard, names)), BY_FUEL, BY_SCOPE, *cells) == []
    texts = found((*SPLIT_TWICE, *map(guard, names)), BY_FUEL, BY_SCOPE, *cells[:-1])
    assert len(texts) == 1


def test_two_splits_with_other_factors_differ() -> None:
    halves = Relation("energy", (Part("gas", Fraction(1, 2)),), "rest")
    (text,) = found((ENERGY, GAS, guard("rest")), halves, split("energy", "gas", rest="rest"))
    assert "(gas)" in text


EMISSIONS, POWER = measure("emissions", "kgCO2"), measure("power", "kWh")
OWN_FACTORS = Relation("emissions", (Part("power", None),), "rest")


def test_an_omitted_factor_may_be_known_to_the_reader() -> None:
    assert found((EMISSIONS, POWER, guard("rest", unit="kgCO2")), OWN_FACTORS) == []
    (text,) = found((EMISSIONS, POWER), Relation("emissions", (Part("power", None),)))
    assert "can compute the rest of emissions in every band" in text


def test_an_omitted_factor_may_be_unknown_to_the_reader() -> None:
    fuel = measure("fuel", "kgCO2")
    # Emissions less those of fuel are those of power, at each member's factor: a new figure.
    relation = Relation("emissions", (Part("power", None),), "fuel")
    (text,) = found((EMISSIONS, POWER, fuel), relation)
    assert "can compute what power adds to emissions in every band" in text


@pytest.mark.parametrize(
    ("units", "asked"),
    [
        (("kWh", "MJ"), True),
        (("kWh", "kWh"), True),
        (("1e4 kWh", "tce"), True),
        (("kgCO2", "tCO2"), True),
        (("kgCO2", "kWh"), True),
        (("Nm3", "tCO2e"), True),
        (("yuan", "USD"), True),
        (("widgets", "widgets"), True),
        (("widgets", "kWh"), True),
        (("kWh el", "yuan"), True),
        (("1", "kgCO2"), True),
        (("kg CO2", "kWh"), True),
        (("m³", "kW·h"), True),
        (("10^4 kWh", "kgCO2/a"), True),
        (("10⁴ kWh", "tons"), True),
        (("m³", "yuan"), False),
        (("yuan", "kgCO2"), False),
        (("people", "kgCO2"), False),
        (("h", "kWh"), False),
        (("m2", "MJ"), False),
    ],
)
def test_pairs_that_have_to_be_declared(units: tuple[str, str], asked: bool) -> None:
    one, two = measure("one", units[0]), measure("two", units[1], COHORT)
    texts = found((one, two))
    assert len(texts) == int(asked)
    assert all(f"may connect 'one' ({units[0]}) and 'two' ({units[1]})" in text for text in texts)
    assert found((one, two), apart=("one", "two")) == []


def test_guards_of_nothing_are_not_asked_about() -> None:
    assert found((ENERGY, guard("spare"))) == []


def test_what_two_relations_leave_has_to_be_declared_too() -> None:
    measures = (ENERGY, EMISSIONS, POWER, guard("fuel"), guard("rest", unit="kgCO2"))
    relations = (Relation("energy", (Part("power", Fraction("3.6")),), "fuel"), OWN_FACTORS)
    (text,) = found(measures, *relations)
    assert "may connect 'fuel' (MJ) and 'rest' (kgCO2)" in text
    assert found(measures, *relations, apart=("fuel", "rest")) == []


def test_a_contradiction() -> None:
    (text,) = found(
        (ENERGY, GAS, guard("rest")), split("energy", "gas", rest="rest"), apart=("energy", "gas")
    )
    assert (
        "'energy' and 'gas' are declared unrelated, and by the relations they share 'gas'" in text
    )


def test_names_units_and_cycles() -> None:
    assert "the relation of 'energy' names 'oil'" in found((ENERGY,), split("energy", "oil"))[0]
    assert "unrelated names 'oil'" in found((ENERGY,), apart=("energy", "oil"))[0]
    (text,) = found((ENERGY, GAS, guard("rest", unit="GJ")), split("energy", "gas", rest="rest"))
    assert "is in GJ, not in MJ" in text
    loop = (split("energy", "gas"), split("gas", "coal"), split("coal", "gas"))
    (text,) = found((ENERGY, GAS, COAL), *loop)
    assert "the relations make 'gas' and 'coal' parts of each other" in text


def test_a_plan_refuses_and_says_how_to_mend_it() -> None:
    """As nodes and trustees see it: the bytes of a plan whose guard was left out are no plan."""
    with pytest.raises(PlanError, match=r"natural_gas.* can compute the rest of energy") as caught:
        plain_plan(
            measures=(*PLAIN_MEASURES[:2], measure("energy"), measure("natural_gas")),
            indicators=plain_plan().indicators[:1],
            relations=(split("energy", "natural_gas"),),
        )
    assert "add a guard" in str(caught.value)
    many = tuple(Measure(f"m{i}", "kWh", 9, level=COHORT) for i in range(9))
    with pytest.raises(PlanError, match="and 33 more like these"):
        plain_plan(measures=many, indicators=())


def test_declarations_are_bounded() -> None:
    plan = plain_plan()
    with pytest.raises(PlanError, match=f"at most {MAX_RELATIONS} relations"):
        dataclasses.replace(plan, relations=(OWN_FACTORS,) * (MAX_RELATIONS + 1))
    with pytest.raises(PlanError, match=f"and {MAX_UNRELATED} entries"):
        dataclasses.replace(plan, unrelated=plan.unrelated * (MAX_UNRELATED + 1))
    wide = split("emissions", *(f"p{i}" for i in range(MAX_PARTS + 1)))
    with pytest.raises(PlanError, match=f"at most {MAX_PARTS} parts"):
        dataclasses.replace(plan, relations=(wide,))


def test_findings_name_the_measures() -> None:
    (finding,) = lint((ENERGY, GAS), [split("energy", "gas")], [])
    assert finding == Finding(("energy", "gas"), finding.text, finding.mend)
    assert str(finding) == f"{finding.text}: {finding.mend}"
