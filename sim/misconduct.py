"""What a struck node does wrong on its way out, as :mod:`sim.faults` says it.

The engines' workers pass everything that leaves a node through :meth:`Misconduct.outgoing`. The
private side itself stays honest: a fault is put between it and the line, where real ones happen. A
stale plan is the exception, since only the node's own key can sign for one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from protocols.files import read_limited
from protocols.hashing import domain_hash
from protocols.signing import SigningKey
from protocols.wire import federated_pb2, messages_pb2
from protocols.wire.codec import decode, encode
from sim.faults import CONTRIBUTION, Operation, read_operation

ORDER = (
    ("contribution", "masked", "release"),
    ("keys", "shares", "masking", "agreement", "unmasking"),
)
"""The points of a node's part in a round, in order: with trustees, and of a ``totals`` round."""

HELD = "faults.held"
MAX_HELD_BYTES = 1 << 26


class Misconduct:
    """One node's part in the faults of a run.

    :param folder: the node's own; what is held back is kept there between two steps.
    :param key: gives the node's signing key, for statements about another plan.
    """

    def __init__(self, folder: Path, key: Callable[[], SigningKey]) -> None:
        self._operation = read_operation(folder)
        self._held = folder / HELD
        self._key = key

    def is_gone(self, at: str) -> bool:
        """Whether the node has left before the point ``at`` of the round, or leaves there."""
        operation = self._operation
        return (
            operation is not None
            and operation.what == "drop"
            and any(
                at in points and operation.at in points[: points.index(at) + 1] for points in ORDER
            )
        )

    def does(self, what: str, at: str) -> bool:
        """Whether the node does ``what`` at this point."""
        return self._operation == Operation(at, what)

    def outgoing(self, at: str, payload: bytes) -> bytes | None:
        """What leaves the node in the place of ``payload``; None for nothing."""
        if self.is_gone(at):
            return None
        if self._held.exists():  # from the time before: late, or once more
            held = read_limited(self._held, MAX_HELD_BYTES)
            self._held.unlink()
            return held
        if self.does("late", at):
            self._held.write_bytes(payload)
            return None
        if self.does("duplicate", at) and at != CONTRIBUTION:
            # In the place of the next answer; a contribution is sent twice by who carries it.
            self._held.write_bytes(payload)
        if self.does("corrupt", at):
            return corrupted(payload)
        if self.does("stale", at):
            return for_another_plan(at, payload, self._key())
        return payload


def corrupted(payload: bytes) -> bytes:
    """The same bytes with the last bit flipped, as a bad line would."""
    return payload[:-1] + bytes([payload[-1] ^ 1])


def for_another_plan(at: str, payload: bytes, key: SigningKey) -> bytes:
    """What the node would have sent for another plan: properly signed, and of no use here.

    :param at: a contribution, or the round key of a ``totals`` round; no fault asks for others.
    """
    if at == CONTRIBUTION:
        return _signed_again(payload, messages_pb2.Contribution, key)
    answer = federated_pb2.TotalsAnswer.FromString(payload)
    answer.plan_hash = _other(answer.plan_hash)
    answer.round_key = _signed_again(answer.round_key, messages_pb2.RoundKey, key)
    return encode(answer)


def stage_of(step: bytes) -> str:
    """The stage of a ``totals`` round that a step belongs to.

    :raises MalformedMessage: it is no step.
    """
    statement = decode(messages_pb2.Signed, step)
    return str(decode(federated_pb2.TotalsStep, statement.payload).WhichOneof("stage"))


def _signed_again(
    data: bytes,
    kind: type[messages_pb2.Contribution] | type[messages_pb2.RoundKey],
    key: SigningKey,
) -> bytes:
    statement = messages_pb2.Signed.FromString(data)
    inner = kind.FromString(statement.payload)
    inner.plan_hash = _other(inner.plan_hash)
    return key.sign(statement.kind, encode(inner))


def _other(plan_hash: bytes) -> bytes:
    return domain_hash("cefed/another-plan/v1", plan_hash)
