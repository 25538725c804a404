"""A trustee's connection to the coordinator's board: calls with deadlines, nothing believed.

What comes back is bytes and numbers to be checked by :mod:`trustee.agreement` and
:mod:`trustee.record`. No exception of gRPC leaves this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import grpc

from protocols.terms import Description
from protocols.transcript import Entry
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from protocols.wire.codec import MAX_LARGE
from trustee.errors import RefusedError, StumbledError, UnreachableError

R = TypeVar("R")

ERROR_KEY = "cefed-error"
CALL_SECONDS = 60.0
READ_SECONDS = 600.0
"""For the whole transcript of a round: some hundred contributions of 100 KB."""

MAX_ROUNDS = 100_000
MAX_MESSAGE_BYTES = MAX_LARGE + (1 << 16)

_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
)
_UNREACHABLE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    }
)
_FINAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.PERMISSION_DENIED,
    }
)
"""The codes of the protocol's own refusals, which also name their error class."""


@dataclass(frozen=True)
class Listed:
    """A round in the coordinator's list: hints, not facts."""

    round_id: str
    state: str
    entries: int


class BoardClient:
    """The board at ``address`` (``HOST:PORT``); a context manager.

    Every method raises :class:`UnreachableError`, when it is worth asking again, also as
    :class:`StumbledError`, or :class:`RefusedError`, which is final.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._board = rpc.BoardStub(self._channel)

    def __enter__(self) -> BoardClient:
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

    def rounds(self) -> list[Listed]:
        """Every round the coordinator has."""
        reply: pb.ListRoundsReply = self._call(
            lambda: self._board.ListRounds(pb.ListRoundsRequest(), timeout=CALL_SECONDS)
        )
        return [Listed(r.round_id, r.state, r.entries) for r in reply.rounds[:MAX_ROUNDS]]

    def describe(self, round_id: str) -> Description:
        """The terms of a round, unchecked."""
        request = pb.DescribeRequest(round_id=round_id)
        reply: pb.RoundDescription = self._call(
            lambda: self._board.Describe(request, timeout=CALL_SECONDS)
        )
        return Description(
            reply.plan, reply.roster, reply.ceremony, tuple(reply.ceremony_countersignatures)
        )

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        """Stream a round's transcript from an index on, unchecked."""
        request = pb.ReadRequest(round_id=round_id, from_index=from_index)
        stream: Iterator[pb.Entry] = self._call(
            lambda: self._board.Read(request, timeout=READ_SECONDS)
        )
        while (entry := self._call(lambda: next(stream, None))) is not None:
            yield Entry(entry.index, entry.kind, entry.payload, entry.entry_hash)

    def post(self, round_id: str, statement: bytes) -> None:
        """Post a signed statement to the transcript."""
        request = pb.PostRequest(round_id=round_id, statement=statement)
        self._call(lambda: self._board.Post(request, timeout=CALL_SECONDS))

    def send_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> None:
        """Hand over a sealed envelope for another trustee."""
        request = pb.SendSealedRequest(
            round_id=round_id, phase=phase, sender=sender, recipient=recipient, envelope=envelope
        )
        self._call(lambda: self._board.SendSealed(request, timeout=CALL_SECONDS))

    def sealed(self, round_id: str, recipient: int, phase: str) -> dict[int, bytes]:
        """The envelopes that wait for ``recipient``, by sender."""
        request = pb.FetchSealedRequest(round_id=round_id, recipient=recipient, phase=phase)

        def collect() -> dict[int, bytes]:
            stream: Iterator[pb.SealedPost] = self._board.FetchSealed(request, timeout=CALL_SECONDS)
            return {post.sender: post.envelope for post in stream}

        return self._call(collect)

    def _call(self, call: Callable[[], R]) -> R:
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() in _UNREACHABLE:
                raise UnreachableError(
                    f"cannot reach the coordinator at {self.address}; is it running? The trustee "
                    "goes on trying"
                ) from error
            names = {item.key: item.value for item in error.trailing_metadata() or ()}
            reason = names.get(ERROR_KEY, "")
            text = error.details() or error.code().name
            if not reason or error.code() not in _FINAL:
                raise StumbledError(f"the coordinator stumbled: {text}") from error
            raise RefusedError(f"the coordinator refuses: {text}", str(reason)) from error
