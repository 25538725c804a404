"""What the board takes, what it refuses, and that it remembers across a restart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from coordinator.board import Board
from protocols import closing, notices
from protocols.atoms import Declared
from protocols.errors import (
    ContributionRefused,
    InvalidSignature,
    MalformedMessage,
    PlanError,
    PlanExpired,
    PolicyRefusal,
)
from protocols.notices import Notices, make_cancellation, roster_vote
from protocols.signing import VerifyKey
from protocols.transcript import check_inclusion, read_receipt
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode
from tests.cohort import COORDINATOR, DEADLINE, NOW, Scene, member_key
from tests.coordinator.conftest import Clock, Opened
from tests.keys import signing_key


def contributions(board: Board) -> int:
    return board.rounds()[0].contributions


def state(board: Board) -> str:
    return board.rounds()[0].state


def end(scene: Scene, board: Board) -> None:
    """End the collection by the operator's word, and let the board do what is due."""
    now = notices.make_deadline(scene.plan, NOW, NOW, "ended by the test", COORDINATOR)
    board.announce(scene.round_id, now)
    while board.advance():
        pass


def index_of(scene: Scene, receipt: bytes, data: bytes) -> int:
    return read_receipt(receipt, COORDINATOR.public, data, round_id=scene.round_id).index


def test_a_receipt_names_a_place_in_the_log(scene: Scene, board: Board) -> None:
    data = scene.contribution(1)
    receipt = read_receipt(
        board.submit(scene.round_id, data, member_key(1).public),
        COORDINATOR.public,
        data,
        round_id=scene.round_id,
    )

    end(scene, board)
    check_inclusion(receipt, list(board.read(scene.round_id, 0)))


def test_the_same_bytes_again_get_the_same_receipt(scene: Scene, board: Board) -> None:
    data, key = scene.contribution(1), member_key(1).public

    first = board.submit(scene.round_id, data, key)
    assert board.submit(scene.round_id, data, key) == first
    assert contributions(board) == 1


def test_copies_sent_at_once_get_one_place(scene: Scene, board: Board) -> None:
    data, key = scene.contribution(1), member_key(1).public

    with ThreadPoolExecutor(8) as pool:
        receipts = set(pool.map(lambda _: board.submit(scene.round_id, data, key), range(8)))

    assert len(receipts) == contributions(board) == 1
    assert board.rounds()[0].entries == 1 + 3 + 1


def test_many_members_at_once_all_get_a_place(scene: Scene, board: Board) -> None:
    sent = {i: scene.contribution(i) for i in range(1, 13)}

    def submit(number: int) -> int:
        key = member_key(number).public
        return index_of(scene, board.submit(scene.round_id, sent[number], key), sent[number])

    with ThreadPoolExecutor(12) as pool:
        places = set(pool.map(submit, sent))

    assert places == set(range(4, 16))


def test_different_versions_of_a_member_sent_at_once_never_share_a_number(
    scene: Scene, board: Board
) -> None:
    key = member_key(1).public
    sent = [scene.contribution(1) for _ in range(6)]

    def submit(data: bytes) -> bool:
        try:
            board.submit(scene.round_id, data, key)
        except ContributionRefused:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(submit, sent)) == [False] * 5 + [True]
    assert board.rounds()[0].entries == 5


def test_nobody_speaks_for_another(scene: Scene, board: Board) -> None:
    with pytest.raises(InvalidSignature, match="speaks for another"):
        board.submit(scene.round_id, scene.contribution(1), member_key(2).public)
    vote = roster_vote(scene.plan, scene.roster, scene.held.signing[3])
    with pytest.raises(InvalidSignature, match="speaks for another"):
        board.post(scene.round_id, vote, scene.held.signing[0].public)
    assert board.rounds()[0].entries == 4


def test_a_signer_that_is_not_enrolled_is_refused(scene: Scene, board: Board) -> None:
    stranger = signing_key(99)

    with pytest.raises(InvalidSignature, match="not on the roster"):
        board.submit(scene.round_id, scene.contribution(1, stranger), stranger.public)


def test_a_revoked_member_is_refused(scene: Scene, opened: Opened) -> None:
    revoked: set[VerifyKey] = set()
    board = opened.board(scene, revoked=revoked.__contains__)
    receipt = scene.submit(board, 2)
    revoked.update({member_key(1).public, member_key(2).public})

    for number in (1, 2):
        with pytest.raises(InvalidSignature, match="revoked"):
            scene.submit(board, number, version=number)
    assert contributions(board) == 1  # what came before the revocation stays in the log
    assert receipt


def test_a_contribution_to_another_plan_is_refused(scene: Scene, board: Board) -> None:
    other = Scene(title="Another plan")

    with pytest.raises(PlanError, match="another plan"):
        board.submit(scene.round_id, other.contribution(1), member_key(1).public)


def test_a_correction_has_a_higher_version(scene: Scene, board: Board) -> None:
    first = scene.submit(board, 1)
    with pytest.raises(ContributionRefused, match="superseded"):
        scene.submit(board, 1)
    assert scene.submit(board, 1, version=3) != first
    with pytest.raises(ContributionRefused, match="superseded"):
        scene.submit(board, 1, version=2)
    assert contributions(board) == 1

    end(scene, board)
    entries = [e for e in board.read(scene.round_id, 0) if e.kind == "contribution"]
    assert len(entries) == 2


def test_a_round_that_was_cancelled_after_its_close_is_read(scene: Scene, board: Board) -> None:
    scene.submit(board, 1)
    end(scene, board)
    board.announce(scene.round_id, make_cancellation(scene.plan, NOW, "late", COORDINATOR))

    kinds = [entry.kind for entry in board.read(scene.round_id, 0)]
    assert "contribution" in kinds
    assert kinds[-2:] == ["close", "cancellation"]


def test_a_trustees_statement_is_no_larger_than_its_kind_can_be(scene: Scene, board: Board) -> None:
    end(scene, board)
    trustee = scene.held.signing[3]
    atoms = Declared((tuple(range(5000)), tuple(range(5000))))
    made_up = closing.ClosingStatement.of(scene.plan.hash, [bytes(32)], bytes(32), atoms)
    for large in (
        closing.vote(made_up, bytes(32), trustee),
        trustee.sign("certificate", bytes(MAX_SMALL)),
        trustee.sign("refusal", bytes(1 << 20)),
    ):
        with pytest.raises(MalformedMessage, match="are accepted"):
            board.post(scene.round_id, large, trustee.public)


def test_there_are_sixteen_versions_at_most(scene: Scene, board: Board) -> None:
    for version in range(1, 17):
        scene.submit(board, 1, version=version)

    with pytest.raises(MalformedMessage, match="1 to 16"):
        scene.submit(board, 1, version=17)


def test_a_round_takes_nothing_before_its_roster_is_countersigned(
    scene: Scene, opened: Opened
) -> None:
    board = opened.board(scene, opened=False)
    scene.countersign(board, 2)
    with pytest.raises(PlanExpired, match="not open yet"):
        scene.submit(board, 1)
    assert state(board) == "proposed"

    scene.countersign(board, 3)
    assert state(board) == "open"
    scene.submit(board, 1)


@pytest.mark.parametrize(
    ("now", "message"),
    [(NOW - 11, "not open yet"), (DEADLINE, "deadline"), (DEADLINE + 1, "deadline")],
)
def test_too_early_and_too_late(
    scene: Scene, board: Board, clock: Clock, now: int, message: str
) -> None:
    clock.now = now

    with pytest.raises(PlanExpired, match=message):
        scene.submit(board, 1)


def test_after_the_close_nothing_is_taken_but_receipts_are_given_again(
    scene: Scene, board: Board
) -> None:
    data, key = scene.contribution(1), member_key(1).public
    receipt = board.submit(scene.round_id, data, key)
    end(scene, board)

    with pytest.raises(PlanExpired, match="closed"):
        scene.submit(board, 2)
    with pytest.raises(ContributionRefused, match="shown by subtraction"):
        scene.submit(board, 1, version=2)
    assert board.submit(scene.round_id, data, key) == receipt


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"\x00" * 100_000])
def test_bytes_that_are_no_contribution_are_refused(
    scene: Scene, board: Board, data: bytes
) -> None:
    with pytest.raises((MalformedMessage, InvalidSignature)):
        board.submit(scene.round_id, data, member_key(1).public)


def test_a_round_that_does_not_exist(scene: Scene, board: Board) -> None:
    with pytest.raises(PlanError, match="no round"):
        board.submit("elsewhere", scene.contribution(1), member_key(1).public)


def test_contributions_are_confidential_until_the_close(scene: Scene, board: Board) -> None:
    scene.submit(board, 1)

    assert [e.kind for e in board.read(scene.round_id, 0)] == ["plan"]
    assert list(board.read(scene.round_id, 1)) == []
    end(scene, board)
    assert [e.kind for e in board.read(scene.round_id, 0)] == [
        "plan",
        "roster",
        "roster",
        "roster",
        "contribution",
        "deadline",
        "close",
    ]


def test_votes_and_notices_are_described_before_the_close(scene: Scene, board: Board) -> None:
    reminder = notices.make_reminder(scene.plan, NOW, 0, COORDINATOR)
    receipt = board.announce(scene.round_id, reminder)
    later = notices.make_deadline(scene.plan, NOW, DEADLINE + 5, "late post", COORDINATOR)
    board.announce(scene.round_id, later)

    record, where, votes, announced = board.describe(scene.round_id)
    assert (record, where, announced) == (scene.record, "open", [reminder, later])
    notices.roster_tally(votes, scene.plan, scene.held.ceremony)
    told = Notices.read(announced, scene.plan, COORDINATOR.public)
    assert told.deadline == DEADLINE + 5
    assert board.announce(scene.round_id, reminder) == receipt


def test_members_find_their_rounds(scene: Scene, board: Board) -> None:
    board.create_round(Scene(round_id="round-2", members=11).record)

    def rounds_of(key: VerifyKey) -> list[bool]:
        return [row.member for row in board.rounds(key)]

    assert rounds_of(member_key(1).public) == [True, True]
    assert rounds_of(member_key(12).public) == [True, False]
    assert rounds_of(COORDINATOR.public) == [False, False]


def test_a_restarted_board_continues(scene: Scene, board: Board, opened: Opened) -> None:
    data, key = scene.contribution(1), member_key(1).public
    receipt = board.submit(scene.round_id, data, key)
    board.announce(
        scene.round_id,
        notices.make_deadline(scene.plan, NOW, DEADLINE + 5, "late post", COORDINATOR),
    )

    again = opened.board(scene)

    assert again.describe(scene.round_id) == board.describe(scene.round_id)
    assert again.rounds() == board.rounds()
    assert again.submit(scene.round_id, data, key) == receipt
    with pytest.raises(ContributionRefused):
        scene.submit(again, 1)
    scene.submit(again, 1, version=2)
    scene.submit(again, 2)
    assert contributions(again) == 2


@pytest.mark.parametrize("kind", ["closing", "certificate", "sums", "endorsement"])
def test_trustees_post_nothing_while_the_round_is_open(
    scene: Scene, board: Board, kind: str
) -> None:
    key = scene.held.signing[0]

    with pytest.raises(PolicyRefusal, match="is open"):
        board.post(scene.round_id, key.sign(kind, b""), key.public)


@pytest.mark.parametrize(
    "kind", ["contribution", "close", "release", "plan", "receipt", "deadline", "cancellation", "x"]
)
def test_only_statements_of_trustees_are_posted(scene: Scene, board: Board, kind: str) -> None:
    with pytest.raises(PolicyRefusal, match="not posted"):
        board.post(scene.round_id, COORDINATOR.sign(kind, b""), COORDINATOR.public)


@pytest.mark.parametrize("kind", ["contribution", "close", "release", "roster", "plan", "x"])
def test_only_announcements_are_announced(scene: Scene, board: Board, kind: str) -> None:
    with pytest.raises(PolicyRefusal, match="not announced"):
        board.announce(scene.round_id, COORDINATOR.sign(kind, b""))


def test_a_trustee_that_leaves_is_named_to_the_operator(scene: Scene, board: Board) -> None:
    key = scene.held.signing[2]
    refusal = notices.make_refusal(scene.plan, "too many rounds this year", key)
    board.post(scene.round_id, refusal, key.public)

    assert board.refusals(scene.round_id) == {"trustee-3": "too many rounds this year"}
    assert state(board) == "open"


def test_a_round_cancelled_before_its_close_shows_nothing_and_takes_no_more(
    scene: Scene, board: Board
) -> None:
    scene.submit(board, 1)
    cancellation = make_cancellation(scene.plan, NOW, "wrong factors", COORDINATOR)
    board.announce(scene.round_id, cancellation)

    assert state(board) == "cancelled"
    with pytest.raises(PlanExpired, match="cancelled"):
        scene.submit(board, 2)
    assert not board.advance()
    assert [entry.kind for entry in board.read(scene.round_id, 0)] == ["plan"]
    assert board.describe(scene.round_id)[3] == [cancellation]


def test_the_close_lists_what_counts(scene: Scene, board: Board) -> None:
    for number in (3, 1, 2):
        scene.submit(board, number)
    end(scene, board)

    assert state(board) == "closed"
    entry = list(board.read(scene.round_id, 0))[-1]
    message = decode(pb.Close, decode(pb.Signed, entry.payload).payload)
    assert len(message.included) == 3
    assert list(message.included) == sorted(message.included)
