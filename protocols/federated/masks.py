"""Masks: vectors of 64-bit words that two members know alike, and which cancel in a sum.

Two members agree on a key by X25519 over the round keys that each signed for this round; the mask
is ChaCha20's key stream under it. The member at the lower place adds, the other subtracts, so that
the sum over both holds no mask (Bonawitz et al., CCS 2017, section 4). Words are little-endian on
the wire. Nothing here is used twice: keys are bound to the round and to what is masked for.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from protocols.errors import MalformedMessage
from protocols.hashing import length_prefixed
from protocols.secrets import Secret

KEY_BYTES = 32
WORD_BYTES = 8
_NONCE = bytes(16)  # each key makes one stream

_FIELD = 2**255 - 19
_LOW_ORDER = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    }
)
"""The u-coordinates of all points whose order divides 8, on the curve and on its twist: what is
agreed on with them is 0 (Bernstein, "A state-of-the-art Diffie-Hellman function", validation)."""

Words = NDArray[np.uint64]
"""A vector; addition and subtraction wrap around, which is what is wanted."""


class RoundKey(Secret):
    """A member's secret X25519 key for one round; ``public`` is what it signs for the others."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """:param seed: 32 secret bytes, kept for the round."""
        self._key = X25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    @staticmethod
    def new_seed() -> bytes:
        """32 bytes of the operating system's generator."""
        return secrets.token_bytes(KEY_BYTES)

    def agree(self, other: bytes, context: tuple[bytes, ...]) -> bytes:
        """The 32 bytes that this key and the public key ``other`` have in common for a context.

        Both sides get the same; the public halves enter in ascending order.

        :raises MalformedMessage: ``other`` is no usable public key.
        """
        try:
            shared = self._key.exchange(X25519PublicKey.from_public_bytes(other))
        except ValueError as error:
            raise MalformedMessage("a round key that is none, or of low order") from error
        first, second = sorted((self.public, other))
        info = length_prefixed((b"cefed/round-key/v1", *context, first, second))
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)


def is_usable(public: bytes) -> bool:
    """Whether a key can be agreed with: 32 bytes that are no point of low order.

    As X25519 does (RFC 7748), it looks at 255 bits, and at those modulo the field's prime.
    """
    u = int.from_bytes(public, "little") & (1 << 255) - 1
    return len(public) == KEY_BYTES and u % _FIELD not in _LOW_ORDER


def expand(key: bytes, words: int) -> Words:
    """The mask of ``words`` words that belongs to 32 secret bytes."""
    stream = Cipher(ChaCha20(key, _NONCE), mode=None).encryptor().update(bytes(WORD_BYTES * words))
    return np.frombuffer(stream, dtype="<u8").astype(np.uint64)


def pairwise(
    key: RoundKey, own: int, others: Mapping[int, bytes], context: tuple[bytes, ...], words: int
) -> Words:
    """The sum of what the member at place ``own`` adds and subtracts for its neighbours.

    :param others: the public round keys by the neighbours' places.
    :param context: what the masks are for: they cancel for equal contexts only. The two places
        are added to it, so that a key that stands at several makes a mask of its own at each.
    :raises MalformedMessage: an unusable key, or the own place among them.
    """
    total = np.zeros(words, dtype=np.uint64)
    for place, public in others.items():
        if place == own:
            raise MalformedMessage("a member is no neighbour of itself")
        places = tuple(at.to_bytes(4, "big") for at in sorted((own, place)))
        mask = expand(key.agree(public, (*context, *places)), words)
        total = total + mask if own < place else total - mask
    return total


def added(vectors: Iterable[Words], words: int) -> Words:
    """The sum of vectors modulo 2^64."""
    total = np.zeros(words, dtype=np.uint64)
    for vector in vectors:
        total = total + vector
    return total


def to_words(values: Iterable[int]) -> Words:
    """Integers as words. :raises OverflowError: one that has no room; never wrapped."""
    return np.array([_fitting(value) for value in values], dtype=np.uint64)


def to_bytes(vector: Words) -> bytes:
    """A vector as it travels."""
    return vector.astype("<u8").tobytes()


def from_bytes(data: bytes, words: int) -> Words:
    """Inverse of :func:`to_bytes`. :raises MalformedMessage: another length."""
    if len(data) != WORD_BYTES * words:
        raise MalformedMessage(f"a masked vector of {len(data)} bytes, not {WORD_BYTES * words}")
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)


def _fitting(value: int) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise OverflowError("a value has no room in 64 bits")
    return value
