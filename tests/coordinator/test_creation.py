"""A round is created from parts that fit, once."""

from __future__ import annotations

import dataclasses

import pytest

from coordinator.board import Board
from protocols.errors import (
    InvalidSignature,
    PlanError,
    PlanExpired,
)
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode
from tests.coordinator.conftest import Clock
from tests.trustee.scene import DEADLINE, Scene, member_key


def test_creating_a_round_twice_changes_nothing(scene: Scene, board: Board) -> None:
    assert board.create_round(scene.record) == scene.round_id
    assert len(board.rounds()) == 1


def test_a_taken_name_is_refused(scene: Scene, board: Board) -> None:
    with pytest.raises(PlanError, match="another round"):
        board.create_round(Scene(title="Another plan").record)


def test_a_round_needs_parts_that_fit(scene: Scene, board: Board) -> None:
    record = Scene(round_id="round-2").record
    foreign = Scene(round_id="round-2", members=11).record

    with pytest.raises(PlanError, match="another roster"):
        board.create_round(dataclasses.replace(record, roster=foreign.roster))
    with pytest.raises(InvalidSignature, match="countersigned"):
        board.create_round(dataclasses.replace(record, countersignatures=()))
    plan = member_key(1).sign("plan", decode(pb.Signed, record.plan).payload)
    with pytest.raises(InvalidSignature, match="not by the coordinator"):
        board.create_round(dataclasses.replace(record, plan=plan))


def test_a_round_in_the_past_is_refused(scene: Scene, board: Board, clock: Clock) -> None:
    clock.now = DEADLINE

    with pytest.raises(PlanExpired):
        board.create_round(Scene(round_id="round-2").record)
