"""The serving process: everything that is started, in order, and ended, in the reverse order.

Run by ``cefed coordinator serve`` and by ``cefed bench ingest``.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack

from sqlalchemy import text

from coordinator import server
from coordinator.board import Board
from coordinator.database import translated
from coordinator.earlier import registered
from coordinator.errors import CoordinatorError, SettingsError
from coordinator.folder import Office
from coordinator.registry import Registry
from coordinator.settings import ROLE, check_listen
from coordinator.store import Store
from protocols.service import logs, probes, tls
from protocols.service.stopping import stop_event

LOG = logging.getLogger("cefed.coordinator")

COLLECT_AFTER = 10_000
"""So many objects more than at the last look, and the garbage collector looks again; 700 by
default. A few objects of every contribution stay, so it looked often and freed little. With five
times as many it left 180 MB more of large contributions that gRPC leaves to it."""


def serve_office(
    office: Office,
    *,
    insecure: bool,
    started: Callable[[str], object],
    stop: threading.Event | None = None,
) -> None:
    """Serve until ``stop`` is set, by default by SIGTERM or SIGINT.

    :param started: told the address once callers are answered.
    :raises SettingsError: another process serves the folder, or the address cannot be used.
    :raises StoreError: the database cannot be used, or another process serves it.
    """
    settings = office.settings
    logs.set_up(ROLE, json=settings.log_json, file=settings.log_file)
    check_listen(settings.listen, insecure=insecure)
    credentials = None if insecure else tls.server_credentials(*office.certificate_files())
    with ExitStack() as stack:
        if not stack.enter_context(office.alone()):
            raise SettingsError(f"another process serves {office.folder} already")
        ends = stop_event() if stop is None else stop
        store = stack.enter_context(office.store())
        store.claim()
        key = office.key()
        registry = Registry(store.engine, key)
        board = Board(
            store,
            key,
            revoked=registry.revoked,
            identify=registered(registry),
            workers=settings.workers,
            close_when_complete=settings.close_when_complete,
        )
        stack.callback(board.close)
        running = server.start(board, registry, settings, credentials)
        stack.callback(running.stop)
        if settings.probes_listen:
            pages = probes.start(
                settings.probes_listen,
                ready=lambda: why_not_ready(store, running),
                registry=board.metrics.registry,
            )
            stack.callback(pages.stop)
            LOG.info("health and metrics (probes) on %s", pages.address)
        stack.callback(office.forget_address)
        office.write_address(running.address, insecure=insecure)
        _settle_memory()
        started(running.address)
        ends.wait()
        LOG.info("stopping")


def _settle_memory() -> None:
    """Let the garbage collector pass over what is there for good: rosters, plans, modules."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def why_not_ready(store: Store, running: server.Server) -> list[str]:
    """What keeps the process from its work, for ``/readyz``; empty when nothing does."""
    reasons = [] if running.alive() else ["a thread that writes or moves rounds on has ended"]
    try:
        with translated(), store.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except CoordinatorError as error:
        reasons.append(str(error))
    return reasons
