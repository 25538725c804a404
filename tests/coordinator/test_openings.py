"""From the close to the release: what the board takes from trustees, and in which state it is."""

from __future__ import annotations

import pytest

from coordinator.board import Board
from protocols import release
from protocols.errors import InvalidShare, PolicyRefusal
from protocols.signing import open_signed, statement_hash
from protocols.verification import Outcome, verify_round
from tests.cohort import Scene, values
from tests.coordinator.acting import Acting
from tests.coordinator.conftest import Clock, Opened


def work(board: Board) -> None:
    """Everything that is due."""
    while board.advance():
        pass


def state(board: Board) -> str:
    return board.rounds()[0].state


@pytest.fixture
def full(scene: Scene, board: Board) -> Board:
    """A board whose round has everybody's contribution and is closed."""
    for number in range(1, scene.members + 1):
        scene.submit(board, number)
    work(board)
    return board


@pytest.fixture
def acting(scene: Scene, full: Board) -> Acting:
    return Acting(scene, full)


def test_a_whole_round_is_exact_and_verifies(scene: Scene, full: Board, acting: Acting) -> None:
    for posts in (acting.closings, acting.certificates, acting.sums, acting.endorsements):
        acting.post(posts()[:3] if posts != acting.sums else posts()[:2])
        work(full)

    assert state(full) == "released"
    entries = [(entry.kind, entry.payload) for entry in full.read(scene.round_id, 0)]
    published = next(data for kind, data in entries if kind == "release")
    size = scene.held.ceremony.key.public.modulus_bytes
    payload = open_signed(published, "release").payload
    document = release.Release.from_bytes(payload, size).document
    everybody = range(1, scene.members + 1)
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


def test_wrong_shares_for_sums_are_refused_at_the_door(
    scene: Scene, full: Board, acting: Acting, caplog: pytest.LogCaptureFixture
) -> None:
    acting.post(acting.closings())
    acting.post(acting.certificates())
    lie, *honest = acting.sums(liar=1)

    with pytest.raises(InvalidShare, match="trustee 1"):
        acting.post([lie])
    assert "trustee trustee-1 lies" in caplog.text
    work(full)
    assert state(full) == "certified"
    acting.post(honest[:2])
    work(full)
    assert state(full) == "pending"
    with pytest.raises(PolicyRefusal, match="no sums is due"):
        acting.post(honest[2:])


def test_an_endorsement_of_another_release_is_refused(
    scene: Scene, full: Board, acting: Acting
) -> None:
    acting.post(acting.closings())
    acting.post(acting.certificates())
    acting.post(acting.sums()[:2])
    work(full)

    other = release.endorse_payload(statement_hash(b"x"))
    with pytest.raises(PolicyRefusal, match="another release"):
        acting.post([(1, scene.held.signing[0].sign("endorsement", other))])
    posts = acting.endorsements()
    acting.post(posts[:2])
    assert state(full) == "pending"
    acting.post(posts[2:3])
    assert state(full) == "released"
    acting.post(posts[3:])  # late, and kept


def test_a_small_cohort_is_withheld(scene: Scene, board: Board, clock: Clock) -> None:
    for number in range(1, 5):
        scene.submit(board, number)
    clock.now = scene.deadline
    work(board)
    acting = Acting(scene, board)
    acting.post(acting.closings())
    acting.post(acting.certificates())
    work(board)
    assert state(board) == "pending"
    acting.post(acting.endorsements())
    work(board)
    assert state(board) == "withheld"


def test_a_board_restarted_at_every_state_is_where_it_was(
    scene: Scene, full: Board, acting: Acting, opened: Opened
) -> None:
    seen = []
    board = full
    for step in (acting.closings, acting.certificates, acting.sums, acting.endorsements):
        acting.board = board = opened.board(scene)
        assert board.rounds() == full.rounds()
        assert board.describe(scene.round_id) == full.describe(scene.round_id)
        seen.append(state(board))
        posts = step()
        acting.post(posts[:2] if step == acting.sums else posts)
        work(board)
        full = board
    assert seen == ["closed", "closed", "certified", "pending"]
    assert state(opened.board(scene)) == "released"
