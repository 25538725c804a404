"""A certified round at the board: from the certificate over every vector to the release."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordinator.answers import ThreadAnswer
from coordinator.board import Board
from coordinator.status import round_status
from coordinator.store import Store
from coordinator.writer import Draft, Wish
from protocols import notices, release
from protocols.certificate import BandCertificate
from protocols.errors import (
    MalformedMessage,
    PlanExpired,
    PolicyRefusal,
    ProtocolError,
    TranscriptBroken,
)
from protocols.signing import open_signed
from protocols.verification import Outcome, verify_round
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests.cohort import (
    COORDINATOR,
    DEADLINE,
    MASKING_SECONDS,
    NOW,
    Scene,
    member_key,
    values,
)
from tests.coordinator.acting import Acting
from tests.coordinator.conftest import Clock, Opened


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(certified=True)


def work(board: Board) -> None:
    while board.advance():
        pass


def state(board: Board) -> str:
    return board.rounds()[0].state


@pytest.fixture
def masking(scene: Scene, board: Board) -> Board:
    """A board whose round has its certificate."""
    for number in range(1, scene.members + 1):
        scene.submit(board, number)
    work(board)
    acting = Acting(scene, board)
    acting.post(acting.closings()[:3])
    acting.post(acting.certificates()[:3])
    work(board)
    return board


def test_a_whole_round_is_exact_and_verifies(scene: Scene, masking: Board) -> None:
    assert state(masking) == "masking"
    everybody = range(1, scene.members + 1)
    for number in everybody:
        key = member_key(number).public
        assert masking.masks_due(scene.round_id, key)
        data = scene.masked(masking, number)
        receipt = masking.submit_masked(scene.round_id, data)
        assert masking.submit_masked(scene.round_id, data) == receipt
        assert not masking.masks_due(scene.round_id, key)
        work(masking)
    assert state(masking) == "pending"
    acting = Acting(scene, masking)
    acting.post(acting.endorsements()[:3])
    work(masking)
    assert state(masking) == "released"

    entries = [(entry.kind, entry.payload) for entry in masking.read(scene.round_id, 0)]
    published = next(data for kind, data in entries if kind == "release")
    size = scene.held.ceremony.key.public.modulus_bytes
    document = release.Release.from_bytes(open_signed(published, "release").payload, size).document
    for measure in ("output", "emissions", "electricity"):
        expected = sum(values(number)[measure] for number in everybody)
        assert document["measures"][measure]["value"] == str(expected)
    report = verify_round(
        scene.round_id,
        scene.held.ceremony.received,
        scene.held.countersignatures,
        scene.roster.to_bytes(),
        entries,
        unsafe_small_modulus=True,
    )
    assert {c.name for c in report.conditions if c.outcome is not Outcome.HOLDS} == set()


def test_a_deadline_moved_beyond_the_masking_is_refused(scene: Scene, board: Board) -> None:
    """The counts would be opened, and the round given up before anybody could mask."""
    until = DEADLINE + MASKING_SECONDS
    moved = notices.make_deadline(scene.plan, NOW, until, "more time", COORDINATOR)
    with pytest.raises(MalformedMessage, match="given up at once"):
        board.announce(scene.round_id, moved)
    board.announce(
        scene.round_id,
        notices.make_deadline(scene.plan, NOW, until - 1, "more time", COORDINATOR),
    )


def test_a_member_who_never_masks_ends_the_round(
    scene: Scene, masking: Board, clock: Clock
) -> None:
    for number in range(2, scene.members + 1):
        masking.submit_masked(scene.round_id, scene.masked(masking, number))
    clock.now = DEADLINE + MASKING_SECONDS - 1
    work(masking)
    assert state(masking) == "masking"
    late = scene.masked(masking, 1)

    clock.now += 1
    with pytest.raises(PlanExpired, match="the time for masking has passed"):
        masking.submit_masked(scene.round_id, late)
    work(masking)
    assert state(masking) == "cancelled"
    *_, told = masking.describe(scene.round_id)
    assert b"1 of 12 counted members sent no masked vector in time" in told[-1]
    assert not masking.masks_due(scene.round_id, member_key(1).public)
    with pytest.raises(PolicyRefusal, match="is cancelled"):
        masking.submit_masked(scene.round_id, late)


def test_a_restarted_board_goes_on_masking(scene: Scene, masking: Board, opened: Opened) -> None:
    first = scene.masked(masking, 1)
    receipt = masking.submit_masked(scene.round_id, first)

    again = opened.board(scene)
    assert state(again) == "masking"
    assert again.submit_masked(scene.round_id, first) == receipt
    for number in range(2, scene.members + 1):
        again.submit_masked(scene.round_id, scene.masked(again, number))
    work(again)
    assert state(again) == "pending"


def test_only_counted_members_are_waited_for(scene: Scene, opened: Opened, clock: Clock) -> None:
    board = opened.board(scene, clock)
    for number in range(1, 12):
        scene.submit(board, number)
    clock.now = DEADLINE
    work(board)
    acting = Acting(scene, board)
    acting.post(acting.closings()[:3])
    assert not board.masks_due(scene.round_id, member_key(1).public)
    with pytest.raises(PolicyRefusal, match="is closed: nobody masks"):
        board.masking(scene.round_id, member_key(1).public)
    acting.post(acting.certificates()[:3])

    absent = member_key(12).public
    assert not board.masks_due(scene.round_id, absent)
    with pytest.raises(PolicyRefusal, match="does not count"):
        board.masking(scene.round_id, absent)
    others = scene.masked(board, 1)
    payload = open_signed(others, "masked").payload
    with pytest.raises(PolicyRefusal, match="does not count"):
        board.submit_masked(scene.round_id, member_key(12).sign("masked", payload))
    for number in range(1, 12):
        board.submit_masked(scene.round_id, scene.masked(board, number))
    work(board)
    assert state(board) == "pending"


def test_a_members_first_vector_stands(scene: Scene, masking: Board) -> None:
    first = scene.masked(masking, 1)
    message = decode(pb.Masked, open_signed(first, "masked").payload)
    message.words = bytes(len(message.words))
    second = member_key(1).sign("masked", encode(message))
    masking.submit_masked(scene.round_id, first)
    with pytest.raises(PolicyRefusal, match="the first stands"):
        masking.submit_masked(scene.round_id, second)


def test_two_vectors_of_a_member_in_one_batch(scene: Scene, masking: Board) -> None:
    """The writer decides against what is stored, and against what it is about to store."""
    desk = masking._desk(scene.round_id)
    first = open_signed(scene.masked(masking, 1), "masked")
    message = decode(pb.Masked, first.payload)
    message.words = bytes(len(message.words))
    second = open_signed(member_key(1).sign("masked", encode(message)), "masked")
    other = open_signed(scene.masked(masking, 2), "masked")
    draft = Draft(desk)
    draft.add(Wish(desk, first.received, first, ThreadAnswer()))
    with pytest.raises(PolicyRefusal, match="two masked statements at once"):
        draft.add(Wish(desk, second.received, second, ThreadAnswer()))
    draft.add(Wish(desk, other.received, other, ThreadAnswer()))
    assert len(draft.rows) == 2
    assert not draft.sealed


def test_vectors_of_another_form_are_refused(scene: Scene, masking: Board) -> None:
    message = decode(pb.Masked, open_signed(scene.masked(masking, 1), "masked").payload)
    for field, value, words in (
        ("plan_hash", bytes(32), "another plan"),
        ("basis", bytes(32), "another band certificate"),
        ("words", b"12345678", "a masked vector of 8 bytes"),
    ):
        wrong = pb.Masked()
        wrong.CopyFrom(message)
        setattr(wrong, field, value)
        with pytest.raises(ProtocolError, match=words):
            masking.submit_masked(scene.round_id, member_key(1).sign("masked", encode(wrong)))
    with pytest.raises(MalformedMessage, match="at most"):
        masking.submit_masked(scene.round_id, bytes(1 << 16))
    assert masking.masks_due(scene.round_id, member_key(1).public)


def test_a_correction_is_masked_with_its_own_key(scene: Scene, board: Board) -> None:
    for number in range(1, scene.members):
        scene.submit(board, number)
    scene.submit(board, 1, version=2)
    scene.submit(board, scene.members)
    work(board)
    acting = Acting(scene, board)
    acting.post(acting.closings()[:3])
    acting.post(acting.certificates()[:3])
    with pytest.raises(MalformedMessage, match="another round key of this member"):
        scene.masked(board, 1)
    board.submit_masked(scene.round_id, scene.masked(board, 1, version=2))
    for number in range(2, scene.members + 1):
        board.submit_masked(scene.round_id, scene.masked(board, number))
    work(board)
    assert state(board) == "pending"


def test_the_operator_may_end_a_masking_round(scene: Scene, masking: Board) -> None:
    reason = "a member is gone"
    notice = notices.make_cancellation(scene.plan, NOW, reason, COORDINATOR)
    masking.announce(scene.round_id, notice)
    assert state(masking) == "cancelled"
    with pytest.raises(PolicyRefusal, match="nobody masks"):
        masking.masking(scene.round_id, member_key(1).public)


def test_wrongly_certified_round_keys_are_noticed(scene: Scene, board: Board) -> None:
    for number in range(1, scene.members + 1):
        scene.submit(board, number)
    work(board)
    acting = Acting(scene, board)
    acting.post(acting.closings()[:3])
    (_, honest), *_ = acting.certificates()
    payload = open_signed(honest, "certificate").payload
    other = replace(BandCertificate.from_bytes(payload), masks_root=bytes(32)).to_bytes()
    keys = enumerate(scene.held.signing[:3], 1)
    acting.post([(index, key.sign("certificate", other)) for index, key in keys])
    assert state(board) == "masking"
    with pytest.raises(TranscriptBroken, match="certified other round keys"):
        board.masking(scene.round_id, member_key(1).public)


def test_paillier_rounds_take_no_vectors(opened: Opened, clock: Clock) -> None:
    plain = Scene()
    board = opened.board(plain, clock)
    with pytest.raises(PolicyRefusal, match="no masked is due"):
        board.submit_masked(plain.round_id, member_key(1).sign("masked", b""))
    assert not board.masks_due(plain.round_id, member_key(1).public)


def test_the_operator_sees_how_many_are_missing(scene: Scene, masking: Board, store: Store) -> None:
    masking.submit_masked(scene.round_id, scene.masked(masking, 1))
    read = scene.read_ceremony
    status = round_status(store, scene.round_id, COORDINATOR.public, read_ceremony=read)
    assert status.facts["backend"] == "certified"
    assert status.facts["masked"] == 1
    assert status.facts["until"] == DEADLINE + MASKING_SECONDS
    assert status.facts["waits_for"] == "the masked vectors of 11 more counted members"
    assert any("masked vectors: 1, waited for until" in line for line in status.lines())
