"""A certified round as trustees see it: no shares of sums, and a release that they add up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coordinator.board import Board
from protocols.errors import TranscriptBroken
from protocols.notices import make_cancellation
from protocols.release import Release
from protocols.signing import open_signed
from protocols.transcript import Entry, replay
from tests.cohort import MASKING_SECONDS
from tests.coordinator.conftest import Clock
from tests.trustee.scene import (
    COORDINATOR,
    DEADLINE,
    NOW,
    Direct,
    Scene,
    member_key,
    new_service,
    run,
    values,
)
from trustee.record import Record
from trustee.service import Service


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(certified=True)


EVERYBODY = range(1, 13)


@contextmanager
def trustees(scene: Scene, board: Board, path: Path) -> Iterator[list[Service]]:
    """All four, who let go of their ledgers at the end."""
    served = [new_service(scene, board, i, path) for i in range(1, 5)]
    try:
        yield served
    finally:
        for one in served:
            one._ledger.close()


def filled(scene: Scene, path: Path, clock: Clock | None = None) -> Board:
    """A board with everybody's contribution."""
    board = scene.board(path / "board.sqlite", clock or Clock())
    for number in scene.numbers:
        scene.submit(board, number)
    return board


def masks(scene: Scene, board: Board, numbers: Iterable[int]) -> None:
    for number in numbers:
        board.submit_masked(scene.round_id, scene.masked(board, number))


def entries(scene: Scene, board: Board) -> list[Entry]:
    return list(board.read(scene.round_id, 0))


def test_a_round_is_released_with_the_exact_totals(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path)
    with trustees(scene, board, tmp_path) as served:
        assert run(board, served) == "masking"
        masks(scene, board, range(2, 13))
        assert run(board, served) == "masking"
    masks(scene, board, [1])
    with trustees(scene, board, tmp_path) as restarted:
        assert run(board, restarted) == "released"

    logged = entries(scene, board)
    assert "sums" not in {entry.kind for entry in logged}
    payload = next(entry.payload for entry in logged if entry.kind == "release")
    size = scene.held.ceremony.key.public.modulus_bytes
    document = Release.from_bytes(open_signed(payload, "release").payload, size).document
    assert document["backend"] == "certified"
    for name in ("output", "emissions", "electricity"):
        assert document["measures"][name]["value"] == str(sum(values(i)[name] for i in EVERYBODY))


def test_an_abandoned_round_stays_in_the_ledgers(scene: Scene, tmp_path: Path) -> None:
    """The coordinator could hold the vector that it says is missing."""
    clock = Clock()
    board = filled(scene, tmp_path, clock)
    with trustees(scene, board, tmp_path) as served:
        assert run(board, served) == "masking"
        masks(scene, board, range(2, 13))
        clock.now = DEADLINE + MASKING_SECONDS
        assert run(board, served) == "cancelled"

    # The same members without the lost one: by subtraction it could be shown.
    less = Scene(certified=True, round_id="round-2", numbers=tuple(range(2, 13)))
    (tmp_path / "second").mkdir()
    again = filled(less, tmp_path / "second")
    with trustees(less, again, tmp_path) as served:
        assert run(again, served) == "closed"
    assert "closing" not in {entry.kind for entry in entries(less, again)}
    refused = again.refusals("round-2")
    assert len(refused) == 4
    assert all("round-1" in reason for reason in refused.values())


class Hiding(Direct):
    """A board that hides a member's masked vector from one trustee."""

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        kept, vectors = [], 0
        for entry in self.board.read(round_id, 0):
            vectors += entry.kind == "masked"
            if entry.kind != "masked" or vectors != 4:
                kept.append((entry.kind, entry.payload))
        return iter(replay(round_id, kept).entries[from_index:])


def test_a_trustee_endorses_the_sum_of_exactly_the_counted_vectors(
    scene: Scene, tmp_path: Path
) -> None:
    board = filled(scene, tmp_path)
    view = Hiding(board, scene.held.signing[0].public)
    deceived = new_service(scene, board, 1, tmp_path, seen=view)
    others = [new_service(scene, board, i, tmp_path) for i in (2, 3)]
    assert run(board, [deceived, *others]) == "masking"
    masks(scene, board, EVERYBODY)
    assert run(board, [deceived, *others]) == "pending"
    (reason,) = board.refusals(scene.round_id).values()
    assert "1 of 12 counted members have sent no masked vector" in reason


@pytest.fixture(scope="module")
def finished(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes]]:
    """The log of a round that is about to be endorsed."""
    folder = tmp_path_factory.mktemp("finished")
    board = filled(scene, folder)
    with trustees(scene, board, folder) as served:
        run(board, served)
    masks(scene, board, EVERYBODY)
    while board.advance():
        pass
    return [(entry.kind, entry.payload) for entry in entries(scene, board)]


def recorded(scene: Scene, log: list[tuple[str, bytes]]) -> Record:
    """What a trustee makes of a log."""
    record = Record(scene.terms())
    for entry in replay(scene.round_id, log).entries:
        record.read(entry)
    return record


def place_of(log: list[tuple[str, bytes]], kind: str) -> int:
    return next(place for place, entry in enumerate(log) if entry[0] == kind)


def test_a_vector_too_many_or_at_another_time_breaks_the_log(
    scene: Scene, finished: list[tuple[str, bytes]]
) -> None:
    assert len(recorded(scene, finished).masked) == 12
    vector = finished[place_of(finished, "masked")]
    close, end = place_of(finished, "close"), place_of(finished, "release")
    for place, words in (
        (close, "too many or too early"),
        (end, "too many or too early"),
        (end + 1, "nothing is masked then"),
    ):
        with pytest.raises(TranscriptBroken, match=words):
            recorded(scene, [*finished[:place], vector, *finished[place:]])
    large = ("masked", bytes(1 << 16))
    first = place_of(finished, "masked")
    with pytest.raises(TranscriptBroken, match="larger than any masked vector"):
        recorded(scene, [*finished[:first], large])


def test_nothing_is_masked_in_a_round_under_paillier(
    scene: Scene, finished: list[tuple[str, bytes]]
) -> None:
    plain = Scene()
    signed = plain.record.plan
    vector = finished[place_of(finished, "masked")]
    record = Record(plain.terms())
    first, second = replay("round-1", [("plan", signed), vector]).entries
    record.read(first)
    with pytest.raises(TranscriptBroken, match="nothing is masked then"):
        record.read(second)


def test_a_certified_round_may_be_cancelled_until_its_release(
    scene: Scene, finished: list[tuple[str, bytes]]
) -> None:
    notice = make_cancellation(scene.plan, NOW, "a member is lost", COORDINATOR)
    cancelled, end = ("cancellation", notice), place_of(finished, "release")
    assert recorded(scene, [*finished[:end], cancelled]).cancelled == "a member is lost"
    with pytest.raises(TranscriptBroken, match="after enough trustees certified"):
        recorded(scene, [*finished[: end + 1], cancelled])


def test_no_member_masks_for_a_withheld_cohort(scene: Scene, tmp_path: Path) -> None:
    board = scene.board(tmp_path / "board.sqlite", clock := Clock())
    for number in range(1, 5):
        scene.submit(board, number)
    clock.now = DEADLINE
    with trustees(scene, board, tmp_path) as served:
        assert run(board, served) == "withheld"
    assert not any(board.masks_due("round-1", member_key(i).public) for i in range(1, 5))
