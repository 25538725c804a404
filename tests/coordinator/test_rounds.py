"""The state table, and what each state lets in."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.board import Board
from coordinator.rounds import ACCEPTS, FINAL, TRANSITIONS, Duty, Round, State
from protocols import closing, release
from protocols.errors import InvalidShare, InvalidSignature, PolicyRefusal
from protocols.signing import open_signed, statement_hash
from protocols.terms import read_terms
from protocols.transcript import KINDS
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode
from tests.keys import signing_key
from tests.trustee.scene import COORDINATOR, DEADLINE, NOW, Scene, new_duties
from trustee.duties import Duties, Post


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture
def round_(scene: Scene) -> Round:
    return Round(read_terms(scene.record, COORDINATOR.public, read_ceremony=scene.read_ceremony))


def apply(round_: Round, data: bytes, kind: str) -> None:
    statement = open_signed(data, kind)
    round_.admit(statement)
    round_.apply(kind, statement.signer, data, statement.payload)


def close(round_: Round) -> None:
    apply(round_, closing.propose(round_.terms.plan, [b"c" * 32], bytes(32), COORDINATOR), "close")


def vote(scene: Scene, index: int, aggregates: bytes = b"a" * 32) -> bytes:
    statement = closing.ClosingStatement(scene.plan.hash, (b"c" * 32,), aggregates)
    return closing.vote(statement, b"h" * 32, scene.held.signing[index - 1])


def test_no_state_goes_back_and_every_one_is_reached() -> None:
    order = list(State)
    for state, followers in TRANSITIONS.items():
        assert all(order.index(follower) > order.index(state) for follower in followers)
    assert {state for followers in TRANSITIONS.values() for state in followers} == set(order[1:])
    assert {state for state in State if not TRANSITIONS[state]} == FINAL


def test_every_kind_has_its_states() -> None:
    assert set(ACCEPTS) == set(State)
    assert frozenset().union(*ACCEPTS.values()) == KINDS - {"plan"}
    assert [s for s in State if "contribution" in ACCEPTS[s]] == [State.OPEN]


def test_duties_of_an_open_round(scene: Scene, round_: Round) -> None:
    assert round_.duty(NOW) is None
    assert round_.duty(DEADLINE) is Duty.CLOSE
    for number, member in enumerate(scene.roster.members):
        round_.apply_contribution(member.key.raw, bytes([number]) * 32)
    assert round_.duty(NOW) is Duty.CLOSE


def test_q_equal_closing_votes_make_the_statement(scene: Scene, round_: Round) -> None:
    close(round_)
    apply(round_, vote(scene, 1), "closing")
    apply(round_, vote(scene, 2), "closing")
    assert round_.closing is None
    apply(round_, vote(scene, 4), "closing")
    assert round_.closing is not None
    assert round_.closing.included == (b"c" * 32,)


def test_two_different_closings_of_one_trustee(scene: Scene, round_: Round) -> None:
    close(round_)
    apply(round_, vote(scene, 1), "closing")

    with pytest.raises(PolicyRefusal, match="the first stands"):
        apply(round_, vote(scene, 1, b"b" * 32), "closing")
    apply(round_, vote(scene, 2), "closing")
    apply(round_, vote(scene, 3), "closing")
    assert round_.closing is not None


def test_closings_that_differ_do_not_add_up(scene: Scene, round_: Round) -> None:
    close(round_)
    for index in (1, 2):
        apply(round_, vote(scene, index), "closing")
    for index in (3, 4):
        apply(round_, vote(scene, index, b"b" * 32), "closing")
    assert round_.closing is None


def test_a_stranger_has_no_vote(scene: Scene, round_: Round) -> None:
    close(round_)
    statement = closing.ClosingStatement(scene.plan.hash, (b"c" * 32,), b"a" * 32)

    with pytest.raises(InvalidSignature, match="not a trustee"):
        apply(round_, closing.vote(statement, b"h" * 32, signing_key(9, "stranger")), "closing")
    other = scene.held.signing[0].sign("release", b"")
    round_.state = State.CERTIFIED
    with pytest.raises(InvalidSignature, match="the coordinator's to sign"):
        apply(round_, other, "release")


def run_until(board: Board, duties: list[Duties], scene: Scene, kind: str) -> list[Post]:
    """Let everybody work until each has a post of ``kind`` ready, which is not posted."""
    for _ in range(12):
        board.advance()
        waiting = []
        for index, duty in enumerate(duties, start=1):
            for entry in board.read(scene.round_id, duty.next_index):
                duty.read(entry)
            for phase in duty.wants:
                duty.receive(phase, dict(board.sealed(scene.round_id, index, phase)))
            for action in duty.step():
                if isinstance(action, Post):
                    if action.kind == kind:
                        waiting.append(action)
                        continue
                    board.post(scene.round_id, action.statement)
                else:
                    board.send_sealed(
                        scene.round_id, action.phase, index, action.recipient, action.envelope
                    )
                duty.done(action)
        if len(waiting) == len(duties):
            return waiting
    raise AssertionError(f"no {kind} from everybody")


@pytest.fixture
def board(scene: Scene, tmp_path: Path) -> Board:
    board = scene.board(tmp_path / "board.sqlite")
    for number in range(1, scene.members + 1):
        board.submit(scene.round_id, scene.contribution(number))
    return board


def test_wrong_shares_for_sums_are_refused_at_the_door(
    scene: Scene, board: Board, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    duties = [new_duties(scene, i, tmp_path, lying=i == 1) for i in range(1, 5)]
    lie, *honest = run_until(board, duties, scene, "sums")

    with pytest.raises(InvalidShare, match="trustee 1"):
        board.post(scene.round_id, lie.statement)
    assert "trustee trustee-1 lies" in caplog.text
    board.advance()
    assert board.rounds()[0].state == "certified"
    for post in honest[:2]:
        board.post(scene.round_id, post.statement)
    board.advance()
    assert board.rounds()[0].state == "pending"
    with pytest.raises(PolicyRefusal, match="no sums is due"):
        board.post(scene.round_id, honest[2].statement)


def test_an_endorsement_of_another_release_is_refused(
    scene: Scene, board: Board, tmp_path: Path
) -> None:
    duties = [new_duties(scene, i, tmp_path) for i in range(1, 5)]
    posts = run_until(board, duties, scene, "endorsement")

    key = scene.held.signing[0]
    with pytest.raises(PolicyRefusal, match="another release"):
        board.post(
            scene.round_id, key.sign("endorsement", release.endorse_payload(statement_hash(b"x")))
        )
    for post in posts[:2]:
        board.post(scene.round_id, post.statement)
    assert board.rounds()[0].state == "pending"
    board.post(scene.round_id, posts[2].statement)
    assert board.rounds()[0].state == "released"
    board.advance()
    assert board.sealed(scene.round_id, 1, "counts") == []
    board.post(scene.round_id, posts[3].statement)
    assert decode(pb.Signed, posts[3].statement).kind == "endorsement"


def test_a_board_restarted_at_every_state_is_where_it_was(
    scene: Scene, board: Board, tmp_path: Path
) -> None:
    seen = []
    duties = [new_duties(scene, i, tmp_path) for i in range(1, 5)]
    for kind in ("closing", "certificate", "sums", "endorsement"):
        posts = run_until(board, duties, scene, kind)
        again = scene.board(tmp_path / "board.sqlite")
        assert again.rounds() == board.rounds()
        seen.append(again.rounds()[0].state)
        board = again
        for duty, post in zip(duties, posts, strict=True):
            if kind != "sums" or board.rounds()[0].state == "certified":
                board.post(scene.round_id, post.statement)
            duty.done(post)
    assert seen == ["closed", "closed", "certified", "pending"]
    assert scene.board(tmp_path / "board.sqlite").rounds()[0].state == "released"
