"""What a trustee does and refuses, against an honest board and hostile ones; no sockets."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from coordinator.board import Board
from protocols.contribution import build
from protocols.notices import make_cancellation, make_deadline
from protocols.paillier import encryptor_for
from protocols.release import Release
from protocols.signing import open_signed
from protocols.transcript import Entry
from tests.trustee.scene import (
    COORDINATOR,
    NOW,
    Direct,
    Scene,
    member_key,
    new_service,
    run,
    values,
)
from trustee.duties import INCONSISTENT
from trustee.errors import StumbledError


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def filled(scene: Scene, path: Path, numbers: Iterable[int]) -> Board:
    board = scene.board(path / "board.sqlite")
    for number in numbers:
        scene.submit(board, number)
    return board


def released(scene: Scene, board: Board) -> Release:
    payload = next(e.payload for e in board.read(scene.round_id, 0) if e.kind == "release")
    size = scene.held.ceremony.key.public.modulus_bytes
    return Release.from_bytes(open_signed(payload, "release").payload, size)


def kinds(board: Board, scene: Scene) -> list[str]:
    return [entry.kind for entry in board.read(scene.round_id, 0)]


def totals(numbers: Iterable[int]) -> dict[str, str]:
    sums: dict[str, int] = {}
    for number in numbers:
        for name, value in values(number).items():
            sums[name] = sums.get(name, 0) + value
    return {name: str(value) for name, value in sums.items()}


def test_a_round_is_released_with_the_exact_totals(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 13))

    state = run(board, [new_service(scene, board, i, tmp_path) for i in range(1, 5)])

    assert state == "released"
    document = released(scene, board).document
    assert {name: m["value"] for name, m in document["measures"].items()} == totals(range(1, 13))
    assert document["n"] == 12
    assert len(document["bands"]) >= 2
    assert all(band["n"] >= 5 for band in document["bands"])


def test_three_of_four_trustees_are_enough(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 13))

    assert run(board, [new_service(scene, board, i, tmp_path) for i in (1, 2, 4)]) == "released"


def test_two_trustees_open_nothing_until_a_third_returns(scene: Scene, tmp_path: Path) -> None:
    board = scene.board(tmp_path / "board.sqlite")
    services = [new_service(scene, board, i, tmp_path) for i in range(1, 5)]
    run(board, services)
    for number in range(1, 13):
        scene.submit(board, number)

    assert run(board, services[:2]) == "closed"
    assert kinds(board, scene).count("closing") == 2
    assert all(not sealed(board, scene, i) for i in range(1, 5))
    assert run(board, services[:2]) == "closed"
    assert run(board, services[:3]) == "released"


def test_a_small_cohort_is_withheld_and_nothing_is_opened(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 5))
    end(scene, board)
    services = [new_service(scene, board, i, tmp_path) for i in range(1, 5)]

    assert run(board, services) == "withheld"

    document = released(scene, board).document
    assert "fewer than 5" in document["withheld"]
    assert document["n"] is None
    assert document["measures"] == {}
    assert "sums" not in kinds(board, scene)
    assert all(not sealed(board, scene, i) for i in range(1, 5))
    assert '"members":[]' in (tmp_path / "ledger-1.jsonl").read_text()


def test_a_liar_is_named_and_the_round_completes(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = filled(scene, tmp_path, range(1, 13))
    services = [new_service(scene, board, i, tmp_path, lying=i == 2) for i in range(1, 5)]

    with caplog.at_level(logging.INFO):
        assert run(board, services) == "released"

    assert "OpeningFailed: wrong counts shares from trustee trustee-2" in caplog.text
    assert not [m for m in caplog.messages if "shares from trustee trustee-1" in m]
    document = released(scene, board).document
    assert {name: m["value"] for name, m in document["measures"].items()} == totals(range(1, 13))


def test_every_process_restarted_after_every_step(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 13))

    for _ in range(30):
        board.close()
        board = scene.board(tmp_path / "board.sqlite")
        for _ in range(4):
            board.advance()
        with ExitStack() as stack:
            trustees = []
            for index in range(1, 5):
                trustees.append(new_service(scene, board, index, tmp_path))
                stack.callback(trustees[-1]._ledger.close)
            # Once to ask about the ledger, once to hear the answers and do one step.
            for trustee in trustees * 2:
                trustee.poll()
        if board.rounds()[0].state == "released":
            break

    assert board.rounds()[0].state == "released"
    assert kinds(board, scene).count("closing") == 4
    assert kinds(board, scene).count("release") == 1


def test_a_member_in_two_bins_makes_the_cohort_withheld(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = filled(scene, tmp_path, range(1, 12))
    encode = type(scene.layout).encode

    def twice(layout: object, measures: dict[str, int], *_: object) -> tuple[int, ...]:
        plaintexts = list(encode(scene.layout, measures))
        plaintexts[0] *= 2
        return tuple(plaintexts)

    monkeypatch.setattr(type(scene.layout), "encode", twice)
    encryptor = encryptor_for(scene.held.ceremony.key.public)
    bad = build(scene.plan, scene.layout, values(12), member_key(12), encryptor)
    monkeypatch.undo()
    board.submit(scene.round_id, bad, member_key(12).public)

    state = run(board, [new_service(scene, board, i, tmp_path) for i in range(1, 5)])

    document = released(scene, board).document
    assert (state, document["withheld"]) == ("withheld", INCONSISTENT)


class Stumbling(Direct):
    """A board that never manages one round."""

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        if round_id == "round-0":
            raise StumbledError("the coordinator stumbled: disk full")
        return super().read(round_id, from_index)


def test_a_round_the_coordinator_stumbles_over_does_not_stop_the_others(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = filled(scene, tmp_path, range(1, 13))
    stuck = Scene(round_id="round-0")
    board.create_round(stuck.record)
    stuck.countersign(board)
    end(stuck, board)
    services = [
        new_service(
            scene, board, i, tmp_path, seen=Stumbling(board, scene.held.signing[i - 1].public)
        )
        for i in range(1, 4)
    ]

    run(board, services)

    assert [row.state for row in board.rounds()] == ["closed", "released"]
    assert caplog.text.count("round round-0: the coordinator stumbled: disk full") == 3


def test_a_cancelled_round_is_left(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 13))
    board.advance()
    services = [new_service(scene, board, i, tmp_path) for i in (1, 2, 3)]
    for _ in range(2):
        for trustee in services[:2]:
            trustee.poll()
    notice = make_cancellation(scene.plan, NOW, "the wrong factor set", COORDINATOR)
    board.announce(scene.round_id, notice)

    assert run(board, services) == "cancelled"
    assert "closing" not in kinds(board, scene)
    assert board.refusals(scene.round_id) == {}


def test_logs_hold_no_values(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = filled(scene, tmp_path, range(1, 13))
    with caplog.at_level(logging.DEBUG):
        run(board, [new_service(scene, board, i, tmp_path, lying=i == 1) for i in range(1, 5)])

    secrets = {str(v) for n in range(1, 13) for v in values(n).values()}
    assert not [s for s in secrets if f" {s}" in caplog.text]


def end(scene: Scene, board: Board) -> None:
    """The operator ends the collection now."""
    board.announce(scene.round_id, make_deadline(scene.plan, NOW, NOW, "enough", COORDINATOR))


def sealed(board: Board, scene: Scene, index: int) -> list[tuple[int, bytes]]:
    """The count envelopes that wait for a trustee."""
    key = scene.held.signing[index - 1].public
    return list(board.sealed(scene.round_id, index, "counts", key))
