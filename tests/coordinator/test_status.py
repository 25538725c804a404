"""What ``round status`` says a round waits for, and why it is withheld."""

from __future__ import annotations

from typing import Any

from coordinator.board import Board
from coordinator.states import State
from coordinator.status import Status, round_status, waits_for
from coordinator.store import Store
from tests.cohort import COORDINATOR, DEADLINE, Scene
from tests.coordinator.acting import Acting
from tests.coordinator.conftest import Clock

NO_VOTES: dict[str, list[str]] = {
    kind: [] for kind in ("roster", "closing", "certificate", "sums", "endorsement")
}


def status(store: Store, scene: Scene) -> Status:
    key = COORDINATOR.public
    return round_status(store, scene.round_id, key, read_ceremony=scene.read_ceremony)


def advance(board: Board) -> None:
    while board.advance():
        pass


def test_a_withheld_round_from_its_close_to_its_end(
    scene: Scene, board: Board, clock: Clock, store: Store
) -> None:
    def facts() -> dict[str, Any]:
        return status(store, scene).facts

    names = [trustee.name for trustee in scene.held.ceremony.trustees]
    acting = Acting(scene, board)
    scene.submit(board, 1)
    assert facts()["waits_for"] == ""
    clock.now = DEADLINE
    advance(board)
    acting.post(acting.closings()[:2])
    assert facts()["waits_for"] == f"1 more closing vote: {names[2]} or {names[3]}"
    acting.post(acting.closings()[2:])
    assert "3 more band certificates" in facts()["waits_for"]

    acting.post(acting.certificates())
    assert facts()["waits_for"] == ""
    advance(board)
    acting.post(acting.endorsements()[:3])
    advance(board)

    found = status(store, scene)
    assert found.facts["state"] == "withheld"
    assert found.facts["withheld"]
    assert f"  withheld: {found.facts['withheld']}" in found.lines()


def test_a_round_that_too_many_left_says_so(scene: Scene) -> None:
    ceremony = scene.held.ceremony
    names = [trustee.name for trustee in ceremony.trustees]
    votes = NO_VOTES | {"closing": names[:1]}

    said = waits_for(State.CLOSED, ceremony, votes, names[2:], 0)

    assert said == f"2 more closing votes, and too few trustees are left: {names[1]}"


def test_a_closing_round_waits_for_its_proofs(scene: Scene) -> None:
    said = waits_for(State.CLOSING, scene.held.ceremony, NO_VOTES, (), 7)
    assert said == "7 proofs to be checked"
