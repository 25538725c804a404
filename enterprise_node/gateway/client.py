"""The thin gRPC client of a node: four calls, each with a deadline, size limits and retries.

Every request is reported to a recorder *before* it is sent, so that the node's egress ledger can
never miss bytes that left. The gateway neither parses statements nor checks signatures: what
comes back goes to the private side as bytes. SPEC.md section 7.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import TypeVar, cast

import grpc
from google.protobuf.message import Message

from enterprise_node.gateway.errors import (
    CoordinatorRefused,
    CoordinatorUnreachable,
    GatewayError,
    PlanNotOpen,
)
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc

R = TypeVar("R")

MAX_MESSAGE_BYTES = (1 << 26) + (1 << 16)
"""The largest statement that the codec accepts, and its frame."""

MAX_TAIL_BYTES = 1 << 28
"""What a node takes of the end of a round's log when it looks for the release."""

ERROR_KEY = "cefed-error"
"""Trailing metadata in which the coordinator names the class of its error."""

DEADLINE_SECONDS = 60.0
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.2

_RETRIED = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_PLAN_ERRORS = frozenset({"PlanError", "PlanExpired"})
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
)


@dataclass(frozen=True)
class Outgoing:
    """One request about to leave: its kind, its round, where it goes, and the bytes."""

    kind: str
    round_id: str
    destination: str
    payload: bytes


@dataclass(frozen=True)
class Described:
    """What the coordinator says about a round, unchecked."""

    plan: bytes
    roster: bytes
    ceremony: bytes
    countersignatures: tuple[bytes, ...]
    state: str


@dataclass(frozen=True)
class LogEntry:
    """One entry of a round's log, unchecked."""

    index: int
    kind: str
    payload: bytes
    hash: bytes


Recorder = Callable[[Outgoing], None]


class GatewayClient:
    """One enterprise's connection to one coordinator; a context manager.

    :param address: ``HOST:PORT``.
    :param recorder: called with every request before it is sent; what it raises stops the request.
    :param sleep: pauses between attempts; a parameter for tests.
    """

    def __init__(
        self,
        address: str,
        recorder: Recorder,
        *,
        deadline: float = DEADLINE_SECONDS,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = address
        self._recorder = recorder
        self._deadline = deadline
        self._attempts = attempts
        self._sleep = sleep
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._board = rpc.BoardStub(self._channel)

    def __enter__(self) -> GatewayClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def describe(self, round_id: str) -> Described:
        """Plan, roster, ceremony and countersignatures of a round.

        :raises GatewayError: a subclass; see :mod:`enterprise_node.gateway.errors`.
        """
        request = pb.DescribeRequest(round_id=round_id)
        reply: pb.RoundDescription = self._call("describe", round_id, request, self._board.Describe)
        return Described(
            reply.plan,
            reply.roster,
            reply.ceremony,
            tuple(reply.ceremony_countersignatures),
            reply.state,
        )

    def submit(self, round_id: str, contribution: bytes) -> bytes:
        """Hand in a signed contribution; returns the receipt's bytes.

        The same bytes may be sent again: the coordinator gives the same receipt.
        """
        request = pb.SubmitRequest(round_id=round_id, contribution=contribution)
        reply: pb.SubmitReply = self._call("contribution", round_id, request, self._board.Submit)
        return reply.receipt

    def entries_of(self, round_id: str) -> int:
        """How many entries the round's log has."""
        reply: pb.ListRoundsReply = self._call(
            "list", round_id, pb.ListRoundsRequest(), self._board.ListRounds
        )
        for summary in reply.rounds:
            if summary.round_id == round_id:
                return summary.entries
        raise PlanNotOpen(f"the coordinator at {self.address} has no round {round_id!r}")

    def read(self, round_id: str, from_index: int, most: int | None = None) -> list[LogEntry]:
        """The round's log from an index on, at most ``most`` entries of it."""
        request = pb.ReadRequest(round_id=round_id, from_index=from_index)

        def collect(message: pb.ReadRequest, timeout: float) -> list[LogEntry]:
            stream: Iterator[pb.Entry] = self._board.Read(message, timeout=timeout)
            entries: list[LogEntry] = []
            size = 0
            for entry in islice(stream, most):
                size += len(entry.payload)
                if size > MAX_TAIL_BYTES:
                    raise CoordinatorRefused(
                        f"the log of round {round_id} from entry {from_index} is larger than "
                        f"{MAX_TAIL_BYTES} bytes; a node reads only its end"
                    )
                entries.append(LogEntry(entry.index, entry.kind, entry.payload, entry.entry_hash))
            cast("grpc.RpcContext", stream).cancel()  # after the end it does nothing
            return entries

        return self._call("read", round_id, request, collect)

    def _call(self, kind: str, round_id: str, request: Message, method: Callable[..., R]) -> R:
        payload = request.SerializeToString(deterministic=True)
        pause = FIRST_PAUSE_SECONDS
        for attempt in range(1, self._attempts + 1):
            self._recorder(Outgoing(kind, round_id, self.address, payload))
            try:
                return method(request, timeout=self._deadline)
            except grpc.RpcError as error:
                if error.code() not in _RETRIED:
                    raise _translated(error) from error
                if attempt == self._attempts:
                    raise CoordinatorUnreachable(
                        f"cannot reach the coordinator at {self.address}; is it running? Check the "
                        f"address and the network, then repeat the command (tried {attempt} times)"
                    ) from error
            self._sleep(pause)
            pause *= 2
        raise GatewayError("at least one attempt is needed")


def _translated(error: grpc.RpcError) -> CoordinatorRefused:
    trailing = cast("Sequence[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    name = next((str(value) for key, value in trailing if key == ERROR_KEY), "")
    text = error.details() or str(error.code().name)
    if name in _PLAN_ERRORS or error.code() is grpc.StatusCode.NOT_FOUND:
        return PlanNotOpen(f"the coordinator refuses: {text}", name)
    return CoordinatorRefused(f"the coordinator refuses: {text}", name)
