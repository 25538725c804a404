"""Which pairs of measures span the same figures, so that ranking by both ranks by one ratio."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocols.errors import PlanError
from protocols.plan import Level, Measure, Part, Plan, Ranking, Relation
from protocols.splits import Splits
from tests.strategies import PLAIN_INDICATORS, plain_plan

NAMES = ("output", "emissions", "fuel")
LEAVES = tuple(
    Measure(name, unit, 10**9, 1, Level.COHORT)
    for name, unit in zip(NAMES, ("yuan", "kgCO2", "h"), strict=True)
)
FACTORS = st.fractions(min_value=0, max_value=100, max_denominator=50)


def combined(name: str, **factors: Fraction) -> Relation:
    """A measure that is nothing but a combination of others."""
    parts = tuple(Part(leaf, factor) for leaf, factor in factors.items() if factor)
    return Relation(name, parts, complete=True)


def planes(*relations: Relation) -> Splits:
    """The measures, and ``x`` and ``y`` as the relations say."""
    more = (Measure(name, "t", 10**9, 1, Level.COHORT) for name in ("x", "y"))
    return Splits((*LEAVES, *more), relations, factors_known=True)


@given(*[FACTORS] * 4)
def test_two_combinations_span_what_the_two_span_unless_they_are_proportional(
    a: Fraction, b: Fraction, c: Fraction, d: Fraction
) -> None:
    assume((a or b) and (c or d))
    splits = planes(combined("x", output=a, emissions=b), combined("y", output=c, emissions=d))
    same = splits.plane("x", "y") == splits.plane("output", "emissions")
    assert same is (a * d != b * c)
    assert splits.plane("x", "y") == splits.plane("y", "x")


@given(FACTORS, FACTORS)
def test_a_third_figure_makes_another_plane(a: Fraction, b: Fraction) -> None:
    assume(b)
    splits = planes(combined("x", output=a, fuel=b))
    assert splits.plane("x", "emissions") != splits.plane("output", "emissions")


def plan_with(relation: Relation, numerator: str, denominator: str) -> Plan:
    """A plan that ranks output by emissions, and by another pair as well."""
    first = dataclasses.replace(PLAIN_INDICATORS[0], ranking=Ranking.COUNTS)
    second = dataclasses.replace(
        first, name="again", numerator=numerator, denominator=denominator, edges=(Fraction(7, 3),)
    )
    more = Measure(relation.total, "fen", 10**12, 1, Level.COHORT)
    protects = [dataclasses.replace(m, protects=("more",)) for m in LEAVES[:2]]
    return plain_plan(
        measures=(*protects, dataclasses.replace(more, protects=("output", "emissions"))),
        indicators=(first, second),
        relations=(relation,),
        unrelated=(),
    )


@pytest.mark.parametrize(
    ("relation", "pair"),
    [
        (combined("more", output=Fraction(100)), ("more", "emissions")),
        (combined("more", output=Fraction(100)), ("emissions", "more")),
        (combined("more", output=Fraction(1), emissions=Fraction(3)), ("output", "more")),
        (combined("more", output=Fraction(1), emissions=Fraction(3)), ("more", "emissions")),
    ],
)
def test_a_plan_ranks_by_a_ratio_once_whatever_its_measures_are_called(
    relation: Relation, pair: tuple[str, str]
) -> None:
    with pytest.raises(PlanError, match="two measures, as the relations say: their counts"):
        plan_with(relation, *pair)
    scaled = combined("more", output=Fraction(100))
    assert plan_with(scaled, "more", "output").ranked_indicators[1].name == "again"
