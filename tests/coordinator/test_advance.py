"""What the coordinator owes its rounds, and what happens when doing it fails."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from coordinator import clerk as clerk_module
from coordinator.board import Board
from coordinator.clerk import Clerk
from coordinator.desk import Desk
from protocols import certificate, closing, notices
from protocols.errors import PackingError
from tests.cohort import DEADLINE, NOW, Scene, member_key
from tests.coordinator.acting import Acting
from tests.coordinator.conftest import Clock, Opened


def work(board: Board) -> None:
    while board.advance():
        pass


def state(board: Board) -> str:
    return board.rounds()[0].state


@pytest.fixture
def closed(scene: Scene, board: Board, clock: Clock) -> Board:
    """A board whose round, without contributions, has its closing statement."""
    clock.now = DEADLINE
    work(board)
    statement = closing.ClosingStatement.of(scene.plan.hash, (), b"a" * 32)
    posts = [
        (index, closing.vote(statement, b"h" * 32, scene.held.signing[index - 1]))
        for index in (1, 2, 3)
    ]
    Acting(scene, board).post(posts)
    clock.now = NOW
    return board


def test_it_closes_when_everybody_has_contributed(scene: Scene, board: Board) -> None:
    for number in range(1, 12):
        scene.submit(board, number)
    work(board)
    assert state(board) == "open"
    scene.submit(board, 12)

    work(board)
    assert state(board) == "closed"


def test_it_waits_for_the_deadline_where_that_is_set(scene: Scene, opened: Opened) -> None:
    clock = Clock()
    board = opened.board(scene, clock, close_when_complete=False)
    for number in range(1, 13):
        scene.submit(board, number)
    work(board)
    assert state(board) == "open"
    scene.submit(board, 3, version=2)

    clock.now = DEADLINE
    work(board)
    assert state(board) == "closed"


def test_it_closes_at_the_deadline(scene: Scene, board: Board, clock: Clock) -> None:
    scene.submit(board, 1)
    clock.now = DEADLINE - 1
    work(board)
    assert state(board) == "open"

    clock.now = DEADLINE
    work(board)
    assert state(board) == "closed"


def test_a_round_without_countersigned_roster_stays_proposed(scene: Scene, opened: Opened) -> None:
    clock = Clock()
    board = opened.board(scene, clock, opened=False)
    clock.now = DEADLINE + 1
    work(board)
    assert state(board) == "proposed"


def test_nothing_closes_before_every_contribution_has_its_verdict(
    scene: Scene, board: Board, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.submit(board, 1)
    monkeypatch.setattr(board._examiner, "work", lambda desk: False)
    clock.now = DEADLINE
    work(board)
    assert state(board) == "closing"

    monkeypatch.undo()
    work(board)
    assert state(board) == "closed"


def test_an_entry_during_the_close_is_not_overtaken(
    scene: Scene, board: Board, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The close names the head before it: what is logged meanwhile comes first."""
    scene.submit(board, 1)
    real, late = Desk.selection, iter([scene.held.signing[3]])

    def selection(desk: Desk) -> list[bytes]:
        chosen = real(desk)
        for key in late:
            statement = notices.make_refusal(scene.plan, "too late", key)
            board.post(scene.round_id, statement, key.public)
        return chosen

    monkeypatch.setattr(Desk, "selection", selection)
    clock.now = DEADLINE
    work(board)
    assert state(board) == "closing"
    work(board)
    kinds = [entry.kind for entry in board.read(scene.round_id, 4)]
    assert kinds == ["contribution", "refusal", "close"]


def test_rounds_of_another_key_are_left_out(scene: Scene, board: Board, opened: Opened) -> None:
    board.create_round(Scene(round_id="round-2").record)
    other = Board(board._store, member_key(1), clock=lambda: NOW, read_ceremony=scene.read_ceremony)
    assert other.rounds() == []  # every round is left out and logged, none raises
    other.close()

    again = opened.board(scene)
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

    monkeypatch.setattr(clerk_module, "build_release", fail)
    statement_hash = closing.ClosingStatement.of(scene.plan.hash, (), b"a" * 32).hash
    withheld = certificate.withhold(scene.plan, statement_hash, 0, "too few").to_bytes()
    votes = [
        (index, key.sign("certificate", withheld))
        for index, key in enumerate(scene.held.signing, 1)
    ]
    acting = Acting(scene, closed)
    acting.post(votes[:3])
    for clock.now in range(NOW, NOW + 100):
        for _ in range(5):
            assert not closed.advance()

    assert [now - NOW for now in tries] == [0, 1, 3, 7, 15, 31, 63]
    assert caplog.text.count("PackingError: sums that cannot be") == 1
    # Something new in the round is a reason to try again at once.
    acting.post(votes[3:])
    closed.advance()
    assert len(tries) == 8
    monkeypatch.undo()
    clock.now += 60
    assert closed.advance()
    assert state(closed) == "pending"


def test_a_round_that_fails_in_an_unforeseen_way_does_not_stop_the_others(
    scene: Scene, board: Board, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Scene(round_id="round-2")
    board.create_round(second.record)
    second.countersign(board)
    real = Clerk._close

    def close(clerk: Clerk, desk: Desk, desks: Sequence[Desk]) -> bool:
        if desk.round_id == "round-1":
            raise ZeroDivisionError
        return real(clerk, desk, desks)

    monkeypatch.setattr(Clerk, "_close", close)
    clock.now = DEADLINE

    work(board)
    assert [row.state for row in board.rounds()] == ["closing", "closed"]


def test_the_list_of_rounds_shows_the_states(scene: Scene, board: Board, clock: Clock) -> None:
    work(board)
    assert [row.state for row in board._store.rounds()] == ["open"]
    clock.now = DEADLINE
    work(board)
    assert board._store.rounds() == board.rounds()
