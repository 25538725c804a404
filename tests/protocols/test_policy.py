"""A cell that passes by classes passes the exact rules, whatever values the classes stand for."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.encoding import class_lower, class_upper
from protocols.plan_terms import Policy
from protocols.policy import check_cell, check_measure, merge, passes_dominance, sum_bounds
from tests.strategies import histogram_of, histograms, values_in

POLICY = Policy(5, 10)
percents = st.integers(1, 100)


def exactly_safe(values: Sequence[int], percent: int) -> bool:
    """The p% rule on the values themselves: X - x1 - x2 >= p/100 * x1."""
    ordered = sorted(values, reverse=True)
    return 100 * sum(ordered[2:]) >= percent * (ordered[0] if ordered else 0)


def worst_values(histogram: Sequence[int]) -> list[int]:
    """The largest member as large, and all others as small, as their classes allow."""
    sizes = [size for size, members in enumerate(histogram) for _ in range(members)]
    return [class_lower(size) for size in sizes[:-1]] + [class_upper(size) for size in sizes[-1:]]


@settings(max_examples=300)
@given(histograms().flatmap(lambda h: st.tuples(st.just(h), values_in(h))), percents)
def test_passing_cells_pass_the_exact_rules(
    cell: tuple[tuple[int, ...], list[int]], percent: int
) -> None:
    histogram, values = cell
    policy = Policy(3, percent)
    if check_measure("m", histogram, policy) is None:
        assert exactly_safe(values, percent)
        assert sum(value > 0 for value in values) >= policy.minimum_cohort


def test_passing_cells_pass_the_exact_rules_on_many_random_cells() -> None:
    """Twenty thousand cells of realistic sizes; prints how many safe ones the classes refuse."""
    source = random.Random(20240607)
    passed = refused_safe = unsafe = 0
    for _ in range(20_000):
        spread, count = source.uniform(0.2, 3.0), source.randint(3, 25)
        values = [int(source.lognormvariate(12, spread)) for _ in range(count)]
        histogram = histogram_of(values, max(values).bit_length() + 1)
        safe = exactly_safe(values, 10) and sum(value > 0 for value in values) >= 5
        assert passes_dominance(histogram, 10) == exactly_safe(worst_values(histogram), 10)
        if check_measure("m", histogram, POLICY) is None:
            assert safe
            passed += 1
        elif safe:
            refused_safe += 1
        else:
            unsafe += 1
    assert passed > 5000
    assert unsafe > 1000
    share = 100 * refused_safe / (passed + refused_safe)
    print(f"{passed} passed, {unsafe} unsafe; {share:.1f} % of the safe cells were refused")


@settings(max_examples=300)
@given(histograms(), percents)
def test_the_bound_is_as_sharp_as_classes_allow(histogram: tuple[int, ...], percent: int) -> None:
    """A cell fails exactly if some values in its classes break the rule."""
    assert passes_dominance(histogram, percent) == exactly_safe(worst_values(histogram), percent)


@settings(max_examples=150)
@given(st.lists(histograms(), min_size=2, max_size=4), percents)
def test_unions_of_passing_cells_pass(cells: list[tuple[int, ...]], percent: int) -> None:
    policy = Policy(3, percent)
    passing = [{"m": h} for h in cells if check_measure("m", h, policy) is None]
    if passing:
        assert check_cell(merge(passing), policy) == ()


@settings(max_examples=150)
@given(histograms(), st.integers(0, 11), percents)
def test_whoever_is_not_the_largest_may_join(
    histogram: tuple[int, ...], size: int, percent: int
) -> None:
    policy = Policy(3, percent)
    largest = max((s for s, members in enumerate(histogram) if members), default=0)
    joined = [n + (s == min(size, largest)) for s, n in enumerate(histogram)]
    if check_measure("m", histogram, policy) is None:
        assert check_measure("m", joined, policy) is None


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ([8] * 5, None),
        ([8] * 4, "minimum-cohort"),
        ([8] * 4 + [0] * 9, "minimum-cohort"),  # zeros contribute nothing
        ([], "minimum-cohort"),
        ([0] * 20, "minimum-cohort"),
        ([1, 1, 1, 1, 31], "dominance"),  # 3 beside the two largest, 10 % of 31 is 3.1
        ([1, 1, 1, 1, 1, 31], None),  # now 4
        ([1000, 1000, 1, 1, 1], "dominance"),  # two large ones: either can see the other
        ([1000, 1000, 1000, 1, 1], None),
        ([10**9, 10, 10, 10, 10, 10], "dominance"),
    ],
)
def test_examples(values: list[int], rule: str | None) -> None:
    violation = check_measure("m", histogram_of(values, 31), POLICY)
    assert (violation.rule if violation else None) == rule


def test_texts_are_for_people_and_hold_no_count() -> None:
    few = check_measure("heat", (0, 2), POLICY)
    assert few is not None
    assert few.text == "fewer than 5 enterprises have a value of heat"
    dominated = check_measure("heat", (0, 4, 0, 0, 0, 0, 0, 1), POLICY)
    assert dominated is not None
    assert dominated.text.startswith("one enterprise dominates heat:")
    assert "10 %" in dominated.text


def test_every_measure_of_a_cell_is_checked() -> None:
    cell = {"a": (0, 2), "b": (0, 9), "c": (0, 4, 0, 0, 0, 0, 0, 1)}
    found = [(v.measure, v.rule) for v in check_cell(cell, POLICY)]
    assert found == [("a", "minimum-cohort"), ("c", "dominance")]


@given(st.lists(histograms(4), min_size=1, max_size=5))
def test_merging_adds_class_by_class(cells: list[tuple[int, ...]]) -> None:
    merged = merge([{"a": h, "b": h[::-1]} for h in cells])
    assert merged["a"] == tuple(sum(h[size] for h in cells) for size in range(4))
    assert merged["b"] == merged["a"][::-1]


@given(histograms().flatmap(lambda h: st.tuples(st.just(h), values_in(h))))
def test_sums_lie_within_the_classes_bounds(cell: tuple[tuple[int, ...], list[int]]) -> None:
    histogram, values = cell
    lower, upper = sum_bounds(histogram)
    assert lower <= sum(values) <= upper
