"""Deterministic bits, so that the writers of the vectors write the same bytes each time."""

from __future__ import annotations

import hashlib


class Stream:
    """Deterministic bits from SHAKE-256; only ever a test's source of randomness."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._calls = 0

    def randbits(self, bits: int) -> int:
        self._calls += 1
        size = (bits + 7) // 8
        data = hashlib.shake_256(self._seed + self._calls.to_bytes(8, "big")).digest(size)
        return int.from_bytes(data, "big") >> (8 * size - bits)

    def randbelow(self, limit: int) -> int:
        return self.randbits(limit.bit_length() + 128) % limit
