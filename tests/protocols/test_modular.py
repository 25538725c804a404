"""Exponentiation helpers against the plain definition."""

from __future__ import annotations

import gmpy2
import pytest
from gmpy2 import mpz
from hypothesis import given
from hypothesis import strategies as st

from protocols.modular import FixedBase, multi_power, product

MODULUS = mpz(2**127 - 1) * (2**89 - 1)
residues = st.integers(1, int(MODULUS) - 1)


@given(residues, st.integers(0, 2**100 - 1), st.sampled_from([1, 3, 8]))
def test_fixed_base(base: int, exponent: int, window: int) -> None:
    table = FixedBase(mpz(base), MODULUS, 100, window)
    assert table.power(exponent) == gmpy2.powmod(base, exponent, MODULUS)


@pytest.mark.parametrize("exponent", [-1, 1 << 100])
def test_fixed_base_refuses_other_exponents(exponent: int) -> None:
    with pytest.raises(ValueError, match="outside the table"):
        FixedBase(mpz(3), MODULUS, 100, 4).power(exponent)


@given(st.lists(st.tuples(residues, st.integers(0, 2**64)), max_size=40))
def test_multi_power(pairs: list[tuple[int, int]]) -> None:
    bases = [mpz(base) for base, _ in pairs]
    exponents = [exponent for _, exponent in pairs]
    expected = product([gmpy2.powmod(b, e, MODULUS) for b, e in pairs], MODULUS)
    assert multi_power(bases, exponents, MODULUS) == expected


def test_multi_power_needs_pairs() -> None:
    with pytest.raises(ValueError, match="as many exponents"):
        multi_power([mpz(2)], [1, 2], MODULUS)
