"""Sealed envelopes at the board: each only for the very step that its sender signed it for."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest

from coordinator.board import Board
from protocols import closing, opening
from protocols.errors import InvalidSignature, MalformedMessage, PolicyRefusal
from protocols.layout import Layout
from protocols.plan import MAX_MEASURES, MAX_PARTICIPANTS, Measure, Plan
from protocols.plan_terms import MAX_BINS, MAX_BOUND_BITS
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.cohort import DEADLINE, Scene, member_key
from tests.coordinator.conftest import Clock
from tests.keys import trustees


@pytest.fixture
def closed(scene: Scene, board: Board, clock: Clock) -> Board:
    """A board whose round has its closing statement."""
    clock.now = DEADLINE
    while board.advance():
        pass
    statement = closing.ClosingStatement.of(scene.plan.hash, (), b"a" * 32)
    for key in scene.held.signing[:3]:
        board.post(scene.round_id, closing.vote(statement, b"h" * 32, key), key.public)
    return board


def sealed(scene: Scene, phase: str, sender: int, to: int, data: bytes = b"shares") -> bytes:
    """What trustee ``sender`` seals to ``to`` in a step, and signs."""
    trustees, key = scene.held.ceremony.trustees, scene.held.signing[sender - 1]
    return opening.seal_shares(data, scene.plan, phase, trustees[sender - 1], trustees[to - 1], key)


def waiting(scene: Scene, board: Board, index: int, phase: str) -> list[tuple[int, bytes]]:
    """What trustee ``index`` fetches."""
    return board.sealed(scene.round_id, index, phase, scene.held.signing[index - 1].public)


def largest_plan(scene: Scene) -> Plan:
    """As many classes, bins and members as a plan may have."""
    bound = (1 << MAX_BOUND_BITS) - 1
    names = ["output", "emissions", *(f"guard_{i}" for i in range(MAX_MEASURES - 2))]
    return dataclasses.replace(
        scene.plan,
        participants=MAX_PARTICIPANTS,
        measures=tuple(
            Measure(name, ("yuan", "kgCO2")[i % 2], bound, published=i < 2)
            for i, name in enumerate(names)
        ),
        unrelated=(),
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
        waiting(scene, closed, to, phase) == []
        for to in range(1, 5)
        for phase in ("counts", "classes")
    )
    closed.send_sealed(scene.round_id, "counts", 1, 2, envelope)
    assert waiting(scene, closed, 2, "counts") == [(1, envelope)]


def test_an_envelope_of_another_round_is_refused(scene: Scene, closed: Board) -> None:
    foreign = sealed(Scene(round_id="round-2"), "counts", 1, 2)

    with pytest.raises(PolicyRefusal, match="another step"):
        closed.send_sealed(scene.round_id, "counts", 1, 2, foreign)


def test_the_share_set_of_the_largest_plan_is_within_its_limit(scene: Scene, closed: Board) -> None:
    key = trustees(small=False).ceremony.key.public
    key_bytes = key.modulus_bytes
    layout = Layout(largest_plan(scene), key.bits)
    labels = layout.cohort_class_labels()
    for first in range(layout.bins):
        labels += layout.class_labels(first, first + 1)
    share = {"challenge": bytes(32), "value": bytes(key_bytes), "response": bytes(key_bytes + 33)}
    shares = [pb.Share(label=label, **share) for label in labels]
    data = encode(pb.ShareSet(plan_hash=bytes(32), phase="classes", basis=bytes(32), shares=shares))

    assert len(data) > 1 << 22
    envelope = sealed(scene, "classes", 1, 2, data)
    assert len(envelope) <= opening.max_bytes(layout, key)
    with pytest.raises(MalformedMessage, match="are accepted"):  # this round's plan is small
        closed.send_sealed(scene.round_id, "classes", 1, 2, envelope)
    assert waiting(scene, closed, 2, "classes") == []


def test_a_trustee_fetches_its_own_envelopes_only(scene: Scene, closed: Board) -> None:
    envelope = sealed(scene, "counts", 1, 2)
    closed.send_sealed(scene.round_id, "counts", 1, 2, envelope)

    for other in (scene.held.signing[0], scene.held.signing[2], member_key(1)):
        with pytest.raises(InvalidSignature):
            closed.sealed(scene.round_id, 2, "counts", other.public)
    assert waiting(scene, closed, 2, "counts") == [(1, envelope)]


def test_the_first_envelope_of_a_step_stands(scene: Scene, closed: Board) -> None:
    first, second = (sealed(scene, "counts", 1, 2, data) for data in (b"one", b"two"))
    closed.send_sealed(scene.round_id, "counts", 1, 2, first)
    closed.send_sealed(scene.round_id, "counts", 1, 2, second)

    assert waiting(scene, closed, 2, "counts") == [(1, first)]
