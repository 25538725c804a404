"""The linter's theorem, by linear programming: on plans that it accepts, a reader computes nothing
but sums of measures with size classes."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from protocols.plan import Level, Measure, Part, Relation, Unrelated
from protocols.plan_lint import lint

COHORT = Level.COHORT


@st.composite
def families(draw: st.DrawFn) -> tuple[tuple[Measure, ...], tuple[Relation, ...]]:
    """Measures that nest and share parts, some published, some for the cohort only.

    What fails for the cohort takes along any of the others there, as a plan may say.
    """
    parts = draw(st.integers(2, 4))
    names = [f"m{index}" for index in range(parts + draw(st.integers(1, 2)))]
    published = [draw(st.integers(0, 3)) > 0 for _ in names]
    levels = [draw(st.sampled_from(Level)) for _ in names]
    alone = [n for n, p, x in zip(names, published, levels, strict=True) if p and x is COHORT]
    measures = []
    for name, shown, level in zip(names, published, levels, strict=True):
        others = [other for other in alone if other != name] if level is COHORT else []
        protects = tuple(other for other in others if draw(st.integers(0, 4)) > 0)
        low = level is Level.BAND or (not shown and not protects)
        measures.append(Measure(name, "MJ", 99, 0, Level.BAND if low else COHORT, shown, protects))
    relations = []
    for index in range(parts, len(names)):
        terms = draw(st.lists(st.sampled_from(names[:index]), min_size=1, max_size=3, unique=True))
        factors = [Fraction(draw(st.integers(1, 3))) for _ in terms]
        made = tuple(Part(term, factor) for term, factor in zip(terms, factors, strict=True))
        relations.append(Relation(names[index], made, complete=draw(st.booleans())))
    return tuple(measures), tuple(relations)


def accepted(measures: tuple[Measure, ...], relations: tuple[Relation, ...]) -> bool:
    """Whether the linter refuses nothing; all is in one unit, so all pairs are declared unrelated
    that the relations do not tie."""
    leaves = {m.name: leaves_of(m.name, relations).keys() for m in measures}
    apart = [
        Unrelated((a, b), "a test")
        for a, b in combinations(leaves, 2)
        if leaves[a].isdisjoint(leaves[b])
    ]
    return not lint(measures, relations, apart)


def leaves_of(name: str, relations: tuple[Relation, ...]) -> dict[str, Fraction]:
    """By substituting again and again, without the code under test."""
    for relation in relations:
        if relation.total == name:
            total: dict[str, Fraction] = {}
            for part in relation.parts:
                assert part.factor is not None
                for leaf, weight in leaves_of(part.measure, relations).items():
                    total[leaf] = total.get(leaf, Fraction(0)) + part.factor * weight
            if not relation.complete:
                total[f"rest of {name}"] = Fraction(1)
            return total
    return {name: Fraction(1)}


def beyond(
    rows: list[dict[str, Fraction]], classed: list[dict[str, Fraction]], aim: list[int]
) -> float:
    """How far a reader gets outside the sums of classed measures, in one direction.

    By linear programming over leaves: among non-negative combinations of ``rows`` with total
    weight 1, the one farthest in direction ``aim``; then the least weight that has to be added to
    and taken from a non-negative combination of ``classed`` to make it.
    """
    leaves = sorted({leaf for row in rows for leaf in row})
    matrix = [[-float(row.get(leaf, 0)) for row in rows] for leaf in leaves]
    whole = [[float(sum(row.values())) for row in rows]]
    objective = [
        -sum(a * float(row.get(leaf, 0)) for a, leaf in zip(aim, leaves, strict=False))
        for row in rows
    ]
    best = linprog(
        objective, matrix, [0.0] * len(leaves), whole, [1.0], bounds=[(None, None)] * len(rows)
    )
    assert best.status == 0, best.message
    figure = {
        leaf: sum(c * float(row.get(leaf, 0)) for c, row in zip(best.x, rows, strict=True))
        for leaf in leaves
    }
    every = sorted({*leaves, *(leaf for row in classed for leaf in row)})
    unit = [[float(i == j) for j in range(len(every))] for i in range(len(every))]
    system = [
        [*(float(row.get(leaf, 0)) for row in classed), *own, *(-x for x in own)]
        for leaf, own in zip(every, unit, strict=True)
    ]
    cost = [0.0] * len(classed) + [1.0] * (2 * len(every))
    near = linprog(cost, A_eq=system, b_eq=[figure.get(leaf, 0.0) for leaf in every])
    assert near.status == 0, near.message
    return float(near.fun)


directions = st.lists(st.integers(-9, 9), min_size=24, max_size=24)


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(families(), directions)
def test_in_bands_a_reader_computes_sums_of_classed_measures(
    family: tuple[tuple[Measure, ...], tuple[Relation, ...]], aim: list[int]
) -> None:
    """The theorem of the linter, in bands, on plans that it accepts."""
    measures, relations = family
    here = [m for m in measures if m.level is Level.BAND]
    rows = [leaves_of(m.name, relations) for m in here if m.published]
    assume(len(rows) > 1 and accepted(measures, relations))
    assert beyond(rows, [leaves_of(m.name, relations) for m in here], aim) < 1e-6


@settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
@given(families(), directions, st.sets(st.integers(0, 6)))
def test_for_the_cohort_so_does_whatever_fails(
    family: tuple[tuple[Measure, ...], tuple[Relation, ...]], aim: list[int], failing: set[int]
) -> None:
    """Any cohort-level measures may fail the policy; these and what they protect are withheld."""
    measures, relations = family
    failed = [m for i, m in enumerate(measures) if i in failing and m.level is COHORT]
    gone = {name for m in failed for name in (m.name, *m.protects)}
    rows = [leaves_of(m.name, relations) for m in measures if m.published and m.name not in gone]
    assume(failed and len(rows) > 1 and accepted(measures, relations))
    classed = [leaves_of(m.name, relations) for m in measures if m not in failed]
    assert beyond(rows, classed, aim) < 1e-6


def test_the_program_sees_what_the_linter_sees() -> None:
    """The check above can fail: a total and a part whose rest nobody classed."""
    relations = (Relation("energy", (Part("gas"),)),)
    rows = [leaves_of(name, relations) for name in ("energy", "gas")]
    assert beyond(rows, rows, [-1, 1]) > 0.5
