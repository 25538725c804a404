"""Bands are as many as the policy allows, nearest the percentiles, and the same for everybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.bands import (
    PERCENTILES,
    BinRange,
    best_set,
    cut_points,
    decide_bands,
    tentative_bands,
)
from protocols.plan_terms import Direction, Policy
from protocols.policy import Histogram, PublicLimits, check_cell, merge
from tests.strategies import UNLIMITED

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
    decision = decide_bands(tentative, histograms, policy, UNLIMITED)
    best = all_partitions(
        members, lambda a, b: not check_cell(merge(histograms[a:b]), policy, UNLIMITED)
    )
    if best:
        assert tuple(band.end for band in decision.bands) == tuple(2 * cut for cut in best[0][2])
        assert not decision.violations
        check_cover(decision.bands, [n for count in members for n in (count, 0)])
    else:
        assert decision.bands == ()
        assert decision.violations == check_cell(merge(histograms), policy, UNLIMITED) != ()


def test_a_cohort_that_fails_as_a_whole_says_why() -> None:
    dominated = {"value": (0, 2, 0, 0, 0, 0, 0, 1), "heat": (1, 2, 0, 0, 0, 0, 0, 0)}
    histograms = [{"value": (0, 3) + (0,) * 6, "heat": (3,) + (0,) * 7}, dominated]
    tentative = [BinRange(0, 4, 3), BinRange(4, 8, 3)]
    decision = decide_bands(tentative, histograms, POLICY, UNLIMITED)
    assert decision.bands == ()
    assert [(v.measure, v.rule) for v in decision.violations] == [
        ("value", "dominance"),
        ("heat", "minimum-cohort"),
    ]


def test_failing_bands_merge_with_a_neighbour() -> None:
    even = {"value": (0, 0, 0, 0, 3)}
    uneven = {"value": (0, 2, 0, 0, 1)}
    tentative = [BinRange(i, i + 1, 3) for i in range(4)]
    decision = decide_bands(tentative, [even, uneven, even, even], POLICY, UNLIMITED)
    assert [(b.first, b.end) for b in decision.bands] == [(0, 1), (1, 3), (3, 4)]


@settings(max_examples=100)
@given(cells)
def test_decisions_are_deterministic(drawn: list[tuple[list[int], int]]) -> None:
    members = [len(sizes) for sizes, _ in drawn]
    tentative = [BinRange(i, i + 1, count) for i, count in enumerate(members)]
    first = decide_bands(tentative, as_histograms(drawn), POLICY, UNLIMITED)
    again = decide_bands(
        tuple(tentative), list(as_histograms(list(drawn))), Policy(3, 10), UNLIMITED
    )
    assert first == again


class AskedLimits(dict[str, PublicLimits]):
    """Limits of every measure, which count how often a measure of a run is checked."""

    asked = 0

    def __missing__(self, measure: str) -> PublicLimits:
        self.asked += 1
        return PublicLimits()


def slowly_decided(
    tentative: Sequence[BinRange], histograms: Sequence[Mapping[str, Histogram]], policy: Policy
) -> list[int]:
    """Where the best bands end: every run checked from its cells, every plan of every end held."""
    after = [0, *accumulate(cell.members for cell in tentative)]
    best: list[Ranked | None] = [(0, 0, ())]
    for end in range(1, len(tentative) + 1):
        found: list[Ranked] = []
        for first, before in enumerate(best):
            if before and not check_cell(merge(histograms[first:end]), policy, UNLIMITED):
                distance = sum(
                    min(
                        abs(100 * place - percentile * after[-1])
                        for place in (after[first], after[end])
                        if 0 < place < after[-1]
                    )
                    for percentile in PERCENTILES
                    if end - first < len(tentative)
                    and 100 * after[first] <= percentile * after[-1] < 100 * after[end]
                )
                found.append((before[0] - 1, before[1] + distance, (*before[2], end)))
        best.append(min(found, default=None))
    return list(best[-1][2]) if best[-1] else []


@st.composite
def long_rows(draw: st.DrawFn) -> list[dict[str, tuple[int, ...]]]:
    """Many tentative bands of three measures, here and there with a giant or without values."""
    row = []
    for _ in range(draw(st.integers(8, 24))):
        cell = {}
        for name in ("a", "b", "c"):
            size = draw(st.sampled_from((0, 5, 5, 5, 6)))
            sizes = [size, 5, 5, 5, draw(st.sampled_from((5, 5, 5, 7, 9)))]
            cell[name] = tuple(sizes.count(c) for c in range(12))
        row.append(cell)
    return row


@settings(max_examples=60, deadline=None)
@given(long_rows())
def test_long_rows_are_decided_as_the_slow_way_decides(
    row: list[dict[str, tuple[int, ...]]],
) -> None:
    tentative = [BinRange(i, i + 1, 5) for i in range(len(row))]
    policy = Policy(5, 20)
    decision = decide_bands(tentative, row, policy, UNLIMITED)
    assert [band.end for band in decision.bands] == slowly_decided(tentative, row, policy)
    whole = check_cell(merge(row), policy, UNLIMITED)
    assert decision.violations == (() if decision.bands else whole)


def test_as_many_bands_as_bins_are_each_checked_once() -> None:
    """A plan with 64 bins, finest classes and many measures must not keep a trustee thinking."""
    names = [f"measure {number}" for number in range(8)]
    row = [dict.fromkeys(names, (0, *[0] * 60, 5, *[0] * 735))] * 64
    limits = AskedLimits()
    decision = decide_bands([BinRange(i, i + 1, 5) for i in range(64)], row, Policy(5, 10), limits)
    assert len(decision.bands) == 64
    assert limits.asked == 64 * len(names)


def test_a_run_that_fails_is_left_at_its_first_failing_measure() -> None:
    """The last of many measures fails everywhere: after one run it is asked first."""
    names = [f"measure {number}" for number in range(8)]
    row = [{**dict.fromkeys(names, (0, 5)), "rare": (5, 0)}] * 20
    limits = AskedLimits()
    decision = decide_bands([BinRange(i, i + 1, 5) for i in range(20)], row, Policy(5, 10), limits)
    assert [v.measure for v in decision.violations] == ["rare"]
    once_each = 20 + len(names)
    assert limits.asked == once_each + len(row[0])  # and once more for the reasons


def test_cut_points_are_the_nearest_published_cuts() -> None:
    bands = (BinRange(0, 3, 20), BinRange(3, 5, 35), BinRange(5, 9, 25), BinRange(9, 12, 20))
    found = [(c.target, c.edge, c.below) for c in cut_points(bands)]
    assert found == [(25, 3, 20), (50, 5, 55), (75, 9, 80)]
    assert cut_points(bands[:1]) == ()
    assert cut_points(()) == ()


@given(st.lists(st.integers(5, 40), min_size=1, max_size=12), st.sampled_from(Direction))
def test_best_bands_are_the_set_nearest_a_tenth(members: list[int], direction: Direction) -> None:
    bands = [BinRange(i, i + 1, count) for i, count in enumerate(members)]
    found = best_set(bands, direction)
    chosen = found.bands
    number = len(chosen)
    expected = range(number) if direction is Direction.LOWER else range(-number, 0)
    assert chosen == tuple(i % len(bands) for i in expected)
    ordered = members if direction is Direction.LOWER else members[::-1]
    distances = [abs(10 * sum(ordered[: n + 1]) - sum(members)) for n in range(len(members))]
    assert distances[number - 1] == min(distances)
    assert all(distance > min(distances) for distance in distances[: number - 1])
    assert found.members == sum(ordered[:number])
    share = Fraction(found.members, sum(members))
    assert found.near == (Fraction(5, 100) <= share <= Fraction(15, 100))
    assert bool(found.withheld) == (share > Fraction(1, 3))


@pytest.mark.parametrize("direction", Direction)
def test_one_band_is_its_own_best(direction: Direction) -> None:
    found = best_set((BinRange(0, 8, 9),), direction)
    assert found.bands == (0,)
    assert found.withheld.startswith("the nearest set of best bands holds 9 of 9 enterprises")


@pytest.mark.parametrize(
    ("members", "near", "published"),
    [
        ((85, 15), True, True),
        ((84, 16), False, True),
        ((5, 95), False, False),
        ((95, 5), True, True),
        ((96, 4), False, True),
        ((5, 5, 5), False, True),
        ((9, 5), False, False),
        ((200, 101), False, False),
    ],
)
def test_how_far_from_a_tenth_a_best_set_may_be(
    members: tuple[int, ...], near: bool, published: bool
) -> None:
    bands = [BinRange(i, i + 1, count) for i, count in enumerate(members)]
    found = best_set(bands, Direction.HIGHER)
    assert (found.near, not found.withheld) == (near, published)
