"""Bins are found exactly, and computed edges are the same on every machine."""

from __future__ import annotations

import decimal
import hashlib
from fractions import Fraction
from itertools import pairwise
from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.bins import bin_of, log_edges
from protocols.errors import PlanError
from tests.strategies import edge_tuples

TENS = tuple(Fraction(edge) for edge in (10, 20, 40))


@given(edge_tuples, st.integers(0, 10**6), st.integers(1, 10**6))
def test_bin_counts_the_edges_at_or_below(
    edges: tuple[Fraction, ...], numerator: int, denominator: int
) -> None:
    ratio = Fraction(numerator, denominator)
    assert bin_of(numerator, denominator, edges) == sum(edge <= ratio for edge in edges)


@given(edge_tuples, st.data(), st.integers(1, 10**20))
def test_an_edge_belongs_to_the_bin_above_it(
    edges: tuple[Fraction, ...], data: st.DataObject, factor: int
) -> None:
    index = data.draw(st.integers(0, len(edges) - 1))
    top, bottom = edges[index].numerator * factor, edges[index].denominator * factor
    assert bin_of(top, bottom, edges) == index + 1
    # One part in 10^26 below the edge: further than any float could tell.
    assert bin_of(top * 10**6 - 1, bottom * 10**6, edges) == index


def test_end_bins_are_open() -> None:
    assert bin_of(0, 1, TENS) == 0
    assert bin_of(9, 1, TENS) == 0
    assert bin_of(10, 1, TENS) == 1
    assert bin_of(40, 1, TENS) == 3
    assert bin_of(10**60, 1, TENS) == 3
    assert bin_of(1, 10**60, TENS) == 0


def test_no_edges_are_one_bin() -> None:
    assert bin_of(5, 3, ()) == 0


@pytest.mark.parametrize(("numerator", "denominator"), [(-1, 1), (1, 0), (1, -1), (0, 0)])
def test_what_is_no_ratio_is_refused(numerator: int, denominator: int) -> None:
    with pytest.raises(ValueError, match="denominator > 0"):
        bin_of(numerator, denominator, TENS)


def test_frozen_edges() -> None:
    """A change here changes every plan: nodes of two versions would disagree about their bins."""
    edges = log_edges(Fraction(500), Fraction(200_000), 32)
    shown = [str(edge) for edge in edges]
    assert shown[:5] == ["500", "76316/125", "93186/125", "455141/500", "2223/2"]
    assert shown[15] == "10000"  # the geometric mean of the ends
    assert shown[-3:] == ["134140", "163793", "200000"]
    digest = hashlib.sha256(" ".join(shown).encode()).hexdigest()
    assert digest == "8f82c0183f3ccf12af99d618a367541c339e84691a503fe86b9dfc869123558e"


@given(
    st.fractions(Fraction(1, 10**6), 10**6, max_denominator=10**6),
    st.fractions(Fraction(3, 2), 10**6, max_denominator=1000),
    st.integers(3, 64),
)
def test_edges_keep_their_ends_and_spacing(lower: Fraction, width: Fraction, bins: int) -> None:
    edges = log_edges(lower, lower * width, bins)
    assert len(edges) == bins - 1
    assert edges[0] == lower
    assert edges[-1] == lower * width
    assert all(a < b for a, b in pairwise(edges))
    step = log10(width) / (bins - 2)
    for index, edge in enumerate(edges):
        assert abs(log10(edge / lower) - index * step) < 1e-5
    for edge in edges[1:-1]:
        digits = decimal.Context(prec=6).divide(edge.numerator, edge.denominator)
        assert Fraction(digits) == edge


def test_edges_do_not_depend_on_the_surrounding_decimal_context() -> None:
    expected = log_edges(Fraction(1, 10), Fraction(1000), 64)
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP):
        assert log_edges(Fraction(1, 10), Fraction(1000), 64) == expected


@pytest.mark.parametrize(
    ("lower", "upper", "bins", "message"),
    [
        (1, 10, 2, "at least 3 bins"),
        (0, 10, 8, "0 < lower < upper"),
        (-1, 10, 8, "0 < lower < upper"),
        (10, 10, 8, "0 < lower < upper"),
        (10, 1, 8, "0 < lower < upper"),
        (100_000, 100_003, 32, "widen the range or use fewer bins"),
    ],
)
def test_impossible_ranges_are_refused(lower: int, upper: int, bins: int, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        log_edges(Fraction(lower), Fraction(upper), bins)
