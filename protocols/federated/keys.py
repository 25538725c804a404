"""Round keys: the X25519 keys of a member for one federated round, signed by its enterprise key.

Made on the private side. In ``certified`` rounds the statement travels inside the contribution, in
``totals`` rounds by itself; whoever masks with a member reads the member's statement and believes
no other key, so that a coordinator cannot put its own in between. SPEC.md section 11.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import InvalidSignature, MalformedMessage, PlanError
from protocols.federated.masks import KEY_BYTES, is_usable
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode

KIND = "round-key"
MAX_BYTES = 512
"""The largest signed round key that is looked at; all of one kind have the same length."""


@dataclass(frozen=True)
class RoundKeys:
    """A member's public keys for one round, whose signature was checked.

    :ivar seal_key: empty in ``certified`` rounds, where nothing is sealed between members.
    :ivar received: the signed bytes as they came.
    """

    member: VerifyKey
    mask_key: bytes
    seal_key: bytes
    received: bytes


def make_round_key(
    plan_hash: bytes, mask_public: bytes, seal_public: bytes, signer: SigningKey
) -> bytes:
    """A member's signed round keys.

    :param mask_public: 32 bytes. :param seal_public: 32 bytes, or none in ``certified`` rounds.
    """
    message = pb.RoundKey(plan_hash=plan_hash, mask_key=mask_public, seal_key=seal_public)
    return signer.sign(KIND, encode(message))


def read_round_key(
    data: bytes, plan_hash: bytes, member: VerifyKey | None = None, *, sealing: bool = False
) -> RoundKeys:
    """Check a signed round key; that its signer is on the roster is the caller's to know.

    :param member: who has to have signed it, where that is known.
    :param sealing: whether it has a seal key; it must be as the round's mode wants it.
    :raises MalformedMessage: another form, or a key of low order, with which nobody could mask: who
        contributed with it would have all its neighbours missing. :raises PlanError: for another
        plan.
    :raises InvalidSignature: not signed, or signed by another.
    """
    statement = open_signed(data, KIND, MAX_BYTES)
    if member is not None and statement.signer != member:
        raise InvalidSignature(
            f"a round key signed by {statement.signer.fingerprint} and not by {member.fingerprint}"
        )
    message = decode(pb.RoundKey, statement.payload, MAX_BYTES)
    if message.plan_hash != plan_hash:
        raise PlanError("the round key was made for another plan")
    sizes = len(message.mask_key), len(message.seal_key)
    if sizes != (KEY_BYTES, KEY_BYTES if sealing else 0):
        raise MalformedMessage("round key: not exactly the keys that the round's mode needs")
    if not all(is_usable(key) for key in (message.mask_key, message.seal_key) if key):
        raise MalformedMessage("a round key of low order")
    return RoundKeys(statement.signer, message.mask_key, message.seal_key, data)
