"""Envelopes that only one recipient opens: X25519, HKDF-SHA256, ChaCha20-Poly1305.

Used for key shares from the ceremony and for the shares of the count and class openings, which
pass between trustees over the coordinator's relay and must stay hidden from it. The sender is
authenticated by a signature around the envelope (``protocols.signing``), the context (round, phase,
sender, recipient) by the associated data. SPEC.md section 6; the shape is that of HPKE's base mode
(RFC 9180) with one message per key.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocols.errors import SealBroken
from protocols.hashing import length_prefixed
from protocols.secrets import Secret
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode

NONCE_BYTES = 12
KEY_BYTES = 32


class SealingKey(Secret):
    """An X25519 private key that opens envelopes sealed to its public half."""

    __slots__ = ("_key", "public")

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key
        self.public: bytes = key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> SealingKey:
        """A fresh key from the operating system's generator."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SealingKey:
        """The key of 32 secret bytes: key files, and frozen test vectors."""
        return cls(X25519PrivateKey.from_private_bytes(seed))

    def seed(self) -> bytes:
        """The 32 secret bytes, for the key file only."""
        return self._key.private_bytes_raw()

    def open(self, envelope: bytes, context: tuple[bytes, ...]) -> bytes:
        """The plaintext of ``envelope``; :class:`SealBroken` for any other key, context or byte."""
        message = decode(pb.SealedEnvelope, envelope)
        try:
            peer = X25519PublicKey.from_public_bytes(message.ephemeral_key)
            key = _derive(self._key.exchange(peer), message.ephemeral_key, self.public)
            return ChaCha20Poly1305(key).decrypt(
                message.nonce, message.ciphertext, length_prefixed(context)
            )
        except (InvalidTag, ValueError) as error:
            raise SealBroken("the envelope does not open with this key and context") from error


def seal(recipient: bytes, plaintext: bytes, context: tuple[bytes, ...]) -> bytes:
    """Encrypt ``plaintext`` to the X25519 key ``recipient``, bound to ``context``."""
    if len(recipient) != KEY_BYTES:
        raise SealBroken(f"a sealing key has {KEY_BYTES} bytes, not {len(recipient)}")
    ephemeral = X25519PrivateKey.generate()
    ephemeral_public = ephemeral.public_key().public_bytes_raw()
    try:
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    except ValueError as error:
        raise SealBroken("the recipient's sealing key is a point of low order") from error
    nonce = os.urandom(NONCE_BYTES)
    ciphertext = ChaCha20Poly1305(_derive(shared, ephemeral_public, recipient)).encrypt(
        nonce, plaintext, length_prefixed(context)
    )
    return encode(
        pb.SealedEnvelope(ephemeral_key=ephemeral_public, nonce=nonce, ciphertext=ciphertext)
    )


def _derive(shared: bytes, ephemeral: bytes, recipient: bytes) -> bytes:
    info = length_prefixed((b"cefed/seal/v1", ephemeral, recipient))
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)
