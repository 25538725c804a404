"""Rounded once, half to even, and exact enough for any double."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.numbers import decimal_text

positive = st.fractions(min_value=Fraction(1, 10**12), max_value=10**15, max_denominator=10**12)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(1, 2), "0.5"),
        (Fraction(382810), "382810"),
        (Fraction(1, 3), "0.33333333333333333333"),
        (Fraction(2, 3), "0.66666666666666666667"),
        (Fraction(10**25 + 1), "1" + "0" * 25),
        (Fraction(1, 10**6), "0.000001"),
    ],
)
def test_known_values(value: Fraction, text: str) -> None:
    assert decimal_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(25, "2"), (35, "4"), (45, "4")])
def test_ties_go_to_even(value: int, text: str) -> None:
    assert decimal_text(Fraction(value, 10), 1) == text


@given(positive)
def test_relative_error_is_at_most_half_a_unit_of_the_last_digit(value: Fraction) -> None:
    assert abs(Fraction(Decimal(decimal_text(value))) - value) <= value * Fraction(5, 10**20)


@given(st.integers(1, 10**15), st.integers(1, 10**15))
def test_nearest_double_is_that_of_the_fraction(numerator: int, denominator: int) -> None:
    value = Fraction(numerator, denominator)
    assert float(decimal_text(value)) == numerator / denominator


def test_negative_values_are_never_published() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        decimal_text(Fraction(-1))
