"""Verdicts: what is found in contributions after they were acknowledged, here and by workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from coordinator.board import Board
from coordinator.errors import StoreError
from coordinator.proofs import CHUNKS_PER_WORKER, Examination
from coordinator.states import State
from coordinator.store import Store
from coordinator.writer import Writer
from protocols.closing import read_proposal
from protocols.notices import make_cancellation
from protocols.signing import open_signed, statement_hash
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests.cohort import COORDINATOR, DEADLINE, NOW, Scene, member_key
from tests.coordinator.conftest import Clock, Opened

PATIENCE = 60.0


def altered(
    scene: Scene, number: int, change: Callable[[pb.Contribution], None], version: int = 1
) -> bytes:
    """A contribution that its member signs after ``change``."""
    made = scene.contribution(number, version=version)
    message = decode(pb.Contribution, decode(pb.Signed, made).payload)
    change(message)
    return member_key(number).sign("contribution", encode(message))


def out_of_range(message: pb.Contribution) -> None:
    message.ciphertexts = b"\xff" * len(message.ciphertexts)


def zero(message: pb.Contribution) -> None:
    message.ciphertexts = bytes(len(message.ciphertexts))


def another_proof(message: pb.Contribution) -> None:
    response = bytearray(message.proof.plaintext_response)
    response[-1] ^= 1
    message.proof.plaintext_response = bytes(response)


def short_proof(message: pb.Contribution) -> None:
    message.proof.commitment = b""


def copy_of(victim: bytes) -> Callable[[pb.Contribution], None]:
    stolen = decode(pb.Contribution, decode(pb.Signed, victim).payload)

    def change(message: pb.Contribution) -> None:
        message.CopyFrom(stolen)

    return change


def submit(scene: Scene, board: Board, number: int, data: bytes) -> bytes:
    board.submit(scene.round_id, data, member_key(number).public)
    return statement_hash(data)


def close(scene: Scene, board: Board, at: int = 0) -> tuple[bytes, ...]:
    """Let the board close the round, its number ``at``; what it lists."""
    until = time.monotonic() + PATIENCE
    while board.rounds()[at].state != "closed":
        if not board.advance():
            assert time.monotonic() < until
            board.changed.wait(0.05)
            board.changed.clear()
    entry = list(board.read(scene.round_id, 0))[-1]
    return read_proposal(open_signed(entry.payload, "close").payload, scene.plan).included


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (out_of_range, "InvalidCiphertext"),
        (zero, "InvalidCiphertext"),
        (another_proof, "InvalidProof"),
        (short_proof, "MalformedMessage"),
    ],
)
def test_what_does_not_hold_is_logged_and_not_counted(
    scene: Scene,
    board: Board,
    clock: Clock,
    change: Callable[[pb.Contribution], None],
    reason: str,
) -> None:
    good = submit(scene, board, 1, scene.contribution(1))
    submit(scene, board, 2, altered(scene, 2, change))
    clock.now = DEADLINE

    assert close(scene, board) == (good,)
    verdicts = board._store.verdicts(scene.round_id)
    assert [verdict.valid for verdict in verdicts] == [True, False]
    assert verdicts[1].reason.startswith(reason)


def test_the_highest_valid_version_counts(scene: Scene, board: Board, clock: Clock) -> None:
    submit(scene, board, 1, scene.contribution(1))
    second = submit(scene, board, 1, scene.contribution(1, version=2))
    submit(scene, board, 1, altered(scene, 1, another_proof, version=3))
    third = submit(scene, board, 2, scene.contribution(2))
    clock.now = DEADLINE

    assert close(scene, board) == tuple(sorted((second, third)))


def test_a_copied_contribution_takes_nothing_from_its_victim(
    scene: Scene, board: Board, clock: Clock
) -> None:
    victim = scene.contribution(1)
    submit(scene, board, 2, altered(scene, 2, copy_of(victim)))  # and even before the victim
    good = submit(scene, board, 1, victim)
    clock.now = DEADLINE

    assert close(scene, board) == (good,)


def test_missing_verdicts_are_made_after_a_restart(
    scene: Scene, board: Board, opened: Opened
) -> None:
    good = submit(scene, board, 1, scene.contribution(1))
    assert board.advance()
    submit(scene, board, 2, altered(scene, 2, another_proof))

    again = opened.board(scene, lambda: DEADLINE)
    assert close(scene, again) == (good,)
    assert len(again._store.verdicts(scene.round_id)) == 2


def test_verdicts_that_cannot_be_stored_are_made_again(
    scene: Scene, board: Board, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    good = submit(scene, board, 1, scene.contribution(1))
    monkeypatch.setattr(Store, "put_verdicts", fail)
    assert not board.advance()
    assert board._desks[scene.round_id].unexamined == 1
    monkeypatch.undo()

    clock.now = DEADLINE
    assert close(scene, board) == (good,)


def test_verdicts_that_were_stored_unnoticed_are_found(
    scene: Scene, board: Board, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.put_verdicts

    def fail(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        raise StoreError("the connection broke")

    good = submit(scene, board, 1, scene.contribution(1))
    monkeypatch.setattr(Store, "put_verdicts", fail)
    assert not board.advance()
    monkeypatch.undo()

    clock.now = DEADLINE
    assert close(scene, board) == (good,)


def test_workers_find_the_same_and_are_replaced_when_they_die(scene: Scene, opened: Opened) -> None:
    clock = Clock()
    board = opened.board(scene, clock, workers=2)
    hashes = [submit(scene, board, i, scene.contribution(i)) for i in (1, 2, 3)]
    submit(scene, board, 4, altered(scene, 4, another_proof))
    board.advance()  # the workers start
    for process in list(board._examiner._pool._processes):
        os.kill(process, signal.SIGKILL)
    clock.now = DEADLINE

    assert close(scene, board) == tuple(sorted(hashes))
    counted = board.metrics.registry.get_sample_value
    assert (counted("cefed_board_workers_lost_total") or 0) >= 1
    assert counted("cefed_board_verdicts_total", {"result": "valid"}) == 3
    assert counted("cefed_board_verdicts_total", {"result": "invalid"}) == 1


@pytest.mark.parametrize("workers", [0, 1])
def test_an_open_round_waits_while_contributions_crowd_in_and_an_ended_one_never(
    scene: Scene, opened: Opened, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    clock = Clock()
    board = opened.board(scene, clock, workers=workers)
    good = submit(scene, board, 1, scene.contribution(1))
    desk = board._desks[scene.round_id]
    monkeypatch.setattr(Writer, "crowded", True)
    assert not board.advance()
    assert desk.unexamined == 1
    assert board._examiner.busy == 0

    clock.now = DEADLINE
    assert close(scene, board) == (good,)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_open_rounds_verdicts_are_made_once_the_crowd_is_gone(
    scene: Scene, opened: Opened, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    board = opened.board(scene, Clock(), workers=workers)
    submit(scene, board, 1, scene.contribution(1))
    monkeypatch.setattr(Writer, "crowded", True)
    assert not board.advance()
    monkeypatch.undo()

    until = time.monotonic() + PATIENCE
    while not board.advance():
        assert time.monotonic() < until
        board.changed.wait(0.05)
        board.changed.clear()
    assert [verdict.valid for verdict in board._store.verdicts(scene.round_id)] == [True]
    assert board._desks[scene.round_id].round.state is State.OPEN


def test_a_cancelled_round_holds_no_worker(scene: Scene, opened: Opened) -> None:
    clock = Clock()
    board = opened.board(scene, clock, workers=1)
    second = Scene(round_id="round-2")
    board.create_round(second.record)
    second.countersign(board)
    for number in range(1, 6):
        submit(scene, board, number, scene.contribution(number))
    good = submit(second, board, 1, second.contribution(1))
    while board._examiner.busy < CHUNKS_PER_WORKER:
        board._examiner._submit(board._desks[scene.round_id], [1])
    reason = "typing error in the plan"
    board.announce(scene.round_id, make_cancellation(scene.plan, NOW, reason, COORDINATOR))
    clock.now = DEADLINE

    assert close(second, board, at=1) == (good,)
    assert board._examiner._running == {}
    assert board.metrics.registry.get_sample_value("cefed_board_unexamined") == 0


def test_an_examination_of_a_round_that_is_not_there(scene: Scene, store: Store) -> None:
    with pytest.raises(StoreError, match="not in the store"):
        Examination(store, scene.read_ceremony).examine("elsewhere", [1])
