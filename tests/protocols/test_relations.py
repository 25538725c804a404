"""Relations check themselves, hold for members up to rounding, and keep their bytes apart."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.units import known_units
from protocols.encoding import to_integer
from protocols.errors import PlanError
from protocols.relations import (
    Part,
    Relation,
    Unrelated,
    broken,
    read_relation,
    relation_message,
)
from protocols.template import PlanTemplate
from protocols.unit_kinds import AREA, COUNT, FLOW, MONEY, TIME, kind_of, may_be_tied
from protocols.wire.codec import decode, encode
from protocols.wire.messages_pb2 import Relation as RelationMessage
from tests.oracle import oracle
from tests.strategies import frame

EXAMPLES = Path(__file__).parents[2] / "examples"
ENERGY = Relation("energy", (Part("electricity", Fraction("3.6")),), "fuel")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Part("a", Fraction(0)), "must be exact and positive"),
        (lambda: Part("a", Fraction(-1)), "must be exact and positive"),
        (lambda: Part("a", 3.6), "must be exact and positive"),  # type: ignore[arg-type]
        (lambda: Part("a", Fraction(1, 1 << 64)), "limited to 64 bits"),
        (lambda: Relation("a", ()), "has no parts"),
        (lambda: Relation("a", (Part("a"),)), "names a measure twice"),
        (lambda: Relation("a", (Part("b"), Part("b"))), "names a measure twice"),
        (lambda: Relation("a", (Part("b"),), "b"), "names a measure twice"),
        (lambda: Relation("a", (Part("b"),), "c", complete=True), "choose one"),
        (lambda: Relation("a", (Part("b", None),), complete=True), "lowest factor that anybody"),
        (lambda: Unrelated(("a",), "x"), "name two measures or more"),
        (lambda: Unrelated(("a", "a"), "x"), "name two measures or more, each once"),
        (lambda: Unrelated(("a", "b"), ""), "the reason why a and b are unrelated"),
    ],
)
def test_declarations_that_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        make()


relations = st.builds(
    Relation,
    st.just("total"),
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.none() | st.fractions(Fraction(1, 99), 99, max_denominator=999),
        ),
        min_size=1,
        unique_by=lambda pair: pair[0],
    ).map(lambda pairs: tuple(Part(name, factor) for name, factor in pairs)),
    st.sampled_from(["", "rest"]),
)


@given(relations)
def test_bytes_round_trip(relation: Relation) -> None:
    data = encode(relation_message(relation))
    assert read_relation(decode(RelationMessage, data, 1 << 16)) == relation


def test_an_absent_factor_is_not_one() -> None:
    one, none = (Relation("total", (Part("a", f),), "rest") for f in (Fraction(1), None))
    assert encode(relation_message(one)) != encode(relation_message(none))


values = st.fractions(0, 10**6, max_denominator=10**4)


@given(relations, st.fixed_dictionaries(dict.fromkeys(("a", "b", "c", "rest"), values)))
def test_rounding_breaks_nothing(relation: Relation, exact: dict[str, Fraction]) -> None:
    """Exact values that fulfil a relation, each rounded once."""
    total = exact["rest"]
    for part in relation.parts:
        total += (Fraction(7, 3) if part.factor is None else part.factor) * exact[part.measure]
    integers = {name: to_integer(value) for name, value in exact.items()}
    integers["total"] = to_integer(total)
    assert broken((relation,), integers) == []


@pytest.mark.parametrize(("fuel", "holds"), [(7, False), (8, True), (12, True), (13, False)])
def test_more_than_rounding(fuel: int, holds: bool) -> None:
    """100 is 3.6 * 25 + 10, and rounding explains (1 + 3.6 + 1) / 2 = 2.8 at most."""
    integers = {"energy": 100, "electricity": 25, "fuel": fuel}
    assert (broken((ENERGY,), integers) == []) is holds


def test_a_remainder_that_would_be_negative() -> None:
    """A mapping that takes zero for it does not make the parts fit the total."""
    assert broken((ENERGY,), {"energy": 80, "electricity": 25, "fuel": 0}) == [ENERGY]


def test_what_is_not_known_may_be_anything_above_zero() -> None:
    own = Relation("emissions", (Part("electricity", None),), "fuel")
    rest = Relation("emissions", (Part("fuel"),))
    good = {"emissions": 100, "electricity": 5, "fuel": 40}
    assert broken((own, rest), good) == []
    assert broken((own, rest), {**good, "fuel": 110}) == [own, rest]
    complete = Relation("emissions", (Part("fuel"),), complete=True)
    assert broken((complete,), good) == [complete]


def test_a_measure_that_the_member_lacks_is_no_contradiction() -> None:
    assert broken((ENERGY,), {"energy": 80, "electricity": 25}) == []


@pytest.mark.parametrize("name", ["region_a", "us_plants"])
def test_every_enterprise_of_the_examples_fulfils_its_plan(name: str) -> None:
    plan = PlanTemplate.load(EXAMPLES / name / "plan.toml").instantiate(**frame())
    rows = oracle.region_a_measures() if name == "region_a" else oracle.us_plants_measures()
    assert plan.relations
    found = {who: broken(plan.relations, m) for who, (_, m, _) in rows.items() if m}
    assert {who: relations for who, relations in found.items() if relations} == {}


def test_every_unit_of_the_accounting_has_its_kind() -> None:
    """A unit that is not listed is asked about beside every other, which plans should be spared."""
    found: dict[str | None, set[str]] = {}
    for unit in known_units():
        found.setdefault(kind_of(unit), set()).add(unit)
    assert {kind: found[kind] for kind in found if kind not in (FLOW, MONEY)} == {
        AREA: {"m2", "ft2", "sqft", "sq ft", "平方米", "平方英尺"},
        COUNT: {"piece", "person"},
        TIME: {"h"},
        None: {"1", "%"},
    }


@pytest.mark.parametrize(
    ("kind", "spellings"),
    [
        (FLOW, "10 MWh;mwh;million Nm3;kg CO2;t CO2;kg CO2e;m³;Nm³;kW h;kW·h;kW.h;ｋＷｈ"),
        (FLOW, "10^4 kWh;10⁴ kWh;1e4kWh;10**4 kWh;2 x 10^3 kWh;万千瓦时;百万千焦;1,000 t"),
        (FLOW, "tons;kilogram;Sm3;cubic metre;short ton;kWh/a;kgCO2/a;kWh per year;MWh/yr"),
        (MONEY, "1e4 yuan;万元;亿元;million USD;EUR/a"),
        (AREA, "m²;sq ft"),
        (None, "kWh el;GJ LHV;widgets;1e3 widgets;1;%;unit;kgce/t;10"),
    ],
)
def test_spellings_of_units(kind: str | None, spellings: str) -> None:
    assert {text: kind_of(text) for text in spellings.split(";")} == dict.fromkeys(
        spellings.split(";"), kind
    )


@given(st.text(max_size=40), st.sampled_from(sorted(known_units())))
def test_what_is_not_listed_may_be_tied_to_everything(unit: str, other: str) -> None:
    assert may_be_tied(unit, other) is may_be_tied(other, unit)
    assert may_be_tied(unit, other) is (
        kind_of(unit) is None or kind_of(other) in (None, kind_of(unit))
    )
    assert may_be_tied(unit, "widgets")
