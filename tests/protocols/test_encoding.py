"""Rounding is half to even and exact; size classes are octaves."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.encoding import (
    RESOLUTIONS,
    class_count,
    class_lower,
    class_upper,
    size_class,
    to_integer,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0),
        ("1/2", 0),
        ("3/2", 2),
        ("5/2", 2),
        ("7/2", 4),
        ("-1/2", 0),
        ("-3/2", -2),
        ("2.4999999999999999999999", 2),
        ("2.5000000000000000000001", 3),
        ("9007199254740993/1", 9007199254740993),  # 2^53 + 1: not a binary64
        ("18014398509481987/2", 9007199254740994),
    ],
)
def test_halves_go_to_the_even_neighbour(value: str, expected: int) -> None:
    assert to_integer(Fraction(value)) == expected


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**4))
def test_rounding_is_that_of_decimal_arithmetic(units: int, parts: int) -> None:
    value = Fraction(units, parts)
    rounded = to_integer(value)
    assert abs(value - rounded) <= Fraction(1, 2)
    if abs(value - rounded) == Fraction(1, 2):
        assert rounded % 2 == 0


@given(st.decimals(-(10**15), 10**15, places=1))
def test_decimals_round_as_the_standard_library_rounds_them(value: Decimal) -> None:
    expected = int(value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    assert to_integer(Fraction(value)) == expected


@pytest.mark.parametrize(
    "value", [1.0, True, "1", Decimal(1), np.int64(1), np.float64(1), None, 1j]
)
def test_only_exact_numbers_are_rounded(value: object) -> None:
    with pytest.raises(TypeError, match="exact"):
        to_integer(value)  # type: ignore[arg-type]


@given(st.integers(0, 2**220))
def test_a_value_lies_in_its_class_and_no_other(value: int) -> None:
    own = size_class(value)
    assert class_lower(own) <= value <= class_upper(own)
    assert class_upper(own) + 1 == class_lower(own + 1)


def test_classes_of_small_numbers() -> None:
    assert [size_class(v) for v in (0, 1, 2, 3, 4, 7, 8)] == [0, 1, 2, 2, 3, 3, 4]
    assert [class_count(bound) for bound in (0, 1, 2, 255, 256)] == [1, 2, 3, 9, 10]


@pytest.mark.parametrize("value", [True, 1.0, np.int64(3), "3", Fraction(3)])
def test_only_integers_are_classed(value: object) -> None:
    with pytest.raises(TypeError):
        size_class(value)  # type: ignore[arg-type]


def test_negative_values_and_classes_are_refused() -> None:
    for call in (size_class, class_lower, class_upper, class_count):
        with pytest.raises(ValueError, match=r"non-negative|start at 0"):
            call(-1)


FINER = [r for r in RESOLUTIONS if r > 1]


@pytest.mark.parametrize("resolution", FINER)
@given(value=st.integers(0, 2**200 - 1))
def test_a_value_lies_in_its_finer_class_and_no_other(resolution: int, value: int) -> None:
    own = size_class(value, resolution)
    assert class_lower(own, resolution) <= value <= class_upper(own, resolution)
    assert class_upper(own, resolution) + 1 == class_lower(own + 1, resolution)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_edges_are_the_ceilings_of_roots_of_powers_of_two(resolution: int) -> None:
    """Against the definition: e is the least integer with ``e^r >= 2^c``."""
    lowers = [class_lower(size, resolution) for size in range(1, 40 * resolution)]
    assert lowers == sorted(set(lowers))
    expected = []
    for exponent in range(60 * resolution):
        root = next(
            e for e in _around(2 ** (exponent / resolution)) if e**resolution >= 2**exponent
        )
        expected.append(root)
    assert lowers == sorted(set(expected))[: len(lowers)]


def _around(estimate: float) -> range:
    return range(max(1, int(estimate) - 1000), int(estimate) + 1000)


def test_finer_classes_of_small_numbers() -> None:
    assert [class_lower(size, 2) for size in range(7)] == [0, 1, 2, 3, 4, 6, 8]
    assert [size_class(value, 2) for value in (0, 1, 2, 3, 4, 5, 6, 8)] == [0, 1, 2, 3, 4, 4, 5, 6]
    assert class_count(2**200 - 1, 8) > 8 * 196 > class_count(2**200 - 1, 4)


def test_unknown_resolutions_and_too_large_values_are_refused() -> None:
    with pytest.raises(ValueError, match="3 classes an octave"):
        size_class(5, 3)
    with pytest.raises(ValueError, match="end at"):
        size_class(2**201, 4)
