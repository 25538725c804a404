"""A trustee's connection to the coordinator's board: calls with deadlines, nothing believed.

What comes back is bytes and numbers to be checked by :mod:`trustee.agreement`,
:mod:`trustee.membership`, :mod:`trustee.startup` and :mod:`trustee.record`. Every call carries the
trustee's own short pass. No exception of gRPC leaves this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import TypeVar, cast

import grpc

from protocols.passes import ANOTHER_COORDINATOR, Bearer
from protocols.service import channel
from protocols.service.channel import Kind, Target
from protocols.terms import Description
from protocols.threshold import MAX_TRUSTEES
from protocols.transcript import Entry
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from trustee.errors import RefusedError, StumbledError, UnreachableError

R = TypeVar("R")

CALL_SECONDS = 60.0
READ_SECONDS = 540.0
"""For the whole transcript of a round: some hundred contributions of 100 KB. A coordinator grants
no call more than ten minutes."""

MAX_ROUNDS = 100_000
MAX_PEERS = 1000


@dataclass(frozen=True)
class Listed:
    """A round in the coordinator's list: hints, not facts."""

    round_id: str
    state: str
    entries: int


@dataclass(frozen=True)
class Members:
    """Who is behind a roster, as the coordinator says: certificates and a revocation list, DER."""

    certificates: tuple[bytes, ...]
    revocations: bytes


class BoardClient:
    """The board at ``target``; a context manager.

    Every method raises :class:`UnreachableError`, when it is worth asking again, also as
    :class:`StumbledError`, or :class:`RefusedError`, which is final.
    """

    def __init__(self, target: Target, bearer: Bearer) -> None:
        self._target = target
        self._bearer = bearer
        self._channel = channel.open_channel(target)
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
            lambda: self._board.ListRounds(
                pb.ListRoundsRequest(), timeout=CALL_SECONDS, metadata=self._pass()
            )
        )
        return [Listed(r.round_id, r.state, r.entries) for r in reply.rounds[:MAX_ROUNDS]]

    def describe(self, round_id: str) -> Description:
        """The terms of a round, unchecked."""
        request = pb.DescribeRequest(round_id=round_id)
        reply: pb.RoundDescription = self._call(
            lambda: self._board.Describe(request, timeout=CALL_SECONDS, metadata=self._pass())
        )
        return Description(
            reply.plan, reply.roster, reply.ceremony, tuple(reply.ceremony_countersignatures)
        )

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        """Stream a round's transcript from an index on, unchecked."""
        request = pb.ReadRequest(round_id=round_id, from_index=from_index)
        stream: Iterator[pb.Entry] = self._call(
            lambda: self._board.Read(request, timeout=READ_SECONDS, metadata=self._pass())
        )
        while (entry := self._call(lambda: next(stream, None))) is not None:
            yield Entry(entry.index, entry.kind, entry.payload, entry.entry_hash)

    def post(self, round_id: str, statement: bytes) -> None:
        """Post a signed statement to the transcript."""
        request = pb.PostRequest(round_id=round_id, statement=statement)
        self._call(lambda: self._board.Post(request, timeout=CALL_SECONDS, metadata=self._pass()))

    def send_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> None:
        """Hand over a sealed envelope for another trustee."""
        request = pb.SendSealedRequest(
            round_id=round_id, phase=phase, sender=sender, recipient=recipient, envelope=envelope
        )
        self._call(
            lambda: self._board.SendSealed(request, timeout=CALL_SECONDS, metadata=self._pass())
        )

    def sealed(self, round_id: str, recipient: int, phase: str) -> dict[int, bytes]:
        """The envelopes that wait for ``recipient``, by sender."""
        request = pb.FetchSealedRequest(round_id=round_id, recipient=recipient, phase=phase)

        def collect() -> dict[int, bytes]:
            stream: Iterator[pb.SealedPost] = self._board.FetchSealed(
                request, timeout=CALL_SECONDS, metadata=self._pass()
            )
            # One from each other trustee; whoever sends more has no end of them.
            found = {post.sender: post.envelope for post in islice(stream, MAX_TRUSTEES)}
            cast("grpc.RpcContext", stream).cancel()  # after the end it does nothing
            return found

        return self._call(collect)

    def members(self, round_id: str) -> Members:
        """The certificates of a round's members, unchecked."""
        request = pb.MembersRequest(round_id=round_id)
        reply: pb.MembersReply = self._call(
            lambda: self._board.Members(request, timeout=CALL_SECONDS, metadata=self._pass())
        )
        return Members(tuple(reply.certificates), reply.revocations)

    def post_peer(self, statement: bytes) -> None:
        """Hand over a question or an answer about ledgers for the other trustees."""
        request = pb.PostPeerRequest(statement=statement)
        self._call(
            lambda: self._board.PostPeer(request, timeout=CALL_SECONDS, metadata=self._pass())
        )

    def peers(self, key_id: bytes) -> list[bytes]:
        """What the trustees of a ceremony asked and answered, unchecked."""
        request = pb.ReadPeersRequest(key_id=key_id)
        reply: pb.ReadPeersReply = self._call(
            lambda: self._board.ReadPeers(request, timeout=CALL_SECONDS, metadata=self._pass())
        )
        return list(reply.statements[:MAX_PEERS])

    def _pass(self) -> channel.Metadata:
        return channel.metadata(self._bearer.current())

    def _call(self, call: Callable[[], R]) -> R:
        try:
            return call()
        except grpc.RpcError as error:
            failure = channel.failure(error)
        if failure.kind is Kind.UNREACHABLE:
            raise UnreachableError(
                f"cannot reach the coordinator at {self._target.address}; is it running? The "
                f"trustee goes on trying ({failure.text})"
            )
        if failure.kind is Kind.UNAUTHENTICATED:
            # Not final: the operator may still have to register it, or a clock to be set.
            hint = ""
            if ANOTHER_COORDINATOR in failure.text:
                hint = f"; coordinator_key is not the key of {self._target.address}"
            raise StumbledError(
                f"the coordinator does not let this trustee in: {failure.text}{hint}"
            )
        if failure.kind is Kind.REFUSED:
            raise RefusedError(f"the coordinator refuses: {failure.text}", failure.name)
        raise StumbledError(f"the coordinator stumbled: {failure.text}")
