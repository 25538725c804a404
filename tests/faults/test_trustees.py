"""Trustees that are slow, absent, lying or restored, and a coordinator that divides them.

Related: ``tests/trustee/test_duties.py`` (a liar in the count shares, every process restarted after
every step), ``tests/trustee/test_record.py`` (two lists), ``tests/trustee/test_startup.py`` (the
ledger check by itself), ``tests/coordinator/test_openings.py`` (false shares of the sums).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from coordinator.board import Board
from protocols import closing
from protocols.closing import ClosingStatement
from protocols.errors import ProtocolError
from protocols.notices import make_deadline
from protocols.release import Release
from protocols.signing import VerifyKey, open_signed
from protocols.wire import messages_pb2 as pb
from tests.cohort import values
from tests.trustee.scene import COORDINATOR, NOW, Direct, Scene, new_service, run, run_again
from trustee.errors import LedgerError
from trustee.service import Service

MEMBERS = range(1, 13)
STEPS = 200


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def contribute(scene: Scene, board: Board, numbers: Iterable[int] = MEMBERS) -> None:
    for number in numbers:
        scene.submit(board, number)


def state(board: Board) -> str:
    return str(board.rounds()[0].state)


def run_until(scene: Scene, board: Board, services: list[Service], wanted: str) -> None:
    """One action of one trustee at a time until the round's state is ``wanted``."""
    contributed = False
    for _ in range(STEPS):
        for service in services:
            board.advance()
            if state(board) == wanted:
                return
            service._peers._looked.clear()
            service.poll()
            if state(board) == "open" and not contributed and wanted != "open":
                contribute(scene, board)
                contributed = True
    raise AssertionError(f"still {state(board)}")


def published(scene: Scene, board: Board) -> dict[str, str]:
    """The totals of the release."""
    payload = next(e.payload for e in board.read(scene.round_id, 0) if e.kind == "release")
    size = scene.held.ceremony.key.public.modulus_bytes
    document = Release.from_bytes(open_signed(payload, "release").payload, size).document
    return {name: item["value"] for name, item in document["measures"].items()}


def totals() -> dict[str, str]:
    """The same, from the plain values."""
    return {name: str(sum(values(n)[name] for n in MEMBERS)) for name in values(1)}


PHASES = ["proposed", "open", "closing", "closed", "certified", "pending"]


def in_phase(scene: Scene, path: Path, phase: str) -> tuple[Board, list[Service]]:
    """Four trustees, and the round in the middle of ``phase``."""
    board = scene.board(path / "board.sqlite", opened=False)
    services = [new_service(scene, board, index, path) for index in range(1, 5)]
    for service in services * 2:
        service._peers.poll()  # their ledgers are confirmed
        service._peers._looked.clear()
    if phase != "proposed":
        run_until(scene, board, services, phase)
    return board, services


@pytest.mark.parametrize("phase", PHASES)
def test_one_of_four_is_absent(scene: Scene, tmp_path: Path, phase: str) -> None:
    """From whenever on: the round closes, opens and is released without it."""
    board, services = in_phase(scene, tmp_path, phase)

    if phase in ("proposed", "open"):
        run_until(scene, board, services[:3], "open")
        contribute(scene, board)
    assert run(board, services[:3], polls=40) == "released"

    assert published(scene, board) == totals()


WAITS = {
    "proposed": "proposed",
    "open": "closed",
    "closing": "closed",
    "closed": "closed",
    "certified": "pending",
    "pending": "pending",
}
"""Where a round waits that two of its four trustees have left."""


@pytest.mark.parametrize("phase", PHASES)
def test_two_of_four_are_absent(scene: Scene, tmp_path: Path, phase: str) -> None:
    """The round waits; one of them comes back as a new process, and the round is released."""
    board, services = in_phase(scene, tmp_path, phase)
    away = services[2:]
    for service in away:
        service._ledger.close()
    if phase == "open":
        contribute(scene, board)

    for _ in range(3):
        assert run(board, services[:2]) == WAITS[phase]
    back = new_service(scene, board, 3, tmp_path)
    if phase == "proposed":
        run_again(board, [*services[:2], back])
        contribute(scene, board)

    assert run_again(board, [*services[:2], back]) == "released"
    assert published(scene, board) == totals()


def test_a_slow_trustee_is_not_waited_for(scene: Scene, tmp_path: Path) -> None:
    """What it says late is kept or refused; it leaves the round without a complaint."""
    board, services = in_phase(scene, tmp_path, "closed")
    slow = services[3]
    assert run(board, services[:3]) == "released"
    votes = [e.kind for e in board.read(scene.round_id, 0)]
    assert votes.count("endorsement") == 3

    for _ in range(10):
        slow.poll()

    assert state(board) == "released"
    assert scene.round_id in slow._left
    assert board.refusals(scene.round_id) == {}
    assert [e.kind for e in board.read(scene.round_id, 0)][: len(votes)] == votes


def test_a_slow_trustee_that_is_needed_is_waited_for(scene: Scene, tmp_path: Path) -> None:
    """Of three, one looks only every tenth time: the round takes as long as it takes."""
    board = scene.board(tmp_path / "board.sqlite", opened=False)
    services = [new_service(scene, board, index, tmp_path) for index in (1, 2, 3)]
    run_until(scene, board, services, "open")
    contribute(scene, board)

    for step in range(STEPS):
        board.advance()
        for service in services if step % 10 == 0 else services[:2]:
            service.poll()
        if state(board) == "released":
            break

    assert step > 20
    assert published(scene, board) == totals()


def test_a_trustee_that_lies_about_the_sums(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its share proof fails at the door: it is named, and the others' shares are used."""
    board, services = in_phase(scene, tmp_path, "certified")
    duties = services[1]._rounds[scene.round_id].duties
    assert duties is not None
    duties._holder = scene.holder(2, lying=True)

    with caplog.at_level(logging.INFO):
        assert run(board, services) == "released"

    assert f"round {scene.round_id}: trustee trustee-2 lies: " in caplog.text
    given = [e.payload for e in board.read(scene.round_id, 0) if e.kind == "sums"]
    signers = {open_signed(data, "sums").signer for data in given}
    assert scene.held.signing[1].public not in signers
    assert published(scene, board) == totals()


@dataclass
class Divided(Direct):
    """One of two boards; questions about ledgers go to one relay, so that all may serve."""

    relay: Board | None = None

    def post_peer(self, statement: bytes) -> None:
        assert self.relay is not None
        self.relay.post_peer(statement, self.key)

    def peers(self, key_id: bytes) -> list[bytes]:
        assert self.relay is not None
        return self.relay.peers(key_id, self.key)


def divided(scene: Scene, path: Path) -> tuple[list[Board], list[Service]]:
    """A coordinator with two logs: trustees 1 and 2 see twelve members, 3 and 4 eleven."""
    boards, services = [], []
    for name, numbers in (("a", MEMBERS), ("b", range(2, 13))):
        board = scene.board(path / f"{name}.sqlite")
        contribute(scene, board, numbers)
        board.announce(scene.round_id, make_deadline(scene.plan, NOW, NOW, "now", COORDINATOR))
        boards.append(board)
    for index in range(1, 5):
        board = boards[index > 2]
        seen = Divided(board, scene.held.signing[index - 1].public, relay=boards[0])
        services.append(new_service(scene, board, index, path, seen=seen))
    return boards, services


def pass_on(scene: Scene, boards: list[Board], kinds: tuple[str, ...]) -> None:
    """The coordinator shows each side what the other signed, where its own rules allow that."""
    for source, target in (boards, boards[::-1]):
        for entry in list(source.read(scene.round_id, 0)):
            if entry.kind in kinds:
                with suppress(ProtocolError):
                    target.post(
                        scene.round_id, entry.payload, open_signed(entry.payload, entry.kind).signer
                    )


def go_on(scene: Scene, boards: list[Board], services: list[Service], times: int = 20) -> None:
    for _ in range(times):
        for board in boards:
            board.advance()
        for service in services:
            service._peers._looked.clear()
            service.poll()
        pass_on(scene, boards, ("closing", "certificate"))


def envelopes(scene: Scene, board: Board) -> int:
    """How many sealed envelopes wait at a board."""
    return sum(
        len(board.sealed(scene.round_id, index, phase, key.public))
        for index, key in enumerate(scene.held.signing, start=1)
        for phase in ("counts", "classes")
    )


def test_two_trustees_are_shown_another_list_than_the_other_two(
    scene: Scene, tmp_path: Path
) -> None:
    """The difference of both sums would be member 1. No list gets a quorum, nobody opens."""
    boards, services = divided(scene, tmp_path)

    go_on(scene, boards, services)

    for board in boards:
        assert state(board) == "closed"
        kinds = [e.kind for e in board.read(scene.round_id, 0)]
        assert kinds.count("closing") == 4  # everybody's vote was shown to everybody
        assert "certificate" not in kinds
        assert envelopes(scene, board) == 0


def test_with_a_corrupt_trustee_one_of_two_lists_is_opened_at_most(
    scene: Scene, tmp_path: Path
) -> None:
    """Trustee 4 signs both lists. One reaches its quorum; the other one never does."""
    boards, services = divided(scene, tmp_path)
    honest = services[:3]
    for service in services:
        service._peers._looked.clear()
    for service in services * 2:
        service._peers.poll()
        service._peers._looked.clear()
    for board in boards:
        for _ in range(4):
            board.advance()
    for service in honest * 2:
        service.poll()
    corrupt = scene.held.signing[3]
    for board in boards:
        vote = next(e.payload for e in board.read(scene.round_id, 0) if e.kind == "closing")
        content = pb.ClosingVote.FromString(open_signed(vote, "closing").payload).statement
        second = closing.vote(ClosingStatement.from_bytes(content), bytes(32), corrupt)
        board.post(scene.round_id, second, corrupt.public)

    go_on(scene, boards, honest)

    votes = [sum(e.kind == "closing" for e in b.read(scene.round_id, 0)) for b in boards]
    assert votes == [4, 4]
    assert envelopes(scene, boards[0]) > 0
    assert envelopes(scene, boards[1]) == 0


def test_a_trustee_restored_from_an_old_backup(scene: Scene, tmp_path: Path) -> None:
    """It serves nothing and says what to bring; with the newest ledger it goes on."""
    board, services = in_phase(scene, tmp_path, "open")
    path = tmp_path / "ledger-3.jsonl"
    backup = path.read_bytes()
    contribute(scene, board)
    assert run(board, services[1:3]) == "closed"  # two votes, trustee 3's among them
    services[2]._ledger.close()
    newest = path.read_bytes()
    assert newest != backup
    path.write_bytes(backup)

    restored = new_service(scene, board, 3, tmp_path)
    with pytest.raises(LedgerError, match="the ledger is older than that") as caught:
        run_again(board, [services[0], services[1], restored])
    restored._ledger.close()

    assert caught.value.exit_code == 8
    assert "restore the newest ledger.jsonl, and start again" in str(caught.value)
    assert path.read_bytes() == backup, "it has signed and noted nothing"
    path.write_bytes(newest)
    again = new_service(scene, board, 3, tmp_path)
    assert run_again(board, [services[0], services[1], again]) == "released"
    closings = [e.payload for e in board.read(scene.round_id, 0) if e.kind == "closing"]
    signers: list[VerifyKey] = [open_signed(data, "closing").signer for data in closings]
    assert len(signers) == len(set(signers)) == 3
