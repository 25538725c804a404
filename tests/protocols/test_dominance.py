"""Dominance rules: sound by classes, closed under sums and unions, and rightly compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dominance import DominanceRule, p_percent, top_share
from protocols.encoding import RESOLUTIONS, class_lower, class_upper, size_class
from tests.strategies import histograms, values_in

rules = st.one_of(
    st.integers(1, 100).map(p_percent),
    st.builds(top_share, st.integers(1, 5), st.integers(1, 99)),
)
amounts = st.lists(st.one_of(st.integers(0, 40), st.integers(0, 10**6)), min_size=1, max_size=9)
resolutions = st.sampled_from(RESOLUTIONS)


def exactly(rule: DominanceRule, values: Sequence[int]) -> bool:
    """The rule as the handbook words it, by name, without weights."""
    ordered = sorted(values, reverse=True)
    total = sum(ordered)
    if rule.name == "dominance":
        p = Fraction(rule.weights[0] - 100, 100)
        return total - sum(ordered[:2]) >= p * (ordered[0] if ordered else 0)
    return sum(ordered[: len(rule.weights)]) <= Fraction(rule.limit, 100) * total


def worst_values(rule: DominanceRule, histogram: Sequence[int], resolution: int) -> list[int]:
    """The largest members at their classes' upper edges, the others at their lower edges.

    How many are at the top is the rule's n, and one for the p% rule, whose second member counts on
    neither side.
    """
    sizes = [size for size, members in enumerate(histogram) for _ in range(members)][::-1]
    top = 1 if rule.name == "dominance" else len(rule.weights)
    high = [class_upper(size, resolution) for size in sizes[:top]]
    return high + [class_lower(size, resolution) for size in sizes[top:]]


def histogram_at(values: Sequence[int], resolution: int) -> list[int]:
    sizes = [size_class(value, resolution) for value in values]
    return [sizes.count(size) for size in range(max(sizes, default=0) + 1)]


@given(rules, amounts)
def test_weights_say_what_the_handbook_says(rule: DominanceRule, values: list[int]) -> None:
    assert rule.holds(values) == exactly(rule, values)


@settings(max_examples=400)
@given(
    rules,
    resolutions.flatmap(
        lambda r: histograms(12).flatmap(
            lambda h: st.tuples(st.just(r), st.just(h), values_in(h, r))
        )
    ),
)
def test_what_passes_by_classes_passes_exactly(
    rule: DominanceRule, cell: tuple[int, tuple[int, ...], list[int]]
) -> None:
    resolution, histogram, values = cell
    if rule.holds_by_classes(histogram, resolution):
        assert exactly(rule, values)


@settings(max_examples=400)
@given(rules, amounts, resolutions)
def test_what_passes_by_classes_passes_exactly_at_every_resolution(
    rule: DominanceRule, values: list[int], resolution: int
) -> None:
    if rule.holds_by_classes(histogram_at(values, resolution), resolution):
        assert exactly(rule, values)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize(
    "rule", [p_percent(10), top_share(1, 25), top_share(1, 15), top_share(2, 85)]
)
def test_many_random_cells_of_realistic_sizes(rule: DominanceRule, resolution: int) -> None:
    """Cells of lognormal sizes: none passes unsafe, and both verdicts occur often."""
    source = random.Random(20240607)
    passed = failed = 0
    for _ in range(1500):
        spread, count = source.uniform(0.2, 3.0), source.randint(3, 40)
        values = [int(source.lognormvariate(12, spread)) for _ in range(count)]
        if rule.holds_by_classes(histogram_at(values, resolution), resolution):
            assert exactly(rule, values)
            passed += 1
        else:
            failed += 1
    assert min(passed, failed) > 50


@settings(max_examples=400)
@given(rules, histograms(), resolutions)
def test_the_bound_is_as_sharp_as_classes_allow(
    rule: DominanceRule, histogram: tuple[int, ...], resolution: int
) -> None:
    """A cell fails by classes exactly if some values in its classes break the rule."""
    worst = worst_values(rule, histogram, resolution)
    assert rule.holds_by_classes(histogram, resolution) == (not worst or exactly(rule, worst))


@given(rules, amounts)
def test_finer_classes_refuse_no_more_than_the_next_coarser_ones(
    rule: DominanceRule, values: list[int]
) -> None:
    """Edges of a resolution are edges of its double, so each class splits and its bound narrows."""
    verdicts = [rule.holds_by_classes(histogram_at(values, r), r) for r in RESOLUTIONS]
    assert verdicts == sorted(verdicts)


@settings(max_examples=300)
@given(rules, st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=9))
def test_sums_of_measures_that_keep_a_rule_keep_it(
    rule: DominanceRule, members: list[tuple[int, int]]
) -> None:
    one, other = zip(*members, strict=True)
    if rule.holds(one) and rule.holds(other):
        assert exactly(rule, [2 * a + 3 * b for a, b in members])


@settings(max_examples=300)
@given(rules, amounts, amounts)
def test_unions_of_cells_that_keep_a_rule_keep_it(
    rule: DominanceRule, one: list[int], other: list[int]
) -> None:
    if rule.holds(one) and rule.holds(other):
        assert exactly(rule, one + other)


@settings(max_examples=300)
@given(rules, st.lists(histograms(), min_size=2, max_size=3), resolutions)
def test_unions_of_cells_that_pass_by_classes_pass(
    rule: DominanceRule, cells: list[tuple[int, ...]], resolution: int
) -> None:
    if all(rule.holds_by_classes(cell, resolution) for cell in cells):
        united = [sum(column) for column in zip(*cells, strict=True)]
        assert rule.holds_by_classes(united, resolution)


@settings(max_examples=400)
@given(rules, rules, amounts)
def test_what_is_implied_holds(one: DominanceRule, other: DominanceRule, values: list[int]) -> None:
    if one.implies(other) and one.holds(values):
        assert exactly(other, values)


@settings(max_examples=150, deadline=None)
@given(rules, rules)
def test_what_is_not_implied_has_a_counterexample(one: DominanceRule, other: DominanceRule) -> None:
    """Two staircases, one in the rule's favour and one against, are enough (see the proof)."""
    found = any(one.holds(values) and not exactly(other, values) for values in _staircases(one))
    assert found == (not one.implies(other))


def _staircases(rule: DominanceRule) -> list[list[int]]:
    """All mixtures of two staircases at which the rule is just kept, and the pure ones."""
    steps = [[1] * n for n in (*range(1, 9), 10**4)]
    found = [list(step) for step in steps]
    for low, high in product(steps, steps):
        a, b = _slack(rule, low), _slack(rule, high)
        if a < 0 < b:  # b * low - a * high has slack 0
            found.append(
                [b * (i < len(low)) - a * (i < len(high)) for i in range(max(len(low), len(high)))]
            )
    return found


def _slack(rule: DominanceRule, values: Sequence[int]) -> int:
    ordered = sorted(values, reverse=True)
    return rule.limit * sum(ordered) - sum(
        w * x for w, x in zip(rule.weights, ordered, strict=False)
    )


@given(rules, rules, rules)
def test_implication_is_a_partial_order(
    one: DominanceRule, two: DominanceRule, three: DominanceRule
) -> None:
    assert one.implies(one)
    if one.implies(two) and two.implies(three):
        assert one.implies(three)


@given(st.integers(1, 99), st.integers(1, 100))
def test_a_largest_share_implies_the_p_percent_rule_where_the_algebra_says(
    share: int, percent: int
) -> None:
    """X - x1 - x2 >= X - 2 x1 >= (100/s - 2) x1, and two equal largest ones attain it."""
    expected = share * (200 + percent) <= 10_000
    assert top_share(1, share).implies(p_percent(percent)) == expected


def test_examples() -> None:
    assert top_share(1, 25).implies(p_percent(10))
    assert not p_percent(10).implies(top_share(1, 25))
    assert not top_share(1, 48).implies(p_percent(10))
    assert top_share(2, 85).implies(p_percent(10))
    assert not top_share(2, 95).implies(p_percent(10))
    assert top_share(1, 15).implies(top_share(2, 30))
    assert not top_share(1, 15).implies(top_share(2, 29))
    assert top_share(3, 60).implies(top_share(1, 60))
    assert top_share(1, 25).holds([5, 5, 5, 5])
    assert not top_share(1, 25).holds([6, 5, 5, 5])
    assert top_share(1, 25).holds([])
