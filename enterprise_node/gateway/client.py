"""The gateway's calls to the coordinator: one attempt each, with a deadline and size limits.

The gateway neither checks statements nor signs any: it shows the pass that the private side signed
and hands over bytes. What comes back goes to the private side as bytes. SPEC.md section 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

import grpc

from enterprise_node.gateway.errors import (
    CoordinatorRefused,
    CoordinatorUnreachable,
    NotAdmitted,
)
from protocols.service.channel import Kind, Target, failure, metadata, open_channel
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc

R = TypeVar("R")

MAX_ROUNDS = 10_000
CALL_SECONDS = 60.0


@dataclass(frozen=True)
class Summary:
    """A round in the coordinator's list, unchecked.

    ``member``: whether the caller is on its roster; ``masking``: whether its masked vector is
    waited for.
    """

    round_id: str
    state: str
    entries: int
    member: bool
    masking: bool = False


@dataclass(frozen=True)
class Admission:
    """How an enrolment stands: "waiting", "enrolled" with a certificate, or "refused"."""

    state: str
    certificate: bytes
    reason: str


class CoordinatorClient:
    """A gateway's connection to one coordinator; a context manager.

    Every call but :meth:`enrol` takes the pass in whose name it is made, so that one connection
    may serve several private sides (a simulation does that). Every method raises a
    :class:`~enterprise_node.gateway.errors.GatewayError`.

    :param deadline: seconds for one call.
    """

    def __init__(self, target: Target, *, deadline: float = CALL_SECONDS) -> None:
        self.address = target.address
        self._deadline = deadline
        self._channel = open_channel(target)
        self._board = rpc.BoardStub(self._channel)
        self._admission = rpc.AdmissionStub(self._channel)

    def __enter__(self) -> CoordinatorClient:
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

    def enrol(self, statement: bytes) -> Admission:
        """Hand in an enrolment or rotation; may be repeated until it is decided."""
        request = pb.EnrolRequest(statement=statement)
        reply: pb.EnrolReply = self._call(
            lambda: self._admission.Enrol(request, timeout=self._deadline)
        )
        return Admission(reply.state, reply.certificate, reply.reason)

    def rounds(self, bearer: bytes) -> list[Summary]:
        """The rounds that the coordinator has, in its order."""
        reply: pb.ListRoundsReply = self._call(
            lambda: self._board.ListRounds(
                pb.ListRoundsRequest(), timeout=self._deadline, metadata=metadata(bearer)
            )
        )
        return [
            Summary(r.round_id, r.state.lower(), r.entries, r.member, r.masking)
            for r in reply.rounds[:MAX_ROUNDS]
        ]

    def describe(self, bearer: bytes, round_id: str) -> pb.RoundDescription:
        """Everything the coordinator says about a round before it is closed."""
        request = pb.DescribeRequest(round_id=round_id)
        reply: pb.RoundDescription = self._call(
            lambda: self._board.Describe(request, timeout=self._deadline, metadata=metadata(bearer))
        )
        return reply

    def submit(self, bearer: bytes, round_id: str, contribution: bytes) -> bytes:
        """Hand in a signed contribution; returns the receipt's bytes.

        The same bytes may be sent again: the coordinator gives the same receipt.
        """
        request = pb.SubmitRequest(round_id=round_id, contribution=contribution)
        reply: pb.SubmitReply = self._call(
            lambda: self._board.Submit(request, timeout=self._deadline, metadata=metadata(bearer))
        )
        return reply.receipt

    def outcome(self, bearer: bytes, round_id: str, index: int | None) -> bytes:
        """What a node needs of a round's end: the message as it came.

        :param index: of the entry in the log that the node's receipt names; None if that is not
            known, for its last contribution.
        """
        request = pb.OutcomeRequest(round_id=round_id, index=index or 0)
        reply: pb.OutcomeReply = self._call(
            lambda: self._board.Outcome(request, timeout=self._deadline, metadata=metadata(bearer))
        )
        return reply.SerializeToString(deterministic=True)

    def masking(self, bearer: bytes, round_id: str) -> bytes:
        """What a node masks its values for: the message as it came."""
        request = pb.MaskingRequest(round_id=round_id)
        reply: pb.MaskingReply = self._call(
            lambda: self._board.Masking(request, timeout=self._deadline, metadata=metadata(bearer))
        )
        return reply.SerializeToString(deterministic=True)

    def submit_masked(self, bearer: bytes, round_id: str, masked: bytes) -> bytes:
        """Hand in a signed masked vector; returns the receipt's bytes.

        The same bytes may be sent again: the coordinator gives the same receipt.
        """
        request = pb.SubmitMaskedRequest(round_id=round_id, masked=masked)
        reply: pb.SubmitReply = self._call(
            lambda: self._board.SubmitMasked(
                request, timeout=self._deadline, metadata=metadata(bearer)
            )
        )
        return reply.receipt

    def _call(self, call: Callable[[], R]) -> R:
        try:
            return call()
        except grpc.RpcError as error:
            failed = failure(error)
            if failed.kind is Kind.REFUSED:
                raise CoordinatorRefused(failed.text, failed.name) from error
            if failed.kind is Kind.UNAUTHENTICATED:
                raise NotAdmitted(
                    f"the coordinator at {self.address} does not accept the pass: {failed.text}"
                ) from error
            if failed.kind is Kind.UNREACHABLE:
                raise CoordinatorUnreachable(
                    f"cannot reach the coordinator at {self.address}: {failed.text}. Is it "
                    "running? Check the address and the network; nothing is lost meanwhile"
                ) from error
            raise CoordinatorUnreachable(
                f"the coordinator at {self.address} cannot answer now: {failed.text}"
            ) from error
