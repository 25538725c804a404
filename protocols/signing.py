"""Ed25519 signatures over typed, length-prefixed statements.

A statement is a *kind* ("plan", "contribution", "closing", ...) and the payload bytes. What is
signed is ``len(domain) domain len(kind) kind 32 SHA-256(payload)``, so that a signature for one
kind never serves for another (the idea of DSSE's pre-authentication encoding), and costs the same
whatever the payload's length. Received bytes are kept and hashed as they came. SPEC.md section 6.

Signatures are libsodium's: it takes no public key of low order, under which one signature would
hold for every statement, and half the time of others, which a round's members feel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey as Ed25519SigningKey
from nacl.signing import VerifyKey as Ed25519VerifyKey

from protocols.errors import InvalidSignature
from protocols.hashing import domain_hash, length_prefixed
from protocols.secrets import Secret
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_LARGE, decode, encode

DOMAIN = b"cefed/signed/v2"
KEY_BYTES = 32


@dataclass(frozen=True)
class VerifyKey:
    """A public Ed25519 key; its fingerprint is the holder's pseudonym."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise InvalidSignature(f"a verification key has {KEY_BYTES} bytes, not {len(self.raw)}")

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that name the key's holder in transcripts and messages."""
        return domain_hash("cefed/fingerprint/v1", self.raw).hex()[:16]

    def verify(self, kind: str, payload: bytes, signature: bytes) -> None:
        """Raise :class:`InvalidSignature` unless ``signature`` covers this kind and payload."""
        try:
            Ed25519VerifyKey(self.raw).verify(_signed_bytes(kind, payload), signature)
        except CryptoError as error:
            raise InvalidSignature(
                f"the {kind} statement is not signed by {self.fingerprint}"
            ) from error


class SigningKey(Secret):
    """An Ed25519 private key. Never printed; stored by :mod:`protocols.keyfiles`."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519SigningKey) -> None:
        self._key = key
        self.public = VerifyKey(bytes(key.verify_key))

    @classmethod
    def generate(cls) -> SigningKey:
        """A fresh key from the operating system's generator."""
        return cls(Ed25519SigningKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a 32-byte seed: key files, and frozen test vectors."""
        return cls(Ed25519SigningKey(seed))

    def seed(self) -> bytes:
        """The 32 secret bytes, for the key file only."""
        return bytes(self._key)

    def sign(self, kind: str, payload: bytes) -> bytes:
        """Serialised ``Signed`` message over ``kind`` and ``payload``."""
        signature = self._key.sign(_signed_bytes(kind, payload)).signature
        return encode(
            pb.Signed(kind=kind, payload=payload, signer=self.public.raw, signature=signature)
        )


@dataclass(frozen=True)
class Statement:
    """A signed statement whose signature was verified on construction by :func:`open_signed`."""

    kind: str
    payload: bytes
    signer: VerifyKey
    received: bytes

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 of the bytes as they came: how transcripts and closing lists refer to it."""
        return statement_hash(self.received)


def statement_hash(received: bytes) -> bytes:
    """The hash by which a signed statement is referred to."""
    return domain_hash("cefed/statement/v1", received)


def open_signed(data: bytes, kind: str, max_bytes: int = MAX_LARGE) -> Statement:
    """Decode and verify a signed statement of ``kind``; the caller checks who the signer is.

    :raises MalformedMessage: oversize or non-canonical bytes.
    :raises InvalidSignature: another kind, or the signature does not verify.
    """
    message = decode(pb.Signed, data, max_bytes)
    if message.kind != kind:
        raise InvalidSignature(f"expected a {kind} statement, got {message.kind[:40]!r}")
    signer = VerifyKey(message.signer)
    signer.verify(kind, message.payload, message.signature)
    return Statement(kind, message.payload, signer, data)


def _signed_bytes(kind: str, payload: bytes) -> bytes:
    return length_prefixed((DOMAIN, kind.encode("utf-8"), sha256(payload).digest()))
