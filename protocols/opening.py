"""Shares for named aggregates: made by a trustee, combined by whoever may open.

The three phases of a round are "counts" (N), "classes" (K) and "sums" (V). The first two pass
between trustees sealed (:func:`seal_shares`); the last goes to the coordinator in clear, since its
result is published.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping

from protocols.aggregate import Aggregates
from protocols.ceremony import Ceremony, Trustee
from protocols.errors import InvalidShare, InvalidSignature, PolicyRefusal
from protocols.layout import Layout
from protocols.paillier import PublicKey
from protocols.plan import Plan
from protocols.sealing import SealingKey, seal
from protocols.signing import SigningKey, open_signed
from protocols.threshold import (
    DecryptionShare,
    KeyShare,
    Opened,
    combine,
    make_share,
)
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_LARGE, decode, decode_uint, encode, encode_uint

COUNTS, CLASSES, SUMS = "counts", "classes", "sums"
SEALED = "sealed"
"""Kind of the signature around a sealed envelope; never in a transcript."""

SHARE_BYTES = 256
"""Room in a share for everything but its two numbers modulo n and its label."""

RANGE_BYTES = 8
"""Of one range in a label, as ``+[10:11]``."""

ENVELOPE_BYTES = 1024
"""Room for everything around the shares: two signatures, a seal, a step."""

ShareSet = Mapping[str, DecryptionShare]
"""One trustee's shares by opening label."""


def make_share_set(
    plan: Plan,
    ceremony: Ceremony,
    aggregates: Aggregates,
    share: KeyShare,
    phase: str,
    basis: bytes,
    labels: Iterable[str],
    randbits: Callable[[int], int] = secrets.randbits,
) -> bytes:
    """A trustee's shares for ``labels``; the caller has run every check of the policy.

    :param basis: hash of the closing statement, or of the certificate for "sums".
    :returns: canonical ``ShareSet`` bytes, to be sealed or signed.
    """
    shares = []
    for label in labels:
        made = make_share(ceremony.key, share, int(aggregates.ciphertext(label)), randbits)
        shares.append(
            pb.Share(
                label=label,
                value=encode_uint(made.value),
                challenge=encode_uint(made.challenge),
                response=encode_uint(made.response),
            )
        )
    return encode(
        pb.ShareSet(plan_hash=plan.hash, phase=phase, basis=basis, index=share.index, shares=shares)
    )


def read_share_set(
    data: bytes, plan: Plan, phase: str, basis: bytes, sender: Trustee, labels: Iterable[str]
) -> ShareSet:
    """The shares of ``sender``, which must be for exactly this step.

    :raises InvalidShare: another plan, phase, basis, trustee or set of labels.
    """
    message = decode(pb.ShareSet, data)
    if (message.plan_hash, message.phase, message.basis) != (plan.hash, phase, basis):
        raise InvalidShare(f"shares of trustee {sender.name} are for another step")
    if message.index != sender.index:
        raise InvalidShare(f"trustee {sender.name} sent shares in another's name")
    if [share.label for share in message.shares] != list(labels):
        raise InvalidShare(f"trustee {sender.name} sent shares for other aggregates")
    return {
        share.label: DecryptionShare(
            sender.index,
            decode_uint(share.value),
            decode_uint(share.challenge),
            decode_uint(share.response),
        )
        for share in message.shares
    }


def open_all(
    ceremony: Ceremony, aggregates: Aggregates, labels: Iterable[str], sets: Iterable[ShareSet]
) -> dict[str, Opened]:
    """Combine the share sets label by label; every opening has been verified.

    :raises OpeningFailed: naming the trustees at fault.
    """
    held = list(sets)
    return {
        label: combine(ceremony.key, aggregates.ciphertext(label), [s[label] for s in held])
        for label in labels
    }


def seal_shares(
    data: bytes, plan: Plan, phase: str, sender: Trustee, recipient: Trustee, key: SigningKey
) -> bytes:
    """Seal a share set to another trustee and sign the envelope with the step it is for."""
    envelope = seal(recipient.sealing_key, data, _context(plan, phase, sender, recipient))
    message = pb.SealedShares(
        plan_hash=plan.hash,
        phase=phase,
        sender=sender.index,
        recipient=recipient.index,
        envelope=envelope,
    )
    return key.sign(SEALED, encode(message))


def max_bytes(layout: Layout, key: PublicKey) -> int:
    """The largest signed share set of any phase, in clear or sealed, that is looked at.

    There are at most as many aggregates as a contribution has ciphertexts, since what is opened of
    bins and leaves is disjoint, and the classes of declared atoms, each of at least k members. A
    label names at most every other section.
    """
    label = max(map(len, layout.labels)) + RANGE_BYTES * layout.bins // 2
    share = 2 * key.modulus_bytes + label + SHARE_BYTES
    atoms = layout.plan.participants // layout.plan.policy.minimum_cohort
    classes = len(layout.class_labels(0, layout.bins)) if layout.bins else 0
    classes += len(layout.cohort_class_labels())
    return (len(layout.labels) + atoms * classes) * share + ENVELOPE_BYTES


def check_sealed(
    data: bytes,
    plan: Plan,
    phase: str,
    sender: Trustee,
    recipient: Trustee,
    *,
    most: int = MAX_LARGE,
) -> bytes:
    """The envelope in ``data``, which its sender signed for exactly this step.

    Run by the board before it keeps an envelope and by the recipient before it opens one. Since the
    signature covers the step, an envelope cannot be passed on as that of another.

    :param most: bytes that are looked at: :func:`max_bytes`.
    :raises MalformedMessage: larger, or not the signed message.
    :raises InvalidSignature: not signed by ``sender``.
    :raises PolicyRefusal: signed for another plan, phase, sender or recipient.
    """
    statement = open_signed(data, SEALED, most)
    if statement.signer != sender.signing_key:
        raise InvalidSignature(f"an envelope in the name of {sender.name} is not signed by it")
    message = decode(pb.SealedShares, statement.payload)
    named = (message.plan_hash, message.phase, message.sender, message.recipient)
    if named != (plan.hash, phase, sender.index, recipient.index):
        raise PolicyRefusal(f"{sender.name} sealed and signed this envelope for another step")
    return message.envelope


def unseal_shares(
    data: bytes,
    plan: Plan,
    phase: str,
    sender: Trustee,
    recipient: Trustee,
    key: SealingKey,
    *,
    most: int = MAX_LARGE,
) -> bytes:
    """Inverse of :func:`seal_shares` at the recipient.

    :param most: bytes that are looked at: :func:`max_bytes`.
    :raises ProtocolError: as :func:`check_sealed`, or the envelope does not open.
    """
    envelope = check_sealed(data, plan, phase, sender, recipient, most=most)
    return key.open(envelope, _context(plan, phase, sender, recipient))


def _context(plan: Plan, phase: str, sender: Trustee, recipient: Trustee) -> tuple[bytes, ...]:
    return (
        b"cefed/sealed-shares/v1",
        plan.hash,
        phase.encode("ascii"),
        encode_uint(sender.index),
        encode_uint(recipient.index),
    )
