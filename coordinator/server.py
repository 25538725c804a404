"""The coordinator's process: board and registry behind gRPC, and the clerk that moves rounds on.

TLS 1.3, or with ``--insecure`` plaintext on loopback. Calls come in over one event loop, so that no
thread waits for a caller; they are admitted by :mod:`coordinator.guard` and answered by
:mod:`coordinator.service`, and the standard health service answers anybody. Stopping is graceful:
not healthy any more, no new calls, those under way finish, and what was acknowledged is on the disk
already.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import grpc
import grpc.aio

from coordinator import health, loop, service
from coordinator.board import Board, wall_clock
from coordinator.errors import SettingsError
from coordinator.guard import Guard
from coordinator.lanes import Lanes
from coordinator.limits import Meter
from coordinator.registry import Registry
from coordinator.registry_rows import Standing
from coordinator.settings import CoordinatorSettings, check_listen
from coordinator.telemetry import Telemetry

LOG = logging.getLogger("cefed.coordinator")

BOARD, ADMISSION = "cefed.v1.Board", "cefed.v1.Admission"
CLERK_SECONDS = 0.2
GRACE_SECONDS = 10.0

_OPTIONS = (
    ("grpc.max_receive_message_length", service.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", service.MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 16_384),
    ("grpc.max_concurrent_streams", 256),
    ("grpc.max_connection_idle_ms", 900_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.so_reuseport", 0),
)


class Server:
    """A running coordinator: the calls, and the clerk's thread. Made by :func:`start`.

    :ivar address: ``HOST:PORT``, with the port that was really taken.
    """

    def __init__(
        self,
        board: Board,
        guard: Guard,
        lanes: Lanes,
        server: grpc.aio.Server,
        answers: health.Health,
        address: str,
    ) -> None:
        self.address = address
        self._board = board
        self._guard = guard
        self._lanes = lanes
        self._server = server
        self._health = answers
        self._stop = threading.Event()
        self._clerk = threading.Thread(target=self._work, name="clerk", daemon=True)

    def run(self) -> None:
        """Answer calls and move rounds on, in the background."""
        loop.run(self._server.start())
        self._clerk.start()
        self._health.set(serving=True)
        LOG.info("listening on %s", self.address)

    def stop(self) -> None:
        """Finish the calls under way, then end. What was acknowledged is on the disk already."""
        self._health.set(serving=False)
        self._stop.set()
        self._board.changed.set()
        loop.run(self._server.stop(GRACE_SECONDS))
        self._clerk.join()
        self._lanes.shutdown()
        LOG.info("stopped")

    def alive(self) -> bool:
        """Whether clerk and writer still work."""
        return self._clerk.is_alive() and self._board.alive() and not self._stop.is_set()

    def _work(self) -> None:
        while not self._stop.is_set():
            self._board.changed.wait(CLERK_SECONDS)
            self._board.changed.clear()
            try:
                self._board.advance()
            except Exception:  # the clerk must outlive whatever one round does to it
                LOG.exception("the clerk stumbled")


def start(
    board: Board,
    registry: Registry,
    settings: CoordinatorSettings,
    credentials: grpc.ServerCredentials | None,
    *,
    clock: Callable[[], int] = wall_clock,
) -> Server:
    """Serve on ``settings.listen``.

    :param credentials: for TLS; None for plaintext, which is allowed on loopback only.
    :raises SettingsError: plaintext that others could reach, or the port is taken.
    """
    host = check_listen(settings.listen, insecure=credentials is None)
    telemetry = Telemetry(board.metrics.registry)
    meters = {
        Standing.MEMBER: Meter(settings.member_rates.allowance()),
        Standing.TRUSTEE: Meter(settings.trustee_rates.allowance()),
        Standing.OPERATOR: Meter(settings.trustee_rates.allowance()),
        Standing.NOBODY: Meter(settings.open_rates.allowance()),
    }
    guard = Guard(registry, board.key.public, meters, telemetry, clock)
    answers = health.Health((BOARD, ADMISSION))
    desk = service.Desk(board, registry, answers, clock)
    registry.standing(board.key.public)  # from here on it remembers who is known
    lanes = Lanes.of(settings)
    handlers = (
        service.Handler(BOARD, service.BOARD, desk, guard, lanes),
        service.Handler(ADMISSION, service.ADMISSION, desk, guard, lanes, lanes.open),
        service.Handler(health.SERVICE, service.HEALTH, desk, guard, lanes, lanes.health),
    )
    if credentials is None:
        LOG.warning(
            "INSECURE: this coordinator speaks plaintext on %s; whoever can read this "
            "machine's loopback reads everything. For tests only",
            settings.listen,
        )
    try:
        server, port = loop.run(_bound(handlers, settings.listen, credentials))
    except RuntimeError as error:
        raise SettingsError(
            f"cannot listen on {settings.listen}: is another process using it?"
        ) from error
    running = Server(board, guard, lanes, server, answers, f"{host}:{port}")
    running.run()
    return running


async def _bound(
    handlers: Sequence[grpc.GenericRpcHandler],
    listen: str,
    credentials: grpc.ServerCredentials | None,
) -> tuple[grpc.aio.Server, int]:
    """A server that has its port; made in the loop that it will answer in."""
    # Every lane has its own limit, so that none can take the calls of another.
    server = grpc.aio.server(handlers=handlers, options=_OPTIONS)
    if credentials is None:
        return server, server.add_insecure_port(listen)
    return server, server.add_secure_port(listen, credentials)
