"""Lists, key agreement and masks a second time, from SPEC.md section 11 alone.

With hashes, X25519 and a stream cipher, as another implementation would; for the tests of the
federated vectors.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20


def prefixed(*parts: bytes) -> bytes:
    """Each part after its length in eight bytes."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def plain_hash(domain: bytes, *parts: bytes) -> bytes:
    """The protocol's hash for one purpose."""
    return hashlib.sha256(prefixed(domain, *parts)).digest()


def plain_root(entries: Sequence[bytes]) -> bytes:
    """The root of RFC 9162's tree over a list that is not empty."""
    if len(entries) == 1:
        return plain_hash(b"cefed/merkle-leaf/v1", entries[0])
    middle = 1
    while 2 * middle < len(entries):
        middle *= 2
    halves = plain_root(entries[:middle]), plain_root(entries[middle:])
    return plain_hash(b"cefed/merkle-node/v1", *halves)


def plain_order(domain: bytes, seed: bytes, size: int) -> list[int]:
    """The places in the order of 16-byte keys from SHAKE-256."""
    stream = hashlib.shake_256(prefixed(domain, seed)).digest(16 * size)
    return sorted(range(size), key=lambda place: stream[16 * place : 16 * place + 16])


def plain_agreed(seed: bytes, other: bytes, context: Sequence[bytes]) -> bytes:
    """X25519 and HKDF-SHA256 (RFC 5869) without salt, one block long."""
    key = X25519PrivateKey.from_private_bytes(seed)
    shared = key.exchange(X25519PublicKey.from_public_bytes(other))
    publics = sorted((key.public_key().public_bytes_raw(), other))
    extracted = hmac.digest(bytes(32), shared, "sha256")
    info = prefixed(b"cefed/round-key/v1", *context, *publics)
    return hmac.digest(extracted, info + b"\1", "sha256")


def plain_words(key: bytes, words: int) -> list[int]:
    """ChaCha20's stream from block 0 and an all-zero nonce, as words."""
    stream = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(8 * words))
    return read_words(stream)


def read_words(data: bytes) -> list[int]:
    """Words of 64 bits, little-endian."""
    return [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]


def plain_masks(
    seed: bytes, own: int, publics: dict[int, bytes], context: Sequence[bytes], words: int
) -> list[int]:
    """What a member adds to its vector."""
    total = [0] * words
    for place, public in publics.items():
        places = [at.to_bytes(4, "big") for at in sorted((own, place))]
        sign = 1 if own < place else -1
        mask = plain_words(plain_agreed(seed, public, [*context, *places]), words)
        total = [(a + sign * b) % 2**64 for a, b in zip(total, mask, strict=True)]
    return total


def wrapped(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """The sum of two vectors modulo 2^64."""
    return [(a + b) % 2**64 for a, b in zip(one, other, strict=True)]
