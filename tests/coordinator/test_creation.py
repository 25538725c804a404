"""A round is created from parts that fit, once."""

from __future__ import annotations

import dataclasses

import pytest

from coordinator.board import Board
from coordinator.errors import StoreError
from coordinator.store import Store
from protocols import notices
from protocols.errors import (
    InvalidSignature,
    PlanError,
    PlanExpired,
)
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode
from tests.cohort import COORDINATOR, DEADLINE, NOW, Scene, member_key
from tests.coordinator.conftest import Clock, Opened


def test_creating_a_round_twice_changes_nothing(scene: Scene, board: Board) -> None:
    assert board.create_round(scene.record) == scene.round_id
    assert len(board.rounds()) == 1


def test_a_taken_name_is_refused(board: Board) -> None:
    with pytest.raises(PlanError, match="another round"):
        board.create_round(Scene(title="Another plan").record)


def test_a_round_needs_parts_that_fit(board: Board) -> None:
    record = Scene(round_id="round-2").record
    foreign = Scene(round_id="round-2", members=11).record

    with pytest.raises(PlanError, match="another roster"):
        board.create_round(dataclasses.replace(record, roster=foreign.roster))
    with pytest.raises(InvalidSignature, match="countersigned"):
        board.create_round(dataclasses.replace(record, countersignatures=()))
    plan = member_key(1).sign("plan", decode(pb.Signed, record.plan).payload)
    with pytest.raises(InvalidSignature, match="not by the coordinator"):
        board.create_round(dataclasses.replace(record, plan=plan))


def test_a_round_in_the_past_is_refused(board: Board, clock: Clock) -> None:
    clock.now = DEADLINE

    with pytest.raises(PlanExpired):
        board.create_round(Scene(round_id="round-2").record)


def test_the_rehearsal_is_logged_right_after_the_plan(board: Board, opened: Opened) -> None:
    second = Scene(round_id="round-2")
    report = notices.make_rehearsal(second.plan, b'{"bands": 3}', COORDINATOR)
    board.create_round(second.record, report)
    board.create_round(second.record)  # again, and the report stays
    second.countersign(board)
    now = notices.make_deadline(second.plan, NOW, NOW, "ended by the test", COORDINATOR)
    board.announce("round-2", now)
    while board.advance():
        pass

    entries = list(board.read("round-2", 0))
    assert [entry.kind for entry in entries][:3] == ["plan", "rehearsal", "roster"]
    assert entries[1].payload == report
    assert opened.board(second).rounds() == board.rounds()


def test_a_rehearsal_of_another_plan_is_refused(scene: Scene, board: Board) -> None:
    second = Scene(round_id="round-2")

    with pytest.raises(PlanError, match="another plan"):
        board.create_round(second.record, notices.make_rehearsal(scene.plan, b"{}", COORDINATOR))
    with pytest.raises(InvalidSignature):
        board.create_round(second.record, notices.make_rehearsal(second.plan, b"{}", member_key(1)))
    assert [row.round_id for row in board.rounds()] == ["round-1"]


def test_a_round_that_was_stored_unnoticed_is_found_again(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke after the commit: the operator is told, and tries again."""
    second = Scene(round_id="round-2")
    real = Store.create_round

    def create_round(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        raise StoreError("the connection broke")

    monkeypatch.setattr(Store, "create_round", create_round)
    with pytest.raises(StoreError):
        board.create_round(second.record)
    monkeypatch.undo()

    assert board.create_round(second.record) == "round-2"
    assert [row.entries for row in board.rounds()] == [4, 1]
