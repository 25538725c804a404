"""A coordinator that shows its trustees a log of its own making, and keeps whatever they say.

It is the real one up to the moment when it begins to lie: the round is open, the roster is
countersigned, and the trustees have confirmed each other's ledgers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from coordinator.board import Board
from coordinator.states import State
from coordinator.store import RoundRow
from protocols import closing
from protocols.notices import roster_vote
from protocols.signing import VerifyKey, open_signed
from protocols.terms import Description
from protocols.transcript import Entry, Transcript
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode
from tests.hostile.served import Served
from tests.trustee.scene import COORDINATOR, NOW, Scene, new_ledger
from trustee.agreement import TrusteeLimits
from trustee.service import Service

STEPS = 12


class ForgingBoard(Board):
    """A board that lies once :attr:`forged` is set."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.forged: Transcript | None = None
        self.described: Description | None = None
        """What it says the round was created from, where that is not true."""
        self.said: list[tuple[str, bytes]] = []
        """Kind and bytes of everything that trustees posted since."""
        self.envelopes: dict[tuple[str, int, int], bytes] = {}
        """What trustees sealed, by phase, sender and recipient."""

    def rounds(self, caller: VerifyKey | None = None) -> list[RoundRow]:
        (row,) = super().rounds(caller)
        if self.forged is None:
            return [row]
        return [RoundRow(row.round_id, "closed", 12, len(self.forged.entries))]

    def describe(self, round_id: str) -> tuple[Description, State, list[bytes], list[bytes]]:
        description, state, votes, notices = super().describe(round_id)
        return self.described or description, state, votes, notices

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        if self.forged is None:
            yield from super().read(round_id, from_index)
        else:
            yield from self.forged.entries[from_index:]

    def post(self, round_id: str, data: bytes, caller: VerifyKey) -> bytes:
        if self.forged is None:
            return super().post(round_id, data, caller)
        kind = decode(pb.Signed, data).kind
        self.said.append((kind, data))
        self.forged.append(kind, data)
        return b"no receipt"

    def send_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> None:
        self.envelopes[phase, sender, recipient] = envelope

    def sealed(
        self, round_id: str, recipient: int, phase: str, caller: VerifyKey
    ) -> list[tuple[int, bytes]]:
        return [
            (sender, envelope)
            for (of, sender, to), envelope in sorted(self.envelopes.items())
            if (of, to) == (phase, recipient)
        ]

    @property
    def kinds(self) -> list[str]:
        """What trustees posted."""
        return [kind for kind, _ in self.said]

    def reasons(self) -> list[str]:
        """Why they left the round."""
        return [
            pb.Refusal.FromString(open_signed(data, kind).payload).reason
            for kind, data in self.said
            if kind == "refusal"
        ]


def forger(served: Served) -> ForgingBoard:
    """The dishonest board behind a server."""
    assert isinstance(served.board, ForgingBoard)
    return served.board


def trustees(served: Served, folder: Path) -> list[Service]:
    """The services of trustees 1 to 3, over connections of their own."""
    made = []
    for index in (1, 2, 3):
        own = folder / f"trustee-{index}"
        own.mkdir(exist_ok=True)
        made.append(
            Service(
                served.client(index),
                [served.scene.accepted(index)],
                new_ledger(folder / f"ledger-{index}.jsonl"),
                COORDINATOR.public,
                TrusteeLimits(),
                own,
                clock=lambda: NOW,
            )
        )
    return made


def poll(services: Iterable[Service], steps: int = STEPS) -> None:
    """Have everybody look, and act, a number of times."""
    held = list(services)
    for _ in range(steps):
        for service in held:
            service._peers._looked.clear()  # without the second between two looks
            service.poll()


def stop(services: Iterable[Service]) -> None:
    """End services as a process's end does."""
    for service in services:
        service._board.close()  # type: ignore[attr-defined]
        service._ledger.close()


def begin(scene: Scene) -> Transcript:
    """A log whose roster is countersigned."""
    log = Transcript(scene.round_id)
    log.append("plan", scene.record.plan)
    for key in scene.held.signing[:3]:
        log.append("roster", roster_vote(scene.plan, scene.roster, key))
    return log


def close(scene: Scene, log: Transcript, included: Iterable[bytes]) -> Transcript:
    """The coordinator's list over the log as it stands."""
    log.append("close", closing.propose(scene.plan, included, log.head, COORDINATOR))
    return log
