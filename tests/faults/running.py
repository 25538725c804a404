"""A coordinator that can go away and come back at the same address, over the same database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from coordinator import server
from coordinator.board import Board
from coordinator.database import sqlite_url
from coordinator.registry import Registry
from coordinator.settings import CoordinatorSettings
from coordinator.store import Store
from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.relay import Relay
from enterprise_node.gateway.service import Service as Gateway
from enterprise_node.private.events import Event
from protocols.service import tls
from protocols.service.channel import Target
from protocols.signing import statement_hash
from tests import keys
from tests.enterprise_node.scene import COORDINATOR, GROUP, ROUND, Scene, describe

PATIENCE = 60.0


@dataclass
class Coordinator:
    """The scene's coordinator: its folder, and the process in it while it runs.

    ``skew``: seconds by which its clock is ahead of the true one.
    """

    scene: Scene
    folder: Path
    skew: int = 0
    listen: str = "127.0.0.1:0"
    board: Board = field(init=False)
    store: Store = field(init=False)
    registry: Registry = field(init=False)
    _ends: ExitStack = field(default_factory=ExitStack)

    def clock(self) -> int:
        """Seconds since 1970-01-01 UTC, on its own clock."""
        return int(time.time()) + self.skew

    def start(self) -> None:
        """Open the database and serve."""
        scene, ends = self.scene, self._ends
        self.store = Store.create(sqlite_url(self.folder / "board.sqlite"))
        ends.callback(self.store.close)
        self.registry = Registry(self.store.engine, COORDINATOR, clock=self.clock)
        self._admit()
        self.board = Board(self.store, COORDINATOR, clock=self.clock, revoked=self.registry.revoked)
        ends.callback(self.board.close)
        if not self.board.rounds():
            self.board.create_round(describe(scene.plan, scene.roster))
            for vote, key in zip(scene.desk.votes, keys.trustees().signing, strict=False):
                self.board.post(ROUND, vote, key.public)
        certificate = self.folder / "tls"
        if not certificate.exists():
            tls.create_authority(certificate, ["127.0.0.1"])
        credentials = tls.server_credentials(
            certificate / "server.pem", certificate / "server-key.pem"
        )
        settings = CoordinatorSettings(listen=self.listen)
        running = server.start(self.board, self.registry, settings, credentials, clock=self.clock)
        ends.callback(running.stop)
        self.listen = running.address

    def stop(self) -> None:
        """End the process; the folder stays."""
        self._ends.close()

    @property
    def target(self) -> Target:
        """Where gateways dial."""
        return Target(self.listen, (self.folder / "tls" / "authority.pem").read_bytes())

    def logged(self) -> list[bytes]:
        """The hashes of the contributions in the log, in order."""
        entries = self.store.read(ROUND)
        return [statement_hash(e.payload) for e in entries if e.kind == "contribution"]

    def _admit(self) -> None:
        own = self.scene.store.key().public
        self.registry.admit_many(
            (m.key, f"id-{m.key.fingerprint}", m.group)
            for m in self.scene.roster.members
            if m.key != own
        )
        self.registry.admit_many([(own, "A01", GROUP)])
        for trustee in keys.trustees().signing:
            self.registry.add_trustee(trustee.public, trustee.public.fingerprint)


@contextmanager
def running(scene: Scene, folder: Path, *, skew: int = 0) -> Iterator[Coordinator]:
    """A coordinator that has the scene's round, and serves."""
    made = Coordinator(scene, folder, skew)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def gateway(made: Coordinator) -> Iterator[Gateway]:
    """The scene's gateway as a service; it keeps its connection while the coordinator is away."""
    with CoordinatorClient(made.target, deadline=10.0) as client:
        yield Gateway(Relay(made.scene.exchange, client), 0.1)


def turns(scene: Scene, service: Gateway, times: int = 2) -> list[Event]:
    """Private side and gateway take turns; what the private side had to say."""
    happened = scene.step()
    for _ in range(times):
        service.step()
        happened += scene.step()
    return happened


def texts(events: list[Event]) -> str:
    """Everything the owner was told."""
    return "\n".join(event.text for event in events)


def kinds(events: list[Event]) -> list[str]:
    """The kinds of what happened."""
    return [event.kind for event in events]


def reach(service: Gateway) -> None:
    """Step until the gateway gets through again; its connection takes a moment."""
    until = time.monotonic() + PATIENCE
    while service.step() is None:
        assert time.monotonic() < until, service.trouble()
        time.sleep(0.05)
