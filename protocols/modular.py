"""Exponentiation with a fixed base, and products of many powers, modulo an integer.

Both work on public bases. :class:`FixedBase` is used with secret exponents too: it reads one table
row for every window whatever the digit is, but does not claim constant time (an attacker who
measures a node's cache is outside the threat model; SPEC.md section 2).
"""

from __future__ import annotations

from collections.abc import Sequence

from gmpy2 import mpz


class FixedBase:
    """Powers of one base by a window table (Brickell, Gordon, McCurley, Wilson 1992).

    The table holds ``base^(d 2^(w i)) mod modulus`` for every window i and digit d, so a power
    costs one multiplication a window and no squaring. Memory is about
    ``exponent_bits / w * 2^w`` residues: 35 MB for 792 bits, w = 9 and a 6144-bit modulus.
    """

    def __init__(self, base: mpz, modulus: mpz, exponent_bits: int, window_bits: int = 9) -> None:
        self.exponent_bits = exponent_bits
        self._modulus = modulus
        self._window_bits = window_bits
        self._rows: list[list[mpz]] = []
        step = mpz(base) % modulus
        for _ in range(-(-exponent_bits // window_bits)):
            row = [mpz(1)]
            for _ in range((1 << window_bits) - 1):
                row.append(row[-1] * step % modulus)
            self._rows.append(row)
            step = row[-1] * step % modulus

    def power(self, exponent: int) -> mpz:
        """``base^exponent mod modulus`` for ``0 <= exponent < 2^exponent_bits``."""
        if exponent < 0 or int(exponent).bit_length() > self.exponent_bits:
            raise ValueError("exponent outside the table")
        mask = (1 << self._window_bits) - 1
        result = mpz(1)
        for row in self._rows:
            result = result * row[exponent & mask] % self._modulus
            exponent >>= self._window_bits
            if not exponent:
                break
        return result


def product(factors: Sequence[mpz], modulus: mpz) -> mpz:
    """The product of ``factors`` modulo ``modulus``; 1 for none."""
    result = mpz(1)
    for factor in factors:
        result = result * factor % modulus
    return result


def multi_power(bases: Sequence[mpz], exponents: Sequence[int], modulus: mpz) -> mpz:
    """``prod bases[i]^exponents[i] mod modulus`` for non-negative exponents, by buckets.

    Pippenger's method: for each window the bases are sorted into one bucket a digit, and the
    buckets summed by a running product. Far cheaper than separate powers because the squarings are
    shared: about 0.35 ms a base at a 6144-bit modulus with 128-bit exponents.
    """
    if len(bases) != len(exponents):
        raise ValueError("as many exponents as bases are needed")
    bits = max((int(e).bit_length() for e in exponents), default=0)
    window = _window_for(len(bases))
    mask = (1 << window) - 1
    result = mpz(1)
    for position in range(-(-bits // window) - 1, -1, -1):
        for _ in range(window):
            result = result * result % modulus
        buckets: list[mpz | None] = [None] * (mask + 1)
        for base, exponent in zip(bases, exponents, strict=True):
            digit = (exponent >> (position * window)) & mask
            if digit:
                held = buckets[digit]
                buckets[digit] = base if held is None else held * base % modulus
        result = result * _sum_buckets(buckets, modulus) % modulus
    return result


def _sum_buckets(buckets: list[mpz | None], modulus: mpz) -> mpz:
    """``prod buckets[d]^d`` by a running product from the highest digit down."""
    running: mpz | None = None
    total = mpz(1)
    for bucket in reversed(buckets[1:]):
        if bucket is not None:
            running = bucket if running is None else running * bucket % modulus
        if running is not None:
            total = total * running % modulus
    return total


def _window_for(bases: int) -> int:
    """The window that minimises ``(bases + 2^(w+1)) / w``, the multiplications a bit."""
    return min(range(1, 13), key=lambda width: (bases + (2 << width)) / width)
