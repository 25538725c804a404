"""What the coordinator owes its rounds, when doing it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator import board as board_module
from coordinator.board import Board
from coordinator.desk import Desk
from coordinator.operator import close_request
from protocols import certificate, closing
from protocols.errors import PackingError
from tests.coordinator.conftest import Clock
from tests.trustee.scene import COORDINATOR, DEADLINE, NOW, Scene, member_key


@pytest.fixture
def closed(scene: Scene, board: Board) -> Board:
    """A board whose round has its closing statement."""
    board.close_round(scene.round_id, close_request(scene.plan, COORDINATOR))
    statement = closing.ClosingStatement(scene.plan.hash, (), b"a" * 32)
    for key in scene.held.signing[:3]:
        board.post(scene.round_id, closing.vote(statement, b"h" * 32, key))
    return board


def test_a_broken_round_does_not_stop_the_others(
    scene: Scene, board: Board, tmp_path: Path
) -> None:
    board.create_round(Scene(round_id="round-2").record)
    other = Board(board._store, member_key(1), clock=lambda: NOW, read_ceremony=scene.read_ceremony)
    assert other.rounds() == []  # another key: every round is left out and logged, none raises

    again = scene.board(tmp_path / "board.sqlite")
    assert [row.round_id for row in again.rounds()] == ["round-1", "round-2"]


def test_a_release_that_fails_is_reported_once_and_tried_ever_more_rarely(
    scene: Scene,
    closed: Board,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tries = []

    def fail(_: object, __: object) -> bytes:
        tries.append(clock.now)
        raise PackingError("sums that cannot be")

    monkeypatch.setattr(board_module, "build_release", fail)
    statement_hash = closing.ClosingStatement(scene.plan.hash, (), b"a" * 32).hash
    withheld = certificate.withhold(scene.plan, statement_hash, 0, "too few").to_bytes()
    votes = [key.sign("certificate", withheld) for key in scene.held.signing]
    for vote in votes[:3]:
        closed.post(scene.round_id, vote)
    for clock.now in range(NOW, NOW + 100):
        for _ in range(5):
            assert not closed.advance()

    assert [now - NOW for now in tries] == [0, 1, 3, 7, 15, 31, 63]
    assert caplog.text.count("PackingError: sums that cannot be") == 1
    # Something new in the round is a reason to try again at once.
    closed.post(scene.round_id, votes[3])
    closed.advance()
    assert len(tries) == 8
    monkeypatch.undo()
    clock.now += 60
    assert closed.advance()
    assert closed.rounds()[0].state == "pending"


def test_a_round_that_fails_in_an_unforeseen_way_does_not_stop_the_others(
    scene: Scene, board: Board, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.create_round(Scene(round_id="round-2").record)
    real = Board._close

    def close(board: Board, desk: Desk) -> None:
        if desk.round_id == "round-1":
            raise ZeroDivisionError
        real(board, desk)

    monkeypatch.setattr(Board, "_close", close)
    clock.now = DEADLINE

    assert board.advance()
    assert [row.state for row in board.rounds()] == ["open", "closed"]
