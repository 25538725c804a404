"""What the operator of the coordinator does in a simulation: propose rounds, end them, watch.

The same calls as ``cefed coordinator round ...`` makes, over one connection that stays open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message

from coordinator.folder import Office
from protocols import notices
from protocols.passes import Bearer
from protocols.plan import Plan
from protocols.service import channel
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from sim.errors import SimulationError

# isort: split
import grpc

R = TypeVar("R")

DEADLINE_SECONDS = 60.0
ATTEMPTS = 8


@dataclass(frozen=True)
class Standing:
    """How far a round is: its state and how many contributions it holds."""

    state: str
    contributions: int
    entries: int


class Operator:
    """The coordinator's operator at the socket of the process that serves ``office``."""

    def __init__(self, office: Office) -> None:
        self._key = office.key()
        self.public_key = self._key.public
        self._bearer = Bearer(self._key, self.public_key)
        target = office.target()
        self.address = target.address
        self._channel = channel.open_channel(target)
        self._board = rpc.BoardStub(self._channel)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def create_round(
        self, plan: Plan, roster: bytes, ceremony: bytes, countersignatures: tuple[bytes, ...]
    ) -> None:
        """Sign a plan and propose its round."""
        request = pb.CreateRoundRequest(
            plan=self._key.sign("plan", plan.to_bytes()),
            roster=roster,
            ceremony=ceremony,
            ceremony_countersignatures=list(countersignatures),
        )
        self._call(self._board.CreateRound, request)

    def close_round(self, plan: Plan, reason: str) -> None:
        """End the collection before the round's deadline."""
        now = int(time.time())
        statement = notices.make_deadline(plan, now, now, reason, self._key)
        self._call(
            self._board.Announce, pb.AnnounceRequest(round_id=plan.round_id, statement=statement)
        )

    def cancel_round(self, plan: Plan, reason: str) -> None:
        """End a round without a result."""
        statement = notices.make_cancellation(plan, int(time.time()), reason, self._key)
        self._call(
            self._board.Announce, pb.AnnounceRequest(round_id=plan.round_id, statement=statement)
        )

    def rounds(self) -> Mapping[str, Standing]:
        """Every round's state by its id."""
        reply: pb.ListRoundsReply = self._call(self._board.ListRounds, pb.ListRoundsRequest())
        return {r.round_id: Standing(r.state, r.contributions, r.entries) for r in reply.rounds}

    def _call(self, method: Callable[..., R], request: Message) -> R:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                shown = channel.metadata(self._bearer.current())
                return method(request, timeout=DEADLINE_SECONDS, metadata=shown)
            except grpc.RpcError as error:
                failure = channel.failure(error)
                if failure.kind is not channel.Kind.UNREACHABLE or attempt == ATTEMPTS:
                    raise SimulationError(
                        f"the coordinator at {self.address} refuses: {failure.text}"
                    ) from error
                time.sleep(0.1 * attempt)
        raise SimulationError("at least one attempt is needed")
