"""Batches: stored whole, acknowledged after, and never half in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from coordinator import writer
from coordinator.board import Board
from coordinator.errors import StoreError
from coordinator.store import NewEntry, Store
from protocols import notices
from protocols.errors import ContributionRefused, ProtocolError
from protocols.notices import roster_vote
from tests.cohort import COORDINATOR, NOW, Scene, member_key
from tests.coordinator.conftest import Opened


class Gate:
    """Holds the writer up, so that what is submitted meanwhile comes into one batch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[list[str]] = []
        self.reached = threading.Event()
        self.open = threading.Event()
        self.fail: Callable[[Store, Sequence[NewEntry]], None] | None = None
        self._real = Store.append
        monkeypatch.setattr(Store, "append", lambda store, rows: self._append(store, rows))

    def _append(self, store: Store, rows: Sequence[NewEntry]) -> None:
        self.reached.set()
        assert self.open.wait(10)
        self.batches.append([new.entry.kind for new in rows])
        if self.fail is not None:
            self.fail(store, rows)
        self._real(store, rows)

    def run(
        self, board: Board, first: Callable[[], bytes], *rest: Callable[[], bytes]
    ) -> list[Future[bytes]]:
        """Start ``first``, then, while it is being written, the others one after the other."""
        with ThreadPoolExecutor(1 + len(rest)) as pool:
            done = [pool.submit(first)]
            assert self.reached.wait(10)
            for number, call in enumerate(rest, 1):
                done.append(pool.submit(call))
                while len(board._writer._queue) < number:
                    pass
            self.open.set()
        return done


def submit(scene: Scene, board: Board, number: int, version: int = 1) -> Callable[[], bytes]:
    data, key = scene.contribution(number, version=version), member_key(number).public
    return lambda: board.submit(scene.round_id, data, key)


def test_what_comes_together_is_written_together(
    scene: Scene, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    done = gate.run(board, *(submit(scene, board, i) for i in range(1, 9)))

    assert len({future.result() for future in done}) == 8
    assert gate.batches == [["contribution"], ["contribution"] * 7]


def test_a_large_batch_is_a_crowd_for_a_moment(
    scene: Scene, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "CROWD", 7)
    monkeypatch.setattr(writer, "CROWD_SECONDS", 1000.0)
    submit(scene, board, 1)()
    assert not board._writer.crowded

    gate = Gate(monkeypatch)
    gate.run(board, *(submit(scene, board, i) for i in range(2, 10)))
    assert gate.batches[-1] == ["contribution"] * 7
    assert board._writer.crowded
    monkeypatch.setattr(writer, "CROWD_SECONDS", 0.0)
    assert not board._writer.crowded


def test_a_correction_may_be_in_the_batch_of_what_it_corrects(
    scene: Scene, board: Board, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    *good, bad = gate.run(
        board,
        submit(scene, board, 1),
        submit(scene, board, 2),
        submit(scene, board, 2, version=2),
        submit(scene, board, 2, version=2),
    )

    assert all(future.result() for future in good)
    with pytest.raises(ContributionRefused, match="superseded"):
        bad.result()
    assert opened.board(scene).rounds() == board.rounds()
    assert board.rounds()[0].entries == 4 + 3


def test_a_statement_that_changes_what_is_due_ends_its_rounds_part_of_a_batch(
    scene: Scene, board: Board, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    cancel = notices.make_cancellation(scene.plan, NOW, "wrong factors", COORDINATOR)
    *good, late = gate.run(
        board,
        submit(scene, board, 1),
        submit(scene, board, 2),
        lambda: board.announce(scene.round_id, cancel),
        submit(scene, board, 3),
    )

    assert all(future.result() for future in good)
    with pytest.raises(ProtocolError, match="cancelled"):
        late.result()
    assert gate.batches == [["contribution"], ["contribution", "cancellation"]]
    assert opened.board(scene).rounds() == board.rounds()


def test_nothing_of_a_failed_batch_is_acknowledged_or_remembered(
    scene: Scene, board: Board, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Store, __: Sequence[NewEntry]) -> None:
        raise StoreError("the disk is full")

    before = board.rounds()
    gate = Gate(monkeypatch)
    gate.fail = fail
    done = gate.run(board, *(submit(scene, board, i) for i in (1, 2, 3)))

    for future in done:
        with pytest.raises(StoreError, match="disk is full"):
            future.result()
    assert board.rounds() == before == opened.board(scene).rounds()
    gate.fail = None
    for number in (1, 2, 3):
        assert scene.submit(board, number)
    assert opened.board(scene).rounds() == board.rounds()


def test_a_batch_that_was_stored_although_the_commit_failed_is_found(
    scene: Scene, board: Board, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke after the commit: nobody was acknowledged, yet the entries count."""

    def fail(store: Store, rows: Sequence[NewEntry]) -> None:
        gate._real(store, rows)
        raise StoreError("the connection broke")

    gate = Gate(monkeypatch)
    gate.fail = fail
    vote = roster_vote(scene.plan, scene.roster, scene.held.signing[3])
    again = submit(scene, board, 1)
    done = gate.run(
        board,
        again,
        submit(scene, board, 2),
        lambda: board.post(scene.round_id, vote, scene.held.signing[3].public),
    )

    for future in done:
        with pytest.raises(StoreError, match="broke"):
            future.result()
    gate.fail = None
    board.advance()
    assert board.rounds()[0].entries == 4 + 3
    assert again()  # who sends again gets the receipt for the entry that is there
    scene.submit(board, 3)
    assert opened.board(scene).describe(scene.round_id) == board.describe(scene.round_id)
    assert opened.board(scene).rounds() == board.rounds()


def test_a_board_that_is_closed_takes_nothing(scene: Scene, board: Board) -> None:
    board.close()

    with pytest.raises(StoreError, match="stopping"):
        scene.submit(board, 1)
