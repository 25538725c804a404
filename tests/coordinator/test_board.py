"""What the board takes, what it refuses, and that it remembers across a restart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from coordinator import board as board_module
from coordinator.board import Board
from coordinator.operator import close_request
from protocols.errors import (
    ContributionRefused,
    InvalidCiphertext,
    InvalidProof,
    InvalidSignature,
    MalformedMessage,
    PlanError,
    PlanExpired,
    PolicyRefusal,
)
from protocols.transcript import check_inclusion, read_receipt
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests.coordinator.conftest import Clock
from tests.keys import signing_key
from tests.trustee.scene import COORDINATOR, DEADLINE, NOW, Scene, member_key


def contributions(board: Board) -> int:
    return board.rounds()[0].contributions


def state(board: Board) -> str:
    return board.rounds()[0].state


def test_a_receipt_names_a_place_in_the_log(scene: Scene, board: Board) -> None:
    data = scene.contribution(1)

    receipt = read_receipt(
        board.submit(scene.round_id, data), COORDINATOR.public, data, round_id=scene.round_id
    )

    board.close_round(scene.round_id, close_request(scene.plan, COORDINATOR))
    check_inclusion(receipt, list(board.read(scene.round_id, 0)))


def test_the_same_bytes_again_get_the_same_receipt(scene: Scene, board: Board) -> None:
    data = scene.contribution(1)

    assert board.submit(scene.round_id, data) == board.submit(scene.round_id, data)
    assert contributions(board) == 1


def test_copies_sent_at_once_are_verified_once(
    scene: Scene, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    real = board_module.verify_proof
    monkeypatch.setattr(
        board_module, "verify_proof", lambda c, e: (verified.append(c.hash), real(c, e))
    )
    data = scene.contribution(1)

    with ThreadPoolExecutor(8) as pool:
        receipts = set(pool.map(lambda _: board.submit(scene.round_id, data), range(8)))

    assert len(receipts) == len(verified) == contributions(board) == 1


def test_many_members_at_once_all_get_a_place(scene: Scene, board: Board) -> None:
    sent = [scene.contribution(i) for i in range(1, 9)]

    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda data: board.submit(scene.round_id, data), sent))

    places = {
        read_receipt(r, COORDINATOR.public, d, round_id=scene.round_id).index
        for r, d in zip(receipts, sent, strict=True)
    }
    assert places == set(range(1, 9))


def test_a_signer_that_is_not_enrolled_is_refused(scene: Scene, board: Board) -> None:
    with pytest.raises(InvalidSignature, match="not on the roster"):
        board.submit(scene.round_id, scene.contribution(1, signing_key(99)))


def test_a_contribution_to_another_plan_is_refused(scene: Scene, board: Board) -> None:
    other = Scene(title="Another plan")

    with pytest.raises(PlanError, match="another plan"):
        board.submit(scene.round_id, other.contribution(1))


def test_a_second_contribution_of_a_member_is_refused(scene: Scene, board: Board) -> None:
    board.submit(scene.round_id, scene.contribution(1))

    with pytest.raises(ContributionRefused, match="already contributed"):
        board.submit(scene.round_id, scene.contribution(1))
    assert contributions(board) == 1


def test_a_copied_contribution_under_another_signature_is_refused(
    scene: Scene, board: Board
) -> None:
    original = scene.contribution(1)
    copied = member_key(2).sign("contribution", decode(pb.Signed, original).payload)

    with pytest.raises(InvalidProof):
        board.submit(scene.round_id, copied)
    board.submit(scene.round_id, original)
    with pytest.raises(InvalidCiphertext, match="repeats"):
        board.submit(scene.round_id, copied)
    assert contributions(board) == 1


@pytest.mark.parametrize(
    ("now", "message"),
    [(NOW - 11, "not open yet"), (DEADLINE, "deadline"), (DEADLINE + 1, "deadline")],
)
def test_too_early_and_too_late(
    scene: Scene, board: Board, clock: Clock, now: int, message: str
) -> None:
    clock.now = now

    with pytest.raises(PlanExpired, match=message):
        board.submit(scene.round_id, scene.contribution(1))


def test_after_the_close_nothing_is_taken_but_receipts_are_given_again(
    scene: Scene, board: Board
) -> None:
    data = scene.contribution(1)
    receipt = board.submit(scene.round_id, data)
    board.close_round(scene.round_id, close_request(scene.plan, COORDINATOR))

    with pytest.raises(PlanExpired, match="closed"):
        board.submit(scene.round_id, scene.contribution(2))
    assert board.submit(scene.round_id, data) == receipt


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\x00" * 100_000])
def test_bytes_that_are_no_contribution_are_refused(
    scene: Scene, board: Board, data: bytes
) -> None:
    with pytest.raises((MalformedMessage, InvalidSignature)):
        board.submit(scene.round_id, data)


def test_a_round_that_does_not_exist(scene: Scene, board: Board) -> None:
    with pytest.raises(PlanError, match="no round"):
        board.submit("elsewhere", scene.contribution(1))


def test_contributions_are_confidential_until_the_close(scene: Scene, board: Board) -> None:
    board.submit(scene.round_id, scene.contribution(1))

    assert [e.kind for e in board.read(scene.round_id, 0)] == ["plan"]
    assert list(board.read(scene.round_id, 1)) == []
    board.close_round(scene.round_id, close_request(scene.plan, COORDINATOR))
    assert [e.kind for e in board.read(scene.round_id, 0)] == ["plan", "contribution", "close"]


def test_it_closes_when_everybody_has_contributed(scene: Scene, board: Board) -> None:
    for number in range(1, 12):
        board.submit(scene.round_id, scene.contribution(number))
    assert not board.advance()
    board.submit(scene.round_id, scene.contribution(12))

    assert board.advance()
    assert state(board) == "closed"


def test_it_closes_at_the_deadline(scene: Scene, board: Board, clock: Clock) -> None:
    board.submit(scene.round_id, scene.contribution(1))
    clock.now = DEADLINE - 1
    assert not board.advance()

    clock.now = DEADLINE
    assert board.advance()
    assert state(board) == "closed"


def test_only_the_operator_closes_early(scene: Scene, board: Board) -> None:
    with pytest.raises(InvalidSignature):
        board.close_round(scene.round_id, close_request(scene.plan, member_key(1)))
    other = close_request(Scene(title="Another plan").plan, COORDINATOR)
    with pytest.raises(PlanError):
        board.close_round(scene.round_id, other)
    assert state(board) == "open"


def test_a_restarted_board_continues(scene: Scene, board: Board, tmp_path: Path) -> None:
    data = scene.contribution(1)
    receipt = board.submit(scene.round_id, data)

    again = scene.board(tmp_path / "board.sqlite")

    assert again.submit(scene.round_id, data) == receipt
    with pytest.raises(ContributionRefused):
        again.submit(scene.round_id, scene.contribution(1))
    copied = member_key(2).sign("contribution", decode(pb.Signed, data).payload)
    with pytest.raises(InvalidCiphertext, match="repeats"):
        again.submit(scene.round_id, copied)
    again.submit(scene.round_id, scene.contribution(2))
    assert contributions(again) == 2


@pytest.mark.parametrize("kind", ["closing", "certificate", "sums", "endorsement"])
def test_trustees_post_nothing_while_the_round_is_open(
    scene: Scene, board: Board, kind: str
) -> None:
    with pytest.raises(PolicyRefusal, match="is open"):
        board.post(scene.round_id, scene.held.signing[0].sign(kind, b""))


@pytest.mark.parametrize("kind", ["contribution", "close", "release", "plan", "receipt", "x"])
def test_only_statements_of_trustees_are_posted(scene: Scene, board: Board, kind: str) -> None:
    with pytest.raises(PolicyRefusal, match="not posted"):
        board.post(scene.round_id, COORDINATOR.sign(kind, b""))


def test_the_close_lists_what_was_acknowledged(scene: Scene, board: Board) -> None:
    for number in (3, 1, 2):
        board.submit(scene.round_id, scene.contribution(number))
    board.close_round(scene.round_id, close_request(scene.plan, COORDINATOR))

    close = list(board.read(scene.round_id, 0))[-1]
    message = decode(pb.Close, decode(pb.Signed, close.payload).payload)
    assert len(message.included) == 3
    assert list(message.included) == sorted(message.included)
    assert encode(message)
