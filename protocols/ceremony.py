"""The key ceremony: one key a reporting period, a sealed share for each trustee, a signed record.

This ceremony has a *dealer*, who sees the primes and all shares for a moment and must be neither
the coordinator nor a node; it is named in the record for what it is, and its last step is to forget
(SPEC.md section 5 gives the steps; a dealerless ceremony is a later goal). Every trustee checks its
own share against the published verification key and countersigns.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import gmpy2

from protocols.errors import InvalidShare, InvalidSignature, KeyRefused, MalformedMessage
from protocols.hashing import domain_hash
from protocols.paillier import PublicKey
from protocols.sealing import SealingKey, seal
from protocols.signing import SigningKey, Statement, VerifyKey, open_signed
from protocols.threshold import MAX_TRUSTEES, KeyShare, ThresholdKey, deal
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import (
    decode,
    decode_fixed,
    decode_uint,
    encode,
    encode_fixed,
    encode_uint,
)

KIND = "ceremony"
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Trustee:
    """A trustee as the ceremony names it; ``index`` runs from 1."""

    index: int
    name: str
    signing_key: VerifyKey
    sealing_key: bytes


@dataclass(frozen=True)
class Ceremony:
    """The verified record of a ceremony: everything public about a period's key."""

    period: str
    key: ThresholdKey
    closing_quorum: int
    trustees: tuple[Trustee, ...]
    dealer: VerifyKey
    created_at: int
    received: bytes
    key_id: bytes

    @classmethod
    def from_signed(cls, data: bytes, *, unsafe_small_modulus: bool = False) -> Ceremony:
        """Check the dealer's signature and everything about the key that can be checked outside.

        :param unsafe_small_modulus: accept a modulus under 2048 bits; tests only.
        :raises KeyRefused: modulus, counts or verification keys that cannot be right.
        """
        statement = open_signed(data, KIND, MAX_BYTES)
        message = decode(pb.Ceremony, statement.payload, MAX_BYTES)
        if message.dealer != statement.signer.raw:
            raise InvalidSignature("the ceremony is not signed by the dealer it names")
        count = len(message.trustees)
        check_counts(message.threshold, message.closing_quorum, count)
        modulus = decode_uint(message.modulus)
        load = PublicKey.unsafe_from_modulus if unsafe_small_modulus else PublicKey.from_modulus
        public = load(modulus)
        size = public.modulus_bytes
        base = decode_fixed(message.verification_base, size)
        keys = tuple(decode_fixed(key, size) for key in message.verification_keys)
        if len(keys) != count or len(set(keys)) != count:
            raise KeyRefused("one different verification key is needed for each trustee")
        if any(not 1 < x < modulus or gmpy2.gcd(x, modulus) != 1 for x in (base, *keys)):
            raise KeyRefused("a verification key is not a unit modulo n")
        trustees = tuple(
            Trustee(t.index, t.name, VerifyKey(t.signing_key), t.sealing_key)
            for t in message.trustees
        )
        if [t.index for t in trustees] != list(range(1, count + 1)):
            raise MalformedMessage("ceremony: trustees must be numbered 1, 2, 3, ...")
        if len({t.signing_key.raw for t in trustees}) != count:
            raise KeyRefused("two trustees share a signing key")
        return cls(
            period=message.period,
            key=ThresholdKey(public, message.threshold, count, base, keys),
            closing_quorum=message.closing_quorum,
            trustees=trustees,
            dealer=statement.signer,
            created_at=message.created_at,
            received=data,
            key_id=domain_hash("cefed/key-id/v1", statement.payload),
        )

    def trustee(self, key: VerifyKey) -> Trustee:
        """The trustee who signs with ``key``. :raises InvalidSignature: if there is none."""
        for trustee in self.trustees:
            if trustee.signing_key == key:
                return trustee
        raise InvalidSignature(f"{key.fingerprint} is not a trustee of this ceremony")

    def check_countersignatures(self, statements: Iterable[bytes]) -> None:
        """Raise :class:`InvalidSignature` unless every trustee countersigned this very record."""
        own = open_signed(self.received, KIND, MAX_BYTES).payload
        signed: set[int] = set()
        for data in statements:
            statement = open_signed(data, KIND, MAX_BYTES)
            if statement.payload != own:
                raise InvalidSignature("a countersignature is over another ceremony record")
            signed.add(self.trustee(statement.signer).index)
        missing = [t.name for t in self.trustees if t.index not in signed]
        if missing:
            raise InvalidSignature(f"not countersigned by {', '.join(missing)}")

    def check_apart_from(self, coordinator: VerifyKey) -> None:
        """The dealer saw the whole key, a trustee holds a share: the coordinator is neither.

        :raises KeyRefused: it is one of them.
        """
        if self.dealer == coordinator:
            raise KeyRefused("the coordinator dealt the key itself, so it can open everything")
        for trustee in self.trustees:
            if trustee.signing_key == coordinator:
                raise KeyRefused(f"trustee {trustee.name!r} signs with the coordinator's key")


def check_counts(threshold: int, quorum: int, trustees: int) -> None:
    """``1 <= t <= q <= n`` and ``2q - n >= t``.

    The last makes any two quorums share t trustees, of whom at least one is honest and signs only
    one closing statement a round. :raises KeyRefused: in words, because counts are easily swapped.
    """
    if not 1 <= threshold <= quorum <= trustees <= MAX_TRUSTEES:
        raise KeyRefused(
            f"{trustees} trustees with {quorum} to close and {threshold} to open is not possible"
        )
    if 2 * quorum - trustees < threshold:
        raise KeyRefused(
            f"two groups of {quorum} among {trustees} trustees may have only "
            f"{2 * quorum - trustees} in common; {threshold} are needed to open, so two different "
            "closing lists could be opened. Raise the closing quorum."
        )


def run_dealer(
    dealer: SigningKey,
    primes: tuple[int, int],
    trustees: Sequence[Trustee],
    *,
    threshold: int,
    quorum: int,
    period: str,
    created_at: int,
    randbelow: Callable[[int], int] = secrets.randbelow,
) -> tuple[bytes, list[bytes]]:
    """Deal a period's key. Returns the signed record and one sealed share for each trustee.

    :param primes: two safe primes, which the dealer deletes after this call.
    """
    check_counts(threshold, quorum, len(trustees))
    key, shares = deal(*primes, threshold, len(trustees), randbelow)
    size = key.public.modulus_bytes
    payload = encode(
        pb.Ceremony(
            period=period,
            threshold=threshold,
            closing_quorum=quorum,
            modulus=encode_uint(int(key.public.n)),
            verification_base=encode_fixed(key.verification_base, size),
            verification_keys=[encode_fixed(v, size) for v in key.verification_keys],
            trustees=[
                pb.TrusteeIdentity(
                    index=t.index,
                    name=t.name,
                    signing_key=t.signing_key.raw,
                    sealing_key=t.sealing_key,
                )
                for t in trustees
            ],
            dealer=dealer.public.raw,
            created_at=created_at,
        )
    )
    key_id = domain_hash("cefed/key-id/v1", payload)
    sealed = [
        seal(
            trustee.sealing_key,
            encode(
                pb.KeyShare(
                    key_id=key_id,
                    index=share.index,
                    secret=encode_uint(int(share.secret())),
                )
            ),
            _share_context(key_id, share.index),
        )
        for trustee, share in zip(trustees, shares, strict=True)
    ]
    return dealer.sign(KIND, payload), sealed


def open_share(
    ceremony: Ceremony, sealing_key: SealingKey, index: int, envelope: bytes
) -> KeyShare:
    """Run by trustee ``index``: open its share and check it against the published key.

    :raises InvalidShare: from another ceremony, for another trustee, or not matching.
    """
    plaintext = sealing_key.open(envelope, _share_context(ceremony.key_id, index))
    message = decode(pb.KeyShare, plaintext)
    if message.key_id != ceremony.key_id or message.index != index:
        raise InvalidShare("the key share belongs to another ceremony or trustee")
    share = KeyShare(index, decode_uint(message.secret))
    n = ceremony.key.public.n
    expected = ceremony.key.verification_keys[index - 1]
    if gmpy2.powmod_sec(ceremony.key.verification_base, share.secret(), n) != expected:
        raise InvalidShare("the key share does not match its published verification key")
    return share


def countersign(ceremony: Ceremony, key: SigningKey) -> bytes:
    """A trustee's signature under the record, given after :func:`open_share` succeeded."""
    statement: Statement = open_signed(ceremony.received, KIND, MAX_BYTES)
    ceremony.trustee(key.public)
    return key.sign(KIND, statement.payload)


def _share_context(key_id: bytes, index: int) -> tuple[bytes, ...]:
    return (b"cefed/key-share/v1", key_id, encode_uint(index))
