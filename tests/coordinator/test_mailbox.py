"""Sealed envelopes at the board: each only for the very step that its sender signed it for."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest

from coordinator.board import Board
from coordinator.operator import close_request
from protocols import closing, opening
from protocols.errors import InvalidSignature, PolicyRefusal
from protocols.layout import Layout
from protocols.plan import MAX_MEASURES, MAX_PARTICIPANTS, Measure, Plan
from protocols.plan_terms import MAX_BINS, MAX_BOUND_BITS
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.trustee.scene import COORDINATOR, Scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture
def board(scene: Scene, tmp_path: Path) -> Board:
    return scene.board(tmp_path / "board.sqlite")


@pytest.fixture
def closed(scene: Scene, board: Board) -> Board:
    """A board whose round has its closing statement."""
    board.close_round(scene.round_id, close_request(scene.plan, COORDINATOR))
    statement = closing.ClosingStatement(scene.plan.hash, (), b"a" * 32)
    for key in scene.held.signing[:3]:
        board.post(scene.round_id, closing.vote(statement, b"h" * 32, key))
    return board


def sealed(scene: Scene, phase: str, sender: int, to: int, data: bytes = b"shares") -> bytes:
    """What trustee ``sender`` seals to ``to`` in a step, and signs."""
    trustees, key = scene.held.ceremony.trustees, scene.held.signing[sender - 1]
    return opening.seal_shares(data, scene.plan, phase, trustees[sender - 1], trustees[to - 1], key)


def largest_plan(scene: Scene) -> Plan:
    """As many classes, bins and members as a plan may have."""
    bound = (1 << MAX_BOUND_BITS) - 1
    names = ["output", "emissions", *(f"guard_{i}" for i in range(MAX_MEASURES - 2))]
    return dataclasses.replace(
        scene.plan,
        participants=MAX_PARTICIPANTS,
        measures=tuple(Measure(name, "u", bound, published=i < 2) for i, name in enumerate(names)),
        indicators=(
            dataclasses.replace(
                scene.plan.indicators[0],
                edges=tuple(Fraction(2) ** i for i in range(1, MAX_BINS)),
            ),
        ),
    )


def test_a_sealed_envelope_before_the_closing_is_refused(scene: Scene, board: Board) -> None:
    envelope = sealed(scene, "counts", 1, 2)

    with pytest.raises(PolicyRefusal, match="no shares pass"):
        board.send_sealed(scene.round_id, "counts", 1, 2, envelope)
    with pytest.raises(PolicyRefusal, match="counts and classes only"):
        board.send_sealed(scene.round_id, "sums", 1, 2, envelope)
    with pytest.raises(PolicyRefusal, match="does not exist"):
        board.send_sealed(scene.round_id, "counts", 1, 9, envelope)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (("classes", 1, 2), PolicyRefusal),
        (("counts", 1, 3), PolicyRefusal),
        (("counts", 2, 1), InvalidSignature),
        (("counts", 3, 2), InvalidSignature),
    ],
)
def test_an_envelope_is_not_taken_as_that_of_another_step(
    scene: Scene, closed: Board, step: tuple[str, int, int], error: type[Exception]
) -> None:
    envelope = sealed(scene, "counts", 1, 2)

    with pytest.raises(error):
        closed.send_sealed(scene.round_id, *step, envelope)
    assert all(
        closed.sealed(scene.round_id, to, phase) == []
        for to in range(1, 5)
        for phase in ("counts", "classes")
    )
    closed.send_sealed(scene.round_id, "counts", 1, 2, envelope)
    assert closed.sealed(scene.round_id, 2, "counts") == [(1, envelope)]


def test_an_envelope_of_another_round_is_refused(scene: Scene, closed: Board) -> None:
    foreign = sealed(Scene(round_id="round-2"), "counts", 1, 2)

    with pytest.raises(PolicyRefusal, match="another step"):
        closed.send_sealed(scene.round_id, "counts", 1, 2, foreign)


def test_the_share_set_of_the_largest_plan_is_taken(scene: Scene, closed: Board) -> None:
    key_bytes = 2048 // 8
    layout = Layout(largest_plan(scene), 8 * key_bytes)
    labels = layout.cohort_class_labels()
    for first in range(layout.bins):
        labels += layout.class_labels(first, first + 1)
    share = {"challenge": bytes(32), "value": bytes(key_bytes), "response": bytes(key_bytes + 33)}
    shares = [pb.Share(label=label, **share) for label in labels]
    data = encode(pb.ShareSet(plan_hash=bytes(32), phase="classes", basis=bytes(32), shares=shares))

    assert len(data) > 1 << 22
    envelope = sealed(scene, "classes", 1, 2, data)
    closed.send_sealed(scene.round_id, "classes", 1, 2, envelope)
    assert closed.sealed(scene.round_id, 2, "classes") == [(1, envelope)]
