"""What members sign in a totals round beside their round keys and lists, and the checks on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocols.errors import InvalidSignature, MalformedMessage, PlanError
from protocols.federated.masks import Words, from_bytes, to_bytes
from protocols.federated.totals.sealed import SEALED_BYTES
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.shamir import read_share
from protocols.federated.totals.survivors import Survivors
from protocols.hashing import HASH_BYTES, domain_hash
from protocols.roster import Member
from protocols.signing import SigningKey, open_signed
from protocols.wire import federated_pb2 as fb
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import M, decode, encode

DEALT, MASKED, REVEALED = "dealt-shares", "masked", "revealed-shares"


@dataclass(frozen=True)
class Dealt:
    """What a member dealt: sealed shares by the recipients' places."""

    commitment: bytes
    deals: Mapping[int, bytes]


def commitment_to(plan_hash: bytes, seed: bytes) -> bytes:
    """To the seed of a self-mask, so that what is rebuilt from shares can be checked.

    A hash hides 32 random bytes.
    """
    return domain_hash("cefed/self-mask-commitment/v1", plan_hash, seed)


def self_mask_key(plan_hash: bytes, seed: bytes) -> bytes:
    """What the self-mask is expanded from (:func:`protocols.federated.masks.expand`)."""
    return domain_hash("cefed/self-mask/v1", plan_hash, seed)


def sign_dealt(
    setting: Setting, commitment: bytes, deals: Mapping[int, bytes], key: SigningKey
) -> bytes:
    """A member's sealed shares, signed."""
    message = fb.DealtShares(
        plan_hash=setting.plan.hash,
        commitment=commitment,
        deals=[fb.SealedDeal(place=place, sealed=deals[place]) for place in sorted(deals)],
    )
    return key.sign(DEALT, encode(message))


def read_dealt(data: bytes, setting: Setting, member: Member, recipients: Sequence[int]) -> Dealt:
    """Check a member's sealed shares. :raises ProtocolError: not one for each recipient."""
    message = _opened(fb.DealtShares, data, DEALT, setting, member)
    if len(message.commitment) != HASH_BYTES:
        raise MalformedMessage("dealt shares: a commitment has 32 bytes")
    return Dealt(message.commitment, read_deals(message.deals, recipients))


def read_deals(deals: Sequence[fb.SealedDeal], places: Sequence[int]) -> dict[int, bytes]:
    """Sealed shares by place. :raises MalformedMessage: not exactly those of these places."""
    if [deal.place for deal in deals] != list(places):
        raise MalformedMessage("dealt shares: not one for each neighbour, in order")
    if any(len(deal.sealed) != SEALED_BYTES for deal in deals):
        raise MalformedMessage(f"dealt shares: sealed ones have {SEALED_BYTES} bytes")
    return {deal.place: deal.sealed for deal in deals}


def sign_masked(setting: Setting, basis: bytes, words: Words, key: SigningKey) -> bytes:
    """A member's masked vector, signed."""
    message = pb.Masked(plan_hash=setting.plan.hash, basis=basis, words=to_bytes(words))
    return key.sign(MASKED, encode(message))


def read_masked(data: bytes, setting: Setting, member: Member, basis: bytes) -> Words:
    """Check a member's masked vector. :raises ProtocolError: masked for anything but the basis."""
    message = _opened(pb.Masked, data, MASKED, setting, member)
    if message.basis != basis:
        raise MalformedMessage("masked with other neighbours than was asked for")
    return from_bytes(message.words, setting.vector.words)


def sign_revealed(
    setting: Setting, survivors: Survivors, shares: Mapping[int, bytes], key: SigningKey
) -> bytes:
    """One share a neighbour, signed."""
    message = fb.RevealedShares(
        plan_hash=setting.plan.hash,
        survivors_hash=survivors.hash,
        shares=[fb.RevealedShare(place=place, share=shares[place]) for place in sorted(shares)],
    )
    return key.sign(REVEALED, encode(message))


def read_revealed(
    data: bytes, setting: Setting, member: Member, survivors: Survivors, dealers: Sequence[int]
) -> dict[int, int]:
    """Shares by the place of the neighbour whose secret they are of.

    A neighbour's may be missing: what it dealt did not open.

    :param dealers: places of the neighbours who dealt this member shares.
    :raises ProtocolError: for another list, out of order, or of somebody else.
    """
    message = _opened(fb.RevealedShares, data, REVEALED, setting, member)
    if message.survivors_hash != survivors.hash:
        raise MalformedMessage("shares revealed for another list of survivors")
    places = [share.place for share in message.shares]
    if places != sorted(set(places)) or not set(places) <= set(dealers):
        raise MalformedMessage("revealed shares: out of order, or of somebody who dealt none")
    return {share.place: read_share(share.share) for share in message.shares}


def _opened(kind: type[M], data: bytes, name: str, setting: Setting, member: Member) -> M:
    """The payload of a statement that the member made for this round."""
    statement = open_signed(data, name, setting.most_answer_bytes)
    if statement.signer != member.key:
        raise InvalidSignature(f"a {name} statement not signed by {member.key.fingerprint}")
    message = decode(kind, statement.payload, setting.most_answer_bytes)
    if message.plan_hash != setting.plan.hash:  # type: ignore[attr-defined]
        raise PlanError(f"a {name} statement of another round")
    return message
