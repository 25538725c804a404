"""What the operator of the coordinator does in a simulation: create rounds, close them, watch.

The same calls as ``cefed coordinator round ...`` makes, over the same socket.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from coordinator.operator import close_request
from protocols.plan import Plan
from protocols.signing import SigningKey
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from sim.errors import SimulationError

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
    """The coordinator's operator at its socket."""

    def __init__(self, address: str, key: SigningKey) -> None:
        self._key = key
        self.public_key = key.public
        self._channel = grpc.insecure_channel(
            address, options=(("grpc.max_send_message_length", 1 << 26),)
        )
        self._board = rpc.BoardStub(self._channel)
        self._address = address

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def create_round(
        self, plan: Plan, roster: bytes, ceremony: bytes, countersignatures: tuple[bytes, ...]
    ) -> None:
        """Sign a plan and open its round."""
        request = pb.CreateRoundRequest(
            plan=self._key.sign("plan", plan.to_bytes()),
            roster=roster,
            ceremony=ceremony,
            ceremony_countersignatures=list(countersignatures),
        )
        self._call(self._board.CreateRound, request)

    def close_round(self, plan: Plan) -> None:
        """Ask that a round closes before its deadline."""
        request = pb.CloseRequest(round_id=plan.round_id, request=close_request(plan, self._key))
        self._call(self._board.Close, request)

    def rounds(self) -> Mapping[str, Standing]:
        """Every round's state by its id."""
        reply: pb.ListRoundsReply = self._call(self._board.ListRounds, pb.ListRoundsRequest())
        return {r.round_id: Standing(r.state, r.contributions, r.entries) for r in reply.rounds}

    def _call(self, method: Callable[..., R], request: Message) -> R:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return method(request, timeout=DEADLINE_SECONDS)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or attempt == ATTEMPTS:
                    raise SimulationError(
                        f"the coordinator at {self._address} refuses: {error.details()}"
                    ) from error
                time.sleep(0.1 * attempt)
        raise SimulationError("at least one attempt is needed")
