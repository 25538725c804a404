"""What a member's node is told of a round's end, as the node itself checks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.board import Board
from enterprise_node.errors import ReleaseRefused
from enterprise_node.private.published import check_counted, check_release
from protocols.closing import inclusion_tree
from protocols.errors import InvalidSignature, PlanError, PolicyRefusal, TranscriptBroken
from protocols.transcript import Receipt, check_promise, open_receipt
from protocols.wire import service_pb2 as pb
from tests.cohort import COORDINATOR, Scene, member_key
from tests.coordinator.acting import Acting
from tests.coordinator.conftest import Opened
from tests.coordinator.databases import fresh_database
from tests.keys import signing_key

CORRECTED = 5
"""The member that contributes twice."""


@pytest.fixture(scope="module")
def receipts() -> dict[tuple[int, int], Receipt]:
    """By member and version."""
    return {}


@pytest.fixture(scope="module")
def released(
    scene: Scene,
    tmp_path_factory: pytest.TempPathFactory,
    receipts: dict[tuple[int, int], Receipt],
) -> Iterator[Board]:
    """A board whose round was released."""
    with fresh_database("sqlite", tmp_path_factory.mktemp("outcomes")) as url:
        opened = Opened(url)
        board = opened.board(scene)
        sent = [(number, 1) for number in range(1, scene.members)]
        for number, version in [*sent, (CORRECTED, 2), (scene.members, 1)]:
            given = scene.submit(board, number, version=version)
            receipt = open_receipt(given, COORDINATOR.public, round_id=scene.round_id)
            receipts[number, version] = receipt
        acting = Acting(scene, board)
        _work(board)
        for posts in (acting.closings, acting.certificates, acting.sums, acting.endorsements):
            with pytest.raises(PolicyRefusal, match="has no outcome"):
                board.outcome(scene.round_id, member_key(1).public, 0)
            acting.post(posts()[:3])
            _work(board)
        yield board
        opened.close()


def _work(board: Board) -> None:
    while board.advance():
        pass


def outcome_of(scene: Scene, board: Board, number: int, index: int = 0) -> pb.OutcomeReply:
    """What a member is told."""
    return board.outcome(scene.round_id, member_key(number).public, index)


def counted(scene: Scene, reply: pb.OutcomeReply, receipt: Receipt) -> None:
    """What a node with this receipt checks."""
    logged = reply.contribution
    check_promise(receipt, logged.index, logged.payload_hash, logged.entry_hash)
    place, proof = reply.counted.place, reply.counted.proof
    check_counted(reply.closings, scene.plan, scene.held.ceremony, receipt, place, proof)


def test_every_member_sees_the_release_and_that_it_counts(
    scene: Scene, released: Board, receipts: dict[tuple[int, int], Receipt]
) -> None:
    for (number, version), receipt in receipts.items():
        if (number, version) == (CORRECTED, 1):
            continue
        for index in (0, receipt.index):
            reply = outcome_of(scene, released, number, index)
            counted(scene, reply, receipt)
            document = check_release(
                reply.release,
                reply.endorsements,
                scene.plan,
                scene.held.ceremony,
                COORDINATOR.public,
            )
            assert document["n"] == scene.members


def test_a_version_that_was_superseded_is_in_the_log_and_not_counted(
    scene: Scene, released: Board, receipts: dict[tuple[int, int], Receipt]
) -> None:
    receipt = receipts[CORRECTED, 1]
    reply = outcome_of(scene, released, CORRECTED, receipt.index)
    assert not reply.HasField("counted")
    with pytest.raises(ReleaseRefused, match="nothing shows that the trustees counted it"):
        counted(scene, reply, receipt)


def test_anothers_contribution_is_not_told(
    scene: Scene, released: Board, receipts: dict[tuple[int, int], Receipt]
) -> None:
    receipt = receipts[2, 1]
    for index in (receipt.index, 1, 10_000):
        reply = outcome_of(scene, released, 1, index)
        assert reply.release
        assert not reply.HasField("contribution")
        assert not reply.HasField("counted")
    with pytest.raises(TranscriptBroken):
        counted(scene, outcome_of(scene, released, 2), receipts[1, 1])


def test_a_proof_for_another_place_or_another_contribution(
    scene: Scene, released: Board, receipts: dict[tuple[int, int], Receipt]
) -> None:
    own, other = (outcome_of(scene, released, number) for number in (1, 2))
    own.counted.CopyFrom(other.counted)
    with pytest.raises(ReleaseRefused, match="nothing shows"):
        counted(scene, own, receipts[1, 1])


def test_strangers_and_unknown_rounds(scene: Scene, released: Board) -> None:
    with pytest.raises(InvalidSignature, match="not on the roster"):
        released.outcome(scene.round_id, signing_key(77).public, 0)
    with pytest.raises(PlanError, match="no round"):
        released.outcome("another", member_key(1).public, 0)


def test_the_own_part_grows_with_the_logarithm_of_the_list() -> None:
    sizes = {}
    for size in (16, 4096):
        tree = inclusion_tree([number.to_bytes(32, "big") for number in range(size)])
        sizes[size] = pb.CountedAt(place=size // 3, proof=tree.prove([size // 3])).ByteSize()
    assert sizes[4096] - sizes[16] <= 8 * 34 + 1


def test_a_restarted_board_tells_the_same(scene: Scene, released: Board, tmp_path: Path) -> None:
    opened = Opened(released._store.url)
    again = opened.board(scene)
    assert outcome_of(scene, again, 3) == outcome_of(scene, released, 3)
    opened.close()
