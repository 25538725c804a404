"""Which measures of two plans over the same enterprises may both be published."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.plan import Level, Measure, Part, Plan, Relation, Unrelated
from protocols.shared_measures import Published, clash, published, words
from protocols.unit_kinds import may_be_tied
from tests.strategies import plain_plan

COHORT = Level.COHORT
ENERGY = Measure("energy", "MJ", 10**9, level=COHORT)
POWER = Measure("power", "kWh", 10**9, level=COHORT)
PART = replace(POWER, protects=("energy",))
FUEL = Measure("fuel", "MJ", 10**9, level=COHORT, published=False, protects=("energy", "power"))
WATER = Measure("water", "m3", 10**9, level=COHORT)
SALES = Measure("sales", "yuan", 10**9, level=COHORT)
SPLIT = Relation("energy", (Part("power", Fraction("3.6")),), "fuel")
APART = Unrelated(("energy", "power", "fuel", "water"), "water is not used for heat")


def plan(*measures: Measure, relations: tuple[Relation, ...] = (), apart: bool = False) -> Plan:
    """A plan that publishes totals of these."""
    names = [name for name in APART.measures if name in {m.name for m in measures}]
    if relations:  # what relations tie needs no declaration, and may have none
        names = [name for name in names if name in ("energy", "water")]
    unrelated = [Unrelated(tuple(names), APART.reason)] if apart else []
    if relations and apart:
        unrelated += [Unrelated((name, "water"), APART.reason) for name in ("power", "fuel")]
    return plain_plan(
        measures=measures, indicators=(), relations=relations, unrelated=tuple(unrelated)
    )


WHOLE = plan(ENERGY, PART, FUEL, relations=(SPLIT,))
ALONE = {m.name: plan(m) for m in (ENERGY, POWER, WATER, SALES)}


def between(one: Plan, two: Plan) -> tuple[str, str] | None:
    """The clash, which is the same the other way round."""
    found = clash(published(one), published(two))
    back = clash(published(two), published(one))
    assert (found is None) is (back is None)
    return found


def test_a_total_in_one_round_and_its_part_in_another() -> None:
    assert between(ALONE["energy"], ALONE["power"]) == ("energy", "power")
    assert between(ALONE["energy"], WHOLE) == ("energy", "power")
    assert between(WHOLE, ALONE["power"]) == ("energy", "power")


def test_the_same_plan_again() -> None:
    factor = replace(SPLIT, parts=(Part("power", Fraction("3.7")),))
    bound = replace(ENERGY, bound=10**10, minimum=1)
    assert between(WHOLE, plan(bound, PART, FUEL, relations=(factor,))) is None
    assert between(WHOLE, WHOLE) is None


@pytest.mark.parametrize(
    "other",
    [
        plan(ENERGY, PART, replace(FUEL, protects=("energy",)), relations=(SPLIT,)),
        plan(ENERGY, POWER, apart=True),
        plan(
            replace(ENERGY, unit="kWh"),
            PART,
            replace(FUEL, unit="kWh"),
            relations=(Relation("energy", (Part("power"),), "fuel"),),
        ),
    ],
    ids=["protects", "unrelated", "unit"],
)
def test_other_guards_units_and_declarations_for_the_same_measures(other: Plan) -> None:
    assert between(WHOLE, other) is not None


def test_measures_that_one_of_the_plans_declares_unrelated_may_come_and_go() -> None:
    more = plan(ENERGY, PART, FUEL, WATER, relations=(SPLIT,), apart=True)
    assert between(WHOLE, more) is None
    assert between(ALONE["water"], more) is None
    assert between(WHOLE, ALONE["water"]) == ("energy", "water")


def test_measures_of_another_kind_have_nothing_to_do_with_each_other() -> None:
    assert between(ALONE["sales"], ALONE["energy"]) is None
    assert between(ALONE["sales"], plan(replace(SALES, name="output"))) == ("sales", "output")
    assert between(ALONE["sales"], plan(replace(SALES, unit="USD"))) == ("sales", "sales")
    assert between(ALONE["sales"], plan(replace(ENERGY, unit="kWh el"))) == ("sales", "energy")


def test_a_ledger_line_without_measures_is_not_compared() -> None:
    assert clash((), published(WHOLE)) is None


def test_the_refusal_says_which_and_what_would_mend_it() -> None:
    text = words("round-1", "2020", ("energy", "power"))
    assert "round round-1 (2020) published sums of the same enterprises by another plan" in text
    assert "'energy' of that round and 'power' of this one could be subtracted" in text
    assert "it may be opened with the measures, guards and relations of that plan" in text
    assert "'sales', which is in another unit here," in words("r", "2020", ("sales", "sales"))


MEASURES = st.tuples(
    st.sampled_from("abc"), st.sampled_from(["kWh", "MJ", "yuan", "widgets"]), st.sampled_from("xy")
)
LISTS = st.lists(MEASURES, max_size=3, unique_by=lambda m: m[0]).map(
    lambda found: tuple(Published(*own) for own in found)
)


@given(LISTS, LISTS)
def test_what_no_single_plan_publishes_together_is_refused_unless_its_kinds_differ(
    earlier: tuple[Published, ...], later: tuple[Published, ...]
) -> None:
    """A pair that neither linter saw passes only if both are tied to the very same measures."""
    alone = [
        (a, b)
        for a in earlier
        for b in later
        if b.name not in {m.name for m in earlier} and a.name not in {m.name for m in later}
    ]
    unseen = any(a.tied != b.tied and may_be_tied(a.unit, b.unit) for a, b in alone)
    assert not unseen or clash(earlier, later) is not None
    assert (clash(earlier, later) is None) is (clash(later, earlier) is None)
