"""Domain-separated hashing over length-prefixed parts.

Every hash in the protocol goes through :func:`domain_hash`, so that no byte string hashed for one
purpose can be mistaken for another and no two lists of parts collide by shifting bytes between
neighbours (SPEC.md section 6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

HASH_BYTES = 32


def length_prefixed(parts: Iterable[bytes]) -> bytes:
    """Concatenate ``parts``, each after its length as eight big-endian bytes: injective."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def domain_hash(domain: str, *parts: bytes) -> bytes:
    """SHA-256 over ``domain`` and ``parts``, all length-prefixed. 32 bytes."""
    return hashlib.sha256(length_prefixed((domain.encode("ascii"), *parts))).digest()


def domain_integers(domain: str, seed: bytes, count: int, bits: int) -> list[int]:
    """``count`` integers of ``bits`` bits (a multiple of 8) from ``seed``, by SHAKE-256."""
    size = bits // 8
    stream = hashlib.shake_256(length_prefixed((domain.encode("ascii"), seed))).digest(size * count)
    return [int.from_bytes(stream[i * size : (i + 1) * size], "big") for i in range(count)]
