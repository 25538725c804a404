"""Steps: what the coordinator asks of a member, signed, one kind a stage."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import InvalidSignature, MalformedMessage, PlanError
from protocols.federated.offer import TotalsDescription
from protocols.federated.totals.stages import ANSWERED, Stage
from protocols.hashing import HASH_BYTES
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.wire import federated_pb2 as fb
from protocols.wire.codec import MAX_LARGE, decode, encode

KIND = "totals-step"
_ENVELOPE_BYTES = 256


@dataclass(frozen=True)
class Step:
    """A step whose signature was checked; its content was not."""

    plan_hash: bytes
    stage: Stage
    message: fb.TotalsStep
    received: bytes


def make_step(message: fb.TotalsStep, coordinator: SigningKey) -> bytes:
    """The bytes that go to the member."""
    return coordinator.sign(KIND, encode(message))


def read_step(data: bytes, coordinator: VerifyKey, most_bytes: int = MAX_LARGE) -> Step:
    """Open a step: which round and stage it is for.

    :raises ProtocolError: malformed, or not signed by the coordinator.
    """
    statement = open_signed(data, KIND, most_bytes + _ENVELOPE_BYTES)
    if statement.signer != coordinator:
        raise InvalidSignature(
            f"a step signed by {statement.signer.fingerprint}, who is not the coordinator"
        )
    message = decode(fb.TotalsStep, statement.payload, most_bytes)
    stage = message.WhichOneof("stage")
    if stage is None or len(message.plan_hash) != HASH_BYTES:
        raise MalformedMessage("a step of a totals round without a plan's hash, or a stage")
    return Step(message.plan_hash, Stage(stage), message, data)


def invitation(step: Step) -> TotalsDescription:
    """What the first step says of the round; nothing of it is believed yet.

    :raises PlanError: the step is a later one, of a round that this node has no terms of.
    """
    if step.stage is not Stage.KEYS:
        raise PlanError(
            f"a step of stage {step.stage} for a round that this node was not invited to"
        )
    return TotalsDescription(step.message.keys.plan, step.message.keys.place)


_PARTS = dict(zip(ANSWERED, ("round_key", "dealt", "masked", "survivors", "revealed"), strict=True))


def make_answer(plan_hash: bytes, stage: Stage, signed: bytes) -> bytes:
    """A member's answer in a stage, around the signed statement."""
    message = fb.TotalsAnswer(plan_hash=plan_hash)
    setattr(message, _PARTS[stage], signed)
    return encode(message)


def read_answer(data: bytes, plan_hash: bytes, stage: Stage, most_bytes: int) -> bytes:
    """The signed statement of an answer.

    :raises MalformedMessage: malformed, or of another stage. :raises PlanError: of another round.
    """
    message = decode(fb.TotalsAnswer, data, most_bytes)
    if message.plan_hash != plan_hash:
        raise PlanError("the answer belongs to another round")
    part = message.WhichOneof("part")
    if part != _PARTS[stage]:
        raise MalformedMessage(f"an answer with {part or 'nothing'} in stage {stage}")
    signed: bytes = getattr(message, _PARTS[stage])
    return signed
