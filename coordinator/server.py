"""The coordinator's process: the board behind gRPC, and the clerk that moves rounds on.

The transport is thin: every rule is in :mod:`coordinator.board` and below. Refusals become gRPC
status codes with a clean message, the exception's class name in the trailing metadata under
``cefed-error``; a traceback never leaves the process. This version speaks without TLS and therefore
listens on loopback only.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, TypeVar

import grpc

from coordinator.board import Board
from coordinator.errors import CoordinatorError, SettingsError
from protocols.errors import (
    ContributionRefused,
    InvalidSignature,
    PlanError,
    PolicyRefusal,
    ProtocolError,
    QuorumMissing,
    StorageError,
)
from protocols.terms import Description
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from protocols.wire.codec import MAX_LARGE

LOG = logging.getLogger("cefed.coordinator")

ERROR_KEY = "cefed-error"
MAX_MESSAGE_BYTES = MAX_LARGE + (1 << 16)
"""The largest statement that the codec accepts, and its frame."""

THREADS = 16
MAX_CALLS = 512
"""Calls at a time; further ones are refused, and clients wait and try again."""

CLERK_SECONDS = 0.2
GRACE_SECONDS = 5.0

R = TypeVar("R")

_CODES: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (InvalidSignature, grpc.StatusCode.PERMISSION_DENIED),
    (PlanError, grpc.StatusCode.FAILED_PRECONDITION),
    (PolicyRefusal, grpc.StatusCode.FAILED_PRECONDITION),
    (ContributionRefused, grpc.StatusCode.FAILED_PRECONDITION),
    (QuorumMissing, grpc.StatusCode.FAILED_PRECONDITION),
    (StorageError, grpc.StatusCode.INTERNAL),
    (ProtocolError, grpc.StatusCode.INVALID_ARGUMENT),
    (CoordinatorError, grpc.StatusCode.INTERNAL),
)


class Servicer(rpc.BoardServicer):
    """gRPC calls to board calls and back."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def ListRounds(
        self, request: pb.ListRoundsRequest, context: grpc.ServicerContext
    ) -> pb.ListRoundsReply:
        """Names, states and sizes of all rounds."""
        rows = _guarded(context, self._board.rounds)
        return pb.ListRoundsReply(
            rounds=[
                pb.RoundSummary(
                    round_id=row.round_id,
                    state=row.state,
                    contributions=row.contributions,
                    entries=row.entries,
                )
                for row in rows
            ]
        )

    def Describe(
        self, request: pb.DescribeRequest, context: grpc.ServicerContext
    ) -> pb.RoundDescription:
        """Plan, roster, ceremony and countersignatures as they came."""
        record, state = _guarded(context, lambda: self._board.describe(request.round_id))
        return pb.RoundDescription(
            plan=record.plan,
            roster=record.roster,
            ceremony=record.ceremony,
            ceremony_countersignatures=list(record.countersignatures),
            state=state,
        )

    def Submit(self, request: pb.SubmitRequest, context: grpc.ServicerContext) -> pb.SubmitReply:
        """A node's contribution; the receipt comes after the entry is on the disk."""
        receipt = _guarded(
            context, lambda: self._board.submit(request.round_id, request.contribution)
        )
        return pb.SubmitReply(receipt=receipt)

    def Post(self, request: pb.PostRequest, context: grpc.ServicerContext) -> pb.PostReply:
        """A trustee's signed statement."""
        receipt = _guarded(context, lambda: self._board.post(request.round_id, request.statement))
        return pb.PostReply(receipt=receipt)

    def Read(self, request: pb.ReadRequest, context: grpc.ServicerContext) -> Iterator[pb.Entry]:
        """The transcript from an index on, in order."""
        entries = self._board.read(request.round_id, request.from_index)
        while (entry := _guarded(context, lambda: next(entries, None))) is not None:
            yield pb.Entry(
                index=entry.index, kind=entry.kind, payload=entry.payload, entry_hash=entry.hash
            )

    def SendSealed(
        self, request: pb.SendSealedRequest, context: grpc.ServicerContext
    ) -> pb.SendSealedReply:
        """A sealed envelope from one trustee to another; never logged."""
        _guarded(
            context,
            lambda: self._board.send_sealed(
                request.round_id,
                request.phase,
                request.sender,
                request.recipient,
                request.envelope,
            ),
        )
        return pb.SendSealedReply()

    def FetchSealed(
        self, request: pb.FetchSealedRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SealedPost]:
        """The envelopes that wait for a trustee."""
        posts = _guarded(
            context,
            lambda: self._board.sealed(request.round_id, request.recipient, request.phase),
        )
        for sender, envelope in posts:
            yield pb.SealedPost(phase=request.phase, sender=sender, envelope=envelope)

    def Close(self, request: pb.CloseRequest, context: grpc.ServicerContext) -> pb.CloseReply:
        """The operator's signed request to close before the deadline."""
        _guarded(context, lambda: self._board.close_round(request.round_id, request.request))
        return pb.CloseReply()

    def CreateRound(
        self, request: pb.CreateRoundRequest, context: grpc.ServicerContext
    ) -> pb.CreateRoundReply:
        """The operator's new round; its plan is signed with the coordinator's key."""
        record = Description(
            request.plan,
            request.roster,
            request.ceremony,
            tuple(request.ceremony_countersignatures),
        )
        _guarded(context, lambda: self._board.create_round(record))
        return pb.CreateRoundReply()


class Server:
    """A running coordinator: gRPC threads and the clerk. Made by :func:`start`.

    :ivar address: ``HOST:PORT``, with the port that was really taken.
    """

    def __init__(self, board: Board, server: grpc.Server, address: str) -> None:
        self.address = address
        self._board = board
        self._server = server
        self._stop = threading.Event()
        self._clerk = threading.Thread(target=self._work, name="clerk", daemon=True)

    def run(self) -> None:
        """Answer calls and move rounds on, in the background."""
        self._server.start()
        self._clerk.start()
        LOG.info("listening on %s", self.address)

    def stop(self) -> None:
        """Finish the calls under way, then end. What was acknowledged is on the disk already."""
        self._stop.set()
        self._board.changed.set()
        self._server.stop(GRACE_SECONDS).wait()
        self._clerk.join()
        LOG.info("stopped")

    def _work(self) -> None:
        while not self._stop.is_set():
            self._board.changed.wait(CLERK_SECONDS)
            self._board.changed.clear()
            try:
                self._board.advance()
            except Exception:  # the clerk must outlive whatever one round does to it
                LOG.exception("the clerk stumbled")


def start(board: Board, listen: str) -> Server:
    """Serve ``board`` on ``listen`` (``HOST:PORT``, port 0 for any that is free).

    :raises SettingsError: not a loopback address, or the port is taken.
    """
    host = check_listen(listen)
    server = grpc.server(
        ThreadPoolExecutor(THREADS, thread_name_prefix="board"),
        options=(
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
        ),
        maximum_concurrent_rpcs=MAX_CALLS,
    )
    rpc.add_BoardServicer_to_server(Servicer(board), server)
    try:
        port = server.add_insecure_port(listen)
    except RuntimeError as error:
        raise SettingsError(f"cannot listen on {listen}: is another process using it?") from error
    running = Server(board, server, f"{host}:{port}")
    running.run()
    return running


def check_listen(listen: str) -> str:
    """The host of ``HOST:PORT``. :raises SettingsError: malformed, or reachable from outside."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"{listen!r} is not HOST:PORT; for example 127.0.0.1:7443")
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise SettingsError(
            f"{host} can be reached from other machines, and this version speaks without TLS: "
            "listen on 127.0.0.1 and put a TLS tunnel in front"
        )
    return host


def _guarded(context: grpc.ServicerContext, call: Callable[[], R]) -> R:
    """``call()``, with every exception turned into the end of the RPC."""
    try:
        return call()
    except (ProtocolError, CoordinatorError) as error:
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        _refuse(context, code, str(error), type(error).__name__)
    except Exception:
        LOG.exception("unexpected")
        _refuse(context, grpc.StatusCode.INTERNAL, "unexpected error at the coordinator", "")


def _refuse(context: grpc.ServicerContext, code: grpc.StatusCode, text: str, name: str) -> NoReturn:
    context.set_trailing_metadata(((ERROR_KEY, name),))
    context.abort(code, text)
    raise AssertionError("abort raises")
