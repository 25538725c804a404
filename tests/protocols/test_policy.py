"""A cell that passes by classes passes the exact rules, whatever values the classes stand for."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import release
from protocols.encoding import RESOLUTIONS, class_lower, class_upper, size_class
from protocols.errors import OpeningInconsistent
from protocols.plan_terms import Policy
from protocols.policy import (
    PublicLimits,
    check_cell,
    check_measure,
    filled_classes,
    merge,
    safe,
    sum_bounds,
)
from protocols.profiles import PROFILES, profile
from tests.plain_round import play
from tests.strategies import NO_LIMITS, UNLIMITED, histogram_of, histograms, plain_plan, values_in

POLICY = Policy(5, 10)
percents = st.integers(1, 100)


def passes_dominance(histogram: Sequence[int], percent: int) -> bool:
    return Policy(3, percent).rules[0].holds_by_classes(histogram)


def histogram_at(values: Sequence[int], resolution: int) -> tuple[int, ...]:
    sizes = [size_class(value, resolution) for value in values]
    return tuple(sizes.count(size) for size in range(max(sizes, default=0) + 1))


def exactly_safe(values: Sequence[int], percent: int) -> bool:
    """The p% rule on the values themselves: X - x1 - x2 >= p/100 * x1."""
    ordered = sorted(values, reverse=True)
    return 100 * sum(ordered[2:]) >= percent * (ordered[0] if ordered else 0)


def worst_values(histogram: Sequence[int]) -> list[int]:
    """The largest member as large, and all others as small, as their classes allow."""
    sizes = [size for size, members in enumerate(histogram) for _ in range(members)]
    return [class_lower(size) for size in sizes[:-1]] + [class_upper(size) for size in sizes[-1:]]


@given(histograms(), st.integers(0, 40), st.sampled_from(sorted(PROFILES)), st.integers(0, 100))
def test_empty_classes_above_all_filled_ones_change_nothing(
    histogram: tuple[int, ...], beyond: int, name: str, minimum: int
) -> None:
    longer = (*histogram, *[0] * beyond)
    kept = filled_classes([longer, longer[:1]])
    assert kept == max((size + 1 for size, members in enumerate(histogram) if members), default=1)
    limits = PublicLimits(minimum, 1 << (len(longer) + 1))
    whole, short = (
        check_measure("m", held, PROFILES[name], limits) for held in (longer, longer[:kept])
    )
    assert whole == short


@settings(max_examples=300)
@given(histograms().flatmap(lambda h: st.tuples(st.just(h), values_in(h))), percents)
def test_passing_cells_pass_the_exact_rules(
    cell: tuple[tuple[int, ...], list[int]], percent: int
) -> None:
    histogram, values = cell
    policy = Policy(3, percent)
    if check_measure("m", histogram, policy, NO_LIMITS) is None:
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
        if check_measure("m", histogram, POLICY, NO_LIMITS) is None:
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
    passing = [{"m": h} for h in cells if check_measure("m", h, policy, NO_LIMITS) is None]
    if passing:
        assert check_cell(merge(passing), policy, UNLIMITED) == ()


@settings(max_examples=150)
@given(histograms(), st.integers(0, 11), percents)
def test_whoever_is_not_the_largest_may_join(
    histogram: tuple[int, ...], size: int, percent: int
) -> None:
    policy = Policy(3, percent)
    largest = max((s for s, members in enumerate(histogram) if members), default=0)
    joined = [n + (s == min(size, largest)) for s, n in enumerate(histogram)]
    if check_measure("m", histogram, policy, NO_LIMITS) is None:
        assert check_measure("m", joined, policy, NO_LIMITS) is None


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
    violation = check_measure("m", histogram_of(values, 31), POLICY, NO_LIMITS)
    assert (violation.rule if violation else None) == rule


def test_texts_are_for_people_and_hold_no_count() -> None:
    few = check_measure("heat", (0, 2), POLICY, NO_LIMITS)
    assert few is not None
    assert few.text.startswith("fewer than 5 enterprises have a value of heat (publishable with")
    dominated = check_measure("heat", (0, 4, 0, 0, 0, 0, 0, 1), POLICY, NO_LIMITS)
    assert dominated is not None
    assert dominated.text.startswith("one enterprise dominates heat:")
    assert "10 %" in dominated.text
    assert "(publishable with more large enterprises, or for a coarser group)" in dominated.text


@pytest.mark.parametrize(
    ("name", "values", "rule", "words"),
    [
        ("safety-zone", [26, 25, 25, 24, 1], "largest-share", "more than 25 % of the sum"),
        ("safety-zone", [4] * 4, "minimum-cohort", "fewer than 5"),
        ("fifteen", [8] * 14, "minimum-cohort", "fewer than 15"),
        ("fifteen", [3] * 14 + [9], "largest-share", "more than 15 % of the sum"),
        ("nk", [60, 60, 4, 4, 4], "top-share", "the 2 largest together may hold more than 85 %"),
        ("nk", [100, 30, 30, 4, 4], None, ""),
        ("fifteen", [64] * 16, None, ""),
        ("safety-zone", [64] * 5, None, ""),
    ],
)
def test_each_profile_names_the_rule_that_fails(
    name: str, values: list[int], rule: str | None, words: str
) -> None:
    policy = profile(name)
    found = check_measure(
        "heat", histogram_at(values, policy.classes_per_octave), policy, NO_LIMITS
    )
    assert (found.rule if found else None) == rule
    assert words in (found.text if found else "")
    assert not found or "publishable with" in found.text


@settings(max_examples=200)
@given(
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from(RESOLUTIONS),
    st.lists(st.integers(0, 10**4), min_size=1, max_size=30),
)
def test_no_profile_passes_an_unsafe_cell(name: str, resolution: int, values: list[int]) -> None:
    policy = dataclasses.replace(profile(name), classes_per_octave=min(resolution, 4))
    if check_measure("m", histogram_at(values, resolution), policy, NO_LIMITS) is None:
        assert safe(values, policy, NO_LIMITS)
        assert sum(value > 0 for value in values) >= policy.minimum_cohort
        assert exactly_safe(values, 10)
        largest = {"fifteen": 15, "safety-zone": 25}.get(name, 100)
        assert 100 * max(values) <= largest * sum(values)


def test_every_measure_of_a_cell_is_checked() -> None:
    cell = {"a": (0, 2), "b": (0, 9), "c": (0, 4, 0, 0, 0, 0, 0, 1)}
    found = [(v.measure, v.rule) for v in check_cell(cell, POLICY, UNLIMITED)]
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


@pytest.mark.parametrize("name", ["nk", "safety-zone"])
def test_a_round_with_finer_classes_decides_and_checks_as_the_exact_rules_say(name: str) -> None:
    """Encoded, added, decoded and released without encryption."""
    plan = plain_plan(policy=profile(name))
    source = random.Random(7)
    members = []
    for place in range(40):
        output = source.randint(60_000, 90_000)
        ratio = (15, 30, 60, 120, 240)[place % 5]
        members.append(
            {
                "output": output,
                "emissions": output // ratio,
                "fuel": source.randint(900, 1200),
                "electricity": source.randint(500, 800),
                "heat": 10**6 if not place else source.randint(100, 110),
                "other": source.randint(50, 70),
            }
        )
    round_ = play(plan, members)
    found = round_.certificate
    assert len(found.ranking("cef")) == 5
    assert found.cohort_measures == ("electricity",)
    assert "heat" in found.withheld_measures
    arguments = (plan, round_.layout, found, round_.sums, round_.counts, round_.classes)
    release.check_against_classes(*arguments)
    label = round_.layout.cohort_sum_labels("electricity")[0]
    wrong = {**round_.sums, label: round_.sums[label] * 5 // 4}
    with pytest.raises(OpeningInconsistent, match="contradicts its size classes"):
        release.check_against_classes(
            plan, round_.layout, found, wrong, round_.counts, round_.classes
        )


@given(st.lists(st.integers(0, 10**9), max_size=20), st.sampled_from(RESOLUTIONS))
def test_sums_lie_within_finer_classes_bounds(values: list[int], resolution: int) -> None:
    lower, upper = sum_bounds(histogram_at(values, resolution), resolution)
    assert lower <= sum(values) <= upper
