"""A real coordinator on loopback for a scene: board, registry and TLS, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coordinator import server
from coordinator.board import Board
from coordinator.database import sqlite_url
from coordinator.registry import Registry
from coordinator.settings import CoordinatorSettings
from coordinator.store import Store
from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.relay import Relay
from enterprise_node.private.events import Event
from protocols.service import tls
from protocols.service.channel import Target
from protocols.signing import statement_hash
from tests import keys
from tests.enterprise_node.scene import COORDINATOR, GROUP, Scene, describe


@dataclass
class Live:
    """A running coordinator that has the scene's round."""

    scene: Scene
    store: Store
    board: Board
    registry: Registry
    target: Target

    def relay(self, client: CoordinatorClient) -> Relay:
        """The scene's gateway over a real connection."""
        return Relay(self.scene.exchange, client)

    def turn(self, times: int = 2, target: Target | None = None) -> list[Event]:
        """Private side and gateway take turns; what the private side had to say."""
        happened = self.scene.step()
        with CoordinatorClient(target or self.target) as client:
            for _ in range(times):
                self.relay(client).step()
                happened += self.scene.step()
        return happened

    def logged(self) -> list[bytes]:
        """The hashes of every contribution in the round's log."""
        entries = self.store.read(self.scene.plan.round_id)
        return [statement_hash(e.payload) for e in entries if e.kind == "contribution"]


@contextmanager
def serving(
    scene: Scene,
    folder: Path,
    *,
    insecure: bool = False,
    admitted: bool = True,
    opened: bool = True,
) -> Iterator[Live]:
    """Serve the scene's round.

    :param admitted: whether the scene's node is enrolled already.
    :param opened: whether the trustees have countersigned the roster.
    """
    with ExitStack() as stack:
        store = Store.create(sqlite_url(folder / "board.sqlite"))
        stack.callback(store.close)
        registry = Registry(store.engine, COORDINATOR)
        own = scene.store.key().public
        registry.admit_many(
            (m.key, f"id-{m.key.fingerprint}", m.group)
            for m in scene.roster.members
            if m.key != own
        )
        if admitted:
            registry.admit_many([(own, "A01", GROUP)])
        for trustee in keys.trustees().signing:
            registry.add_trustee(trustee.public, trustee.public.fingerprint)
        board = Board(store, COORDINATOR, revoked=registry.revoked)
        stack.callback(board.close)
        board.create_round(describe(scene.plan, scene.roster))
        if opened:
            for vote, trustee in zip(scene.desk.votes, keys.trustees().signing, strict=False):
                board.post(scene.plan.round_id, vote, trustee.public)
            board.advance()
        credentials, authority = None, None
        if not insecure:
            tls.create_authority(folder / "tls", ["127.0.0.1"])
            credentials = tls.server_credentials(
                folder / "tls" / "server.pem", folder / "tls" / "server-key.pem"
            )
            authority = (folder / "tls" / "authority.pem").read_bytes()
        settings = CoordinatorSettings(listen="127.0.0.1:0")
        running = server.start(board, registry, settings, credentials)
        stack.callback(running.stop)
        yield Live(scene, store, board, registry, Target(running.address, authority, insecure))
