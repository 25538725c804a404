"""Frozen keys for tests: published here, so worth nothing, and never generated during a test run.

``test_primes`` are two 1024-bit safe primes (a 2048-bit modulus, the smallest that the product
accepts); ``small_primes_unsafe`` make a 512-bit modulus for properties that run hundreds of times.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

from protocols.ceremony import Ceremony, Trustee, countersign, open_share, run_dealer
from protocols.paillier import PublicKey
from protocols.sealing import SealingKey
from protocols.signing import SigningKey
from protocols.threshold import KeyShare
from protocols.walkthrough import Cast

_P = int(
    "e3775e9f2c5068cd7ee4bce1918e2a8374e3c7170b96db36a1cc42b7e684c888b39267664eb0f59e5a5b"
    "27c7498ea409e761493f00f613aeebc0adc20a4a72ceab31a305fa630cbcffac2dd1d8ed575e650a33c1"
    "ec218703d82a13c21babbfd3be062fd7ca69bb88ae7a75d0e880f46d6f9b972be02f1bcb7a5ad1088321"
    "8a8b",
    16,
)

_Q = int(
    "d1557b71797b667406cba06ad4a53ade8327dca44cb0aeeb71fc1dc6aafab48afd96723235d3806aba46"
    "e7e05cb3d4ed0336a5b376d2d39f54e39e4843e1b12c32ab781339e70eced59c29f3d7a1b66cf922561e"
    "edd3ef17efd22452208125603ba8caa2d7c4e2c14ff204a5cf2d65c578e2495c7428dd8336e3d9c2e69c"
    "c6bf",
    16,
)

_SMALL_P = int(
    "f4cf04a279a8c89dd4e12e47b5e41a0eea0f6d88142d7a6f5dda964a475239c3",
    16,
)

_SMALL_Q = int(
    "ebebb71658aa3dde7c979a4b65968dd6016bfbccb81d847208d017d85c0c151f",
    16,
)


def test_primes() -> tuple[int, int]:
    """Two 1024-bit safe primes."""
    return _P, _Q


def small_primes_unsafe() -> tuple[int, int]:
    """Two 256-bit safe primes: breakable, for fast properties only."""
    return _SMALL_P, _SMALL_Q


test_primes.__test__ = False  # type: ignore[attr-defined]  # a helper, not a test


@lru_cache(maxsize=1)
def public_key() -> PublicKey:
    """The 2048-bit test key."""
    return PublicKey.from_modulus(_P * _Q)


@lru_cache(maxsize=1)
def small_public_key() -> PublicKey:
    """The 512-bit test key."""
    return PublicKey.unsafe_from_modulus(_SMALL_P * _SMALL_Q)


def signing_key(number: int, role: str = "node") -> SigningKey:
    """The same Ed25519 key on every run for each role and number."""
    return SigningKey.from_seed(role.encode().ljust(24, b".") + number.to_bytes(8, "big"))


@dataclass(frozen=True)
class Trustees:
    """A finished ceremony with the secrets of all its trustees."""

    ceremony: Ceremony
    countersignatures: list[bytes]
    signing: list[SigningKey]
    sealing: list[SealingKey]
    shares: list[KeyShare]
    sealed: list[bytes]
    dealer: SigningKey


def hold_ceremony(
    *,
    threshold: int = 2,
    quorum: int = 3,
    count: int = 4,
    small: bool = False,
    period: str = "2020",
    role: str = "trustee",
    randbelow: Callable[[int], int] = secrets.randbelow,
) -> Trustees:
    """A ceremony in memory; the shares differ from run to run, the keys do not."""
    signing = [signing_key(i, role) for i in range(1, count + 1)]
    sealing = [
        SealingKey.from_seed(f"{role}-seal".encode().ljust(24, b".") + i.to_bytes(8, "big"))
        for i in range(1, count + 1)
    ]
    identities = [
        Trustee(i, f"trustee-{i}", s.public, x.public)
        for i, (s, x) in enumerate(zip(signing, sealing, strict=True), start=1)
    ]
    dealer = signing_key(0, "dealer")
    record, sealed = run_dealer(
        dealer,
        small_primes_unsafe() if small else test_primes(),
        identities,
        threshold=threshold,
        quorum=quorum,
        period=period,
        created_at=1_600_000_000,
        randbelow=randbelow,
    )
    ceremony = Ceremony.from_signed(record, unsafe_small_modulus=small)
    shares = [
        open_share(ceremony, key, i, envelope)
        for i, (key, envelope) in enumerate(zip(sealing, sealed, strict=True), start=1)
    ]
    countersignatures = [countersign(ceremony, key) for key in signing]
    return Trustees(ceremony, countersignatures, signing, sealing, shares, sealed, dealer)


@cache  # evicted, one file would hold two different ceremonies
def trustees(small: bool = False, period: str = "2020") -> Trustees:
    """One shared ceremony a period: four trustees, two to open, three to close."""
    return hold_ceremony(small=small, period=period)


def cast(held: Trustees, members: int) -> Cast:
    """Everybody's frozen keys, for :func:`protocols.walkthrough.run_round`."""
    return Cast(
        coordinator=signing_key(1, "coordinator"),
        members=tuple(signing_key(i) for i in range(1, members + 1)),
        trustees=tuple(held.signing),
        shares=tuple(held.shares),
        ceremony=held.ceremony,
        countersignatures=tuple(held.countersignatures),
    )
