"""Safe primes from a windowed double sieve.

A safe prime is ``p = 2 p' + 1`` with ``p'`` prime. Shoup's threshold scheme needs both prime
factors of the modulus to be safe, so that the squares form a cyclic group of order ``p' q'``
without small subgroups. Candidates ``p'`` are sieved in windows: a small prime ``l`` strikes out
both ``p' = 0 (mod l)`` and ``2 p' + 1 = 0 (mod l)``; survivors pass a cheap base-2 Fermat test on
both before gmpy2's Miller-Rabin. The sieve is that of Wiener, "Safe prime generation with a
combined sieve" (2003). Run by the dealer of a key ceremony.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import gmpy2
import numpy as np
from gmpy2 import mpz

SIEVE_LIMIT = 1 << 20
WINDOW = 1 << 20
MILLER_RABIN_ROUNDS = 40
"""Error at most 4^-40 for any composite; at these sizes the average case is far smaller."""


def small_primes(limit: int) -> list[int]:
    """All odd primes below ``limit`` by the sieve of Eratosthenes."""
    flags = np.ones(limit, dtype=bool)
    flags[:2] = False
    flags[4::2] = False
    for candidate in range(3, int(limit**0.5) + 1, 2):
        if flags[candidate]:
            flags[candidate * candidate :: candidate] = False
    return [int(prime) for prime in np.flatnonzero(flags) if prime > 2]


def safe_prime(bits: int, randbits: Callable[[int], int] = secrets.randbits) -> int:
    """A safe prime of exactly ``bits`` bits whose two top bits are set.

    The two top bits make the product of two of them exactly twice as long. ``randbits`` is the
    source of randomness, a parameter for reproducible tests.
    """
    primes = small_primes(SIEVE_LIMIT if bits > 256 else 1 << 10)
    window = WINDOW if bits > 256 else 1 << 12
    while True:
        start = mpz(randbits(bits - 1) | (3 << (bits - 3)) | 1)
        for offset in _survivors(start, window, primes):
            half = start + 2 * offset
            if half.bit_length() != bits - 1:
                break
            if _is_safe_half(half):
                return int(2 * half + 1)


def _survivors(start: mpz, window: int, primes: list[int]) -> list[int]:
    """Offsets k for which neither start + 2k nor 2 (start + 2k) + 1 has a small factor."""
    alive = np.ones(window, dtype=bool)
    for prime in primes:
        inverse_two = (prime + 1) // 2
        residue = int(start % prime)
        alive[(-residue * inverse_two) % prime :: prime] = False
        # 2 (start + 2k) + 1 = 0  <=>  start + 2k = -1/2 = (l - 1) / 2  (mod l)
        alive[((prime - 1) // 2 - residue) * inverse_two % prime :: prime] = False
    return [int(index) for index in np.flatnonzero(alive)]


def _is_safe_half(half: mpz) -> bool:
    full = 2 * half + 1
    if gmpy2.powmod(2, half - 1, half) != 1 or gmpy2.powmod(2, full - 1, full) != 1:
        return False
    return all(gmpy2.is_prime(candidate, MILLER_RABIN_ROUNDS) for candidate in (half, full))
