"""The trustees' relay: newest only, each in its own place, nothing for strangers."""

from __future__ import annotations

import pytest

from coordinator.board import Board
from coordinator.peers import MAX_ANSWER
from protocols.errors import InvalidSignature, MalformedMessage, PolicyRefusal
from protocols.signing import SigningKey
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.cohort import COORDINATOR, Scene, member_key
from tests.keys import signing_key

NONCE = b"n" * 32


def question(scene: Scene, nonce: bytes = NONCE, key_id: bytes | None = None) -> bytes:
    """What a trustee asks; not signed yet."""
    named = scene.held.ceremony.key_id if key_id is None else key_id
    return encode(pb.LedgerQuestion(key_id=named, nonce=nonce))


def answer(scene: Scene, subject: int, nonce: bytes = NONCE, votes: int = 0) -> bytes:
    seen = [pb.SeenVote(vote=bytes(100))]
    return encode(
        pb.LedgerAnswer(
            key_id=scene.held.ceremony.key_id, nonce=nonce, subject=subject, votes=seen * votes
        )
    )


def ask(scene: Scene, board: Board, index: int, nonce: bytes = NONCE) -> bytes:
    key = scene.held.signing[index - 1]
    data = key.sign("ledger-question", question(scene, nonce))
    board.post_peer(data, key.public)
    return data


def reply(scene: Scene, board: Board, index: int, payload: bytes) -> bytes:
    key = scene.held.signing[index - 1]
    data = key.sign("ledger-answer", payload)
    board.post_peer(data, key.public)
    return data


def relayed(scene: Scene, board: Board) -> list[bytes]:
    return board.peers(scene.held.ceremony.key_id, scene.held.signing[0].public)


def test_questions_come_before_answers(scene: Scene, board: Board) -> None:
    second = ask(scene, board, 2, b"m" * 16)
    first = ask(scene, board, 1)
    to_first = reply(scene, board, 3, answer(scene, 1, votes=2))
    to_second = reply(scene, board, 3, answer(scene, 2, b"m" * 16))

    assert relayed(scene, board) == [first, second, to_first, to_second]


def test_a_new_question_takes_the_place_of_the_old_and_of_its_answers(
    scene: Scene, board: Board
) -> None:
    ask(scene, board, 1)
    kept = ask(scene, board, 2)
    reply(scene, board, 3, answer(scene, 1))
    again = ask(scene, board, 1, b"x" * 32)

    assert relayed(scene, board) == [again, kept]
    with pytest.raises(PolicyRefusal, match="no question"):
        reply(scene, board, 3, answer(scene, 1))


def test_the_same_question_again_keeps_its_answers(scene: Scene, board: Board) -> None:
    first = ask(scene, board, 1)
    kept = reply(scene, board, 3, answer(scene, 1))
    ask(scene, board, 1)

    assert relayed(scene, board) == [first, kept]


def test_a_new_answer_takes_the_place_of_the_old(scene: Scene, board: Board) -> None:
    first = ask(scene, board, 1)
    reply(scene, board, 3, answer(scene, 1))
    newer = reply(scene, board, 3, answer(scene, 1, votes=1))

    assert relayed(scene, board) == [first, newer]


@pytest.mark.parametrize("subject", [0, 1, 3, 4, 9])
def test_answers_to_nobody_or_to_oneself_are_refused(
    scene: Scene, board: Board, subject: int
) -> None:
    ask(scene, board, 3)

    with pytest.raises(PolicyRefusal, match="no question"):
        reply(scene, board, 3, answer(scene, subject))


@pytest.mark.parametrize("stranger", [COORDINATOR, member_key(1)])
def test_strangers_have_no_part(scene: Scene, board: Board, stranger: SigningKey) -> None:
    with pytest.raises(InvalidSignature, match="not a trustee"):
        board.post_peer(stranger.sign("ledger-question", question(scene)), stranger.public)
    signed = scene.held.signing[0].sign("ledger-question", question(scene))
    with pytest.raises(InvalidSignature, match="who sends it"):
        board.post_peer(signed, stranger.public)
    assert relayed(scene, board) == []


def test_what_is_no_question_is_refused(scene: Scene, board: Board) -> None:
    key = scene.held.signing[0]

    with pytest.raises(PolicyRefusal, match="not relayed"):
        board.post_peer(key.sign("closing", b""), key.public)
    with pytest.raises(PolicyRefusal, match="no round here"):
        board.post_peer(key.sign("ledger-question", question(scene, NONCE, b"k")), key.public)
    for nonce in (b"", b"n" * 15, b"n" * 65):
        with pytest.raises(PolicyRefusal, match="nonce"):
            ask(scene, board, 1, nonce)
    with pytest.raises(MalformedMessage, match="at most"):
        board.post_peer(b"\x00" * (MAX_ANSWER + 1), key.public)
    with pytest.raises(PolicyRefusal, match="no round here"):
        board.peers(b"another", key.public)
    with pytest.raises(InvalidSignature, match="not a trustee"):
        board.peers(scene.held.ceremony.key_id, signing_key(9, "stranger").public)
    assert relayed(scene, board) == []


def test_a_new_board_starts_without(scene: Scene, board: Board) -> None:
    assert relayed(scene, board) == []
