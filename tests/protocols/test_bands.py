"""Bands are as many as the policy allows, nearest the percentiles, and the same for everybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.bands import (
    PERCENTILES,
    BinRange,
    best_bands,
    cut_points,
    decide_bands,
    tentative_bands,
)
from protocols.plan_terms import Direction, Policy
from protocols.policy import check_cell, merge

POLICY = Policy(3, 10)

counts_of_bins = st.lists(st.one_of(st.just(0), st.integers(0, 6)), min_size=2, max_size=8)

Ranked = tuple[int, int, tuple[int, ...]]


def all_partitions(members: Sequence[int], allowed: Callable[[int, int], bool]) -> list[Ranked]:
    """Every allowed partition as (minus bands, percentile distance, cuts), the best first.

    The two outer ends are no cuts: no percentile is near to them.
    """
    after = [0, *accumulate(members)]
    total, found = after[-1], []
    for number in range(len(members)):
        for inner in combinations(range(1, len(members)), number):
            cuts = (0, *inner, len(members))
            if all(allowed(a, b) for a, b in pairwise(cuts)):
                distance = sum(
                    min((abs(100 * after[cut] - percentile * total) for cut in inner), default=0)
                    for percentile in PERCENTILES
                )
                found.append((-len(cuts) + 1, distance, cuts[1:]))
    return sorted(found)


def check_cover(bands: Sequence[BinRange], counts: Sequence[int]) -> None:
    assert bands[0].first == 0
    assert bands[-1].end == len(counts)
    assert all(a.end == b.first for a, b in pairwise(bands))
    assert all(band.members == sum(counts[band.first : band.end]) for band in bands)


@settings(max_examples=120)
@given(counts_of_bins)
def test_tentative_bands_are_the_best_of_all_partitions(counts: list[int]) -> None:
    bands = tentative_bands(counts, POLICY)
    best = all_partitions(counts, lambda a, b: sum(counts[a:b]) >= 3)
    if not bands:
        assert sum(counts) < 3
        assert not best
        return
    check_cover(bands, counts)
    assert min(band.members for band in bands) >= 3
    assert len(bands) == -best[0][0]
    equally_good = {
        tuple(sum(counts[:cut]) for cut in cuts)
        for runs, distance, cuts in best
        if (runs, distance) == best[0][:2]
    }
    assert tuple(accumulate(band.members for band in bands)) in equally_good


@settings(max_examples=40)
@given(st.lists(st.integers(0, 60), min_size=30, max_size=64))
def test_bands_of_large_cohorts_cover_and_hold_k(counts: list[int]) -> None:
    bands = tentative_bands(counts, Policy(5, 10))
    if sum(counts) >= 5:
        check_cover(bands, counts)
        assert min(band.members for band in bands) >= 5
        # As many as a greedy walk gets, which is the most there can be for a minimum alone.
        greedy = held = 0
        for count in counts:
            held += count
            greedy, held = (greedy + 1, 0) if held >= 5 else (greedy, held)
        assert len(bands) == greedy
    else:
        assert bands == ()


def test_too_few_members_give_no_band() -> None:
    assert tentative_bands([1, 0, 1], POLICY) == ()
    assert tentative_bands([0, 0, 0], POLICY) == ()
    assert tentative_bands([1, 1, 1], POLICY) == (BinRange(0, 3, 3),)


def test_percentiles_break_ties() -> None:
    """The earliest cuts would leave what is over to the last band."""
    assert [b.members for b in tentative_bands([1] * 8, POLICY)] == [4, 4]
    assert [b.members for b in tentative_bands([1] * 10, POLICY)] == [3, 4, 3]
    assert [b.members for b in tentative_bands([1] * 13, POLICY)] == [3, 3, 4, 3]
    assert [b.members for b in tentative_bands([1] * 12, POLICY)] == [3, 3, 3, 3]


def test_equal_distances_go_to_the_lower_cut() -> None:
    """Seven members, one cut after 3 or 4: both are half a member from the median."""
    assert [b.members for b in tentative_bands([1] * 7, POLICY)] == [3, 4]


@pytest.mark.parametrize(
    ("counts", "end"),
    [([3, 3], 1), ([3, 0, 3], 2), ([0, 0, 3, 0, 0, 3, 0], 4), ([3, 0, 0, 0, 3], 3)],
)
def test_cuts_lie_in_the_middle_of_empty_bins(counts: list[int], end: int) -> None:
    """A cut right beside a filled bin would show that the bin is filled."""
    bands = tentative_bands(counts, POLICY)
    assert bands == (BinRange(0, end, 3), BinRange(end, len(counts), 3))


cells = st.lists(
    st.tuples(st.lists(st.integers(1, 7), min_size=3, max_size=5), st.integers(0, 3)),
    min_size=1,
    max_size=7,
)


def as_histograms(drawn: list[tuple[list[int], int]]) -> list[dict[str, tuple[int, ...]]]:
    """For each cell one measure of the drawn size classes, and a guard that is often zero."""
    made = []
    for sizes, zeros in drawn:
        guard = [0 if index < zeros else 3 for index in range(len(sizes))]
        made.append(
            {
                "value": tuple(sizes.count(size) for size in range(8)),
                "guard": tuple(guard.count(size) for size in range(8)),
            }
        )
    return made


@settings(max_examples=120)
@given(cells)
def test_decided_bands_are_the_best_of_all_unions(drawn: list[tuple[list[int], int]]) -> None:
    histograms = as_histograms(drawn)
    members = [len(sizes) for sizes, _ in drawn]
    tentative = [BinRange(2 * i, 2 * i + 2, count) for i, count in enumerate(members)]
    policy = Policy(3, 60)
    decision = decide_bands(tentative, histograms, policy)
    best = all_partitions(members, lambda a, b: not check_cell(merge(histograms[a:b]), policy))
    if best:
        assert tuple(band.end for band in decision.bands) == tuple(2 * cut for cut in best[0][2])
        assert not decision.violations
        check_cover(decision.bands, [n for count in members for n in (count, 0)])
    else:
        assert decision.bands == ()
        assert decision.violations == check_cell(merge(histograms), policy) != ()


def test_a_cohort_that_fails_as_a_whole_says_why() -> None:
    dominated = {"value": (0, 2, 0, 0, 0, 0, 0, 1), "heat": (1, 2, 0, 0, 0, 0, 0, 0)}
    histograms = [{"value": (0, 3) + (0,) * 6, "heat": (3,) + (0,) * 7}, dominated]
    tentative = [BinRange(0, 4, 3), BinRange(4, 8, 3)]
    decision = decide_bands(tentative, histograms, POLICY)
    assert decision.bands == ()
    assert [(v.measure, v.rule) for v in decision.violations] == [
        ("value", "dominance"),
        ("heat", "minimum-cohort"),
    ]


def test_failing_bands_merge_with_a_neighbour() -> None:
    even = {"value": (0, 0, 0, 0, 3)}
    uneven = {"value": (0, 2, 0, 0, 1)}
    tentative = [BinRange(i, i + 1, 3) for i in range(4)]
    decision = decide_bands(tentative, [even, uneven, even, even], POLICY)
    assert [(b.first, b.end) for b in decision.bands] == [(0, 1), (1, 3), (3, 4)]


@settings(max_examples=100)
@given(cells)
def test_decisions_are_deterministic(drawn: list[tuple[list[int], int]]) -> None:
    members = [len(sizes) for sizes, _ in drawn]
    tentative = [BinRange(i, i + 1, count) for i, count in enumerate(members)]
    first = decide_bands(tentative, as_histograms(drawn), POLICY)
    again = decide_bands(tuple(tentative), list(as_histograms(list(drawn))), Policy(3, 10))
    assert first == again


def test_cut_points_are_the_nearest_published_cuts() -> None:
    bands = (BinRange(0, 3, 20), BinRange(3, 5, 35), BinRange(5, 9, 25), BinRange(9, 12, 20))
    found = [(c.target, c.edge, c.below) for c in cut_points(bands)]
    assert found == [(25, 3, 20), (50, 5, 55), (75, 9, 80)]
    assert cut_points(bands[:1]) == ()
    assert cut_points(()) == ()


@given(st.lists(st.integers(5, 40), min_size=1, max_size=12), st.sampled_from(Direction))
def test_best_bands_are_the_set_nearest_a_tenth(members: list[int], direction: Direction) -> None:
    bands = [BinRange(i, i + 1, count) for i, count in enumerate(members)]
    chosen = best_bands(bands, direction)
    number = len(chosen)
    expected = range(number) if direction is Direction.LOWER else range(-number, 0)
    assert chosen == tuple(i % len(bands) for i in expected)
    ordered = members if direction is Direction.LOWER else members[::-1]
    distances = [abs(10 * sum(ordered[: n + 1]) - sum(members)) for n in range(len(members))]
    assert distances[number - 1] == min(distances)
    assert all(distance > min(distances) for distance in distances[: number - 1])


@pytest.mark.parametrize("direction", Direction)
def test_one_band_is_its_own_best(direction: Direction) -> None:
    assert best_bands((BinRange(0, 8, 9),), direction) == (0,)
