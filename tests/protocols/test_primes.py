"""Safe primes are safe, exactly as long as asked for, and the sieve loses none."""

from __future__ import annotations

import random

import gmpy2
import pytest
from gmpy2 import mpz

from protocols.primes import _survivors, safe_prime, small_primes


@pytest.mark.parametrize("bits", [64, 128, 300, 512])
def test_safe_primes(bits: int) -> None:
    prime = safe_prime(bits, random.Random(bits).getrandbits)
    assert prime.bit_length() == bits
    assert prime >> (bits - 2) == 3
    assert gmpy2.is_prime(prime, 60)
    assert gmpy2.is_prime(prime // 2, 60)


def test_the_same_randomness_gives_the_same_prime() -> None:
    assert safe_prime(96, random.Random(1).getrandbits) == safe_prime(
        96, random.Random(1).getrandbits
    )


def test_small_primes() -> None:
    expected = [n for n in range(3, 2000) if gmpy2.is_prime(n)]
    assert small_primes(2000) == expected


def test_sieve_keeps_every_safe_half_and_strikes_out_the_rest() -> None:
    """Against trial division: exactly the offsets without a small factor in either number."""
    primes = small_primes(200)
    start, window = mpz(10**12 + 39), 3000
    expected = [
        k
        for k in range(window)
        if all((start + 2 * k) % p and (2 * (start + 2 * k) + 1) % p for p in primes)
    ]
    assert _survivors(start, window, primes) == expected
