"""Several rounds at one board with the same trustees, for the tests of the release ledger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coordinator.board import Board
from coordinator.database import sqlite_url
from coordinator.store import Store
from protocols.notices import read_notice
from protocols.release import Release
from protocols.signing import open_signed
from tests.trustee.scene import COORDINATOR, NOW, Direct, Scene, new_ledger
from trustee.agreement import TrusteeLimits
from trustee.service import Service


class Rounds:
    """A board, four trustees with their ledgers, and rounds one after the other.

    :param url: the database; a file in the folder by default.
    """

    def __init__(self, folder: Path, *scenes: Scene, url: str = "", **settings: Any) -> None:
        self.scenes = {scene.round_id: scene for scene in scenes}
        held = scenes[0].held
        self.board = Board(
            Store.create(url or sqlite_url(folder / "board.sqlite")),
            COORDINATOR,
            clock=lambda: NOW,
            read_ceremony=scenes[0].read_ceremony,
            **settings,
        )
        accepted = {scene.held.ceremony.received: scene for scene in scenes}
        self.services = []
        for index, key in enumerate(held.signing, start=1):
            own = folder / f"trustee-{index}"
            own.mkdir(exist_ok=True)
            self.services.append(
                Service(
                    Direct(self.board, key.public),
                    [scene.accepted(index) for scene in accepted.values()],
                    new_ledger(folder / f"ledger-{index}.jsonl"),
                    COORDINATOR.public,
                    TrusteeLimits(),
                    own,
                    clock=lambda: NOW,
                )
            )

    def close(self) -> None:
        """Let the files go, so that they can be copied."""
        self.board.close()
        self.board._store.close()
        for service in self.services:
            service._ledger.close()

    def propose(self, scene: Scene) -> None:
        """Propose a round and have its roster countersigned."""
        self.board.create_round(scene.record)
        self.poll()

    def play(self, scene: Scene, numbers: Sequence[int] = ()) -> str:
        """A round with these contributors, or the whole roster; its state in the end."""
        self.propose(scene)
        for number in numbers or scene.numbers:
            scene.submit(self.board, number)
        self.poll()
        return self.state(scene)

    def state(self, scene: Scene) -> str:
        """Where a round stands."""
        return self.board.describe(scene.round_id)[1]

    def poll(self, times: int = 16) -> None:
        """Let coordinator and trustees work until nobody has anything to do."""
        for _ in range(times):
            moved = self.board.advance()
            busy = [service.poll() for service in self.services]
            if not moved and not any(busy):
                return

    def document(self, scene: Scene) -> dict[str, Any]:
        """What was released."""
        entries = self.board.read(scene.round_id, 0)
        payload = next(entry.payload for entry in entries if entry.kind == "release")
        size = scene.held.ceremony.key.public.modulus_bytes
        return Release.from_bytes(open_signed(payload, "release").payload, size).document

    def notice(self, scene: Scene) -> str:
        """The reason of the cancellation."""
        *_, last = self.board.describe(scene.round_id)[3]
        return read_notice(last, scene.plan, COORDINATOR.public).reason
