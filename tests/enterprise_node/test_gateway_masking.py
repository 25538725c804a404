"""The relay in a certified round: what is masked for comes in, the vector goes out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enterprise_node.exchange import Envelope
from enterprise_node.gateway.errors import CoordinatorUnreachable
from enterprise_node.gateway.state import FILE
from tests.enterprise_node.scene import ROUND, Scene, make_scene

MASKS = b"what the coordinator says is masked for"
VECTOR = b"a signed vector"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A node that has contributed; the round waits for its vector."""
    made = make_scene(tmp_path)
    made.turn(2)
    made.desk.state = "masking"
    made.desk.masks = MASKS
    made.desk.asked.clear()
    return made


def brought(scene: Scene) -> list[bytes]:
    """What lies in the inbox to be masked for."""
    return [e.payload for e in scene.exchange.inbox.read()[0] if e.kind == "masking"]


def notices(scene: Scene) -> list[tuple[str, str, str]]:
    """What lies in the inbox of notices."""
    found = [json.loads(e.payload) for e in scene.exchange.inbox.read()[0] if e.kind == "notice"]
    return [(notice["about"], notice["what"], notice["text"]) for notice in found]


def clear(scene: Scene) -> None:
    for path in scene.exchange.inbox.folder.iterdir():
        path.unlink()


def put(scene: Scene, payload: bytes = VECTOR) -> None:
    scene.exchange.outbox.put(Envelope("masked", ROUND, payload))


def test_what_is_masked_for_comes_once_and_again_when_it_changed(scene: Scene) -> None:
    scene.relay().step()
    assert brought(scene) == [MASKS]
    clear(scene)
    scene.relay().step()
    assert brought(scene) == []
    scene.desk.masks = MASKS + b", with another signature"
    scene.relay().step()
    assert brought(scene) == [scene.desk.masks]


def test_nothing_is_asked_where_nothing_is_due(scene: Scene) -> None:
    scene.desk.masks = b""
    scene.relay().step()
    assert "masking" not in scene.desk.asked
    assert brought(scene) == []


def test_a_vector_goes_out_once_and_brings_nothing_in(scene: Scene) -> None:
    put(scene)
    for _ in range(3):
        scene.relay().step()
    assert scene.desk.masked == [VECTOR]
    assert scene.desk.asked.count("submit_masked") == 1
    assert {e.kind for e in scene.exchange.inbox.read()[0]} <= {"round"}


def test_a_vector_whose_answer_was_lost_is_handed_in_again(scene: Scene) -> None:
    submit = scene.desk.submit_masked
    put(scene)

    def lose(*arguments: object) -> bytes:
        submit(*arguments)  # type: ignore[arg-type]
        raise CoordinatorUnreachable("the line broke after the request")

    scene.desk.submit_masked = lose  # type: ignore[method-assign, assignment]
    with pytest.raises(CoordinatorUnreachable):
        scene.relay().step()
    scene.desk.submit_masked = submit  # type: ignore[method-assign]
    scene.relay().step()
    assert scene.desk.masked == [VECTOR]


def test_a_coordinator_that_lost_the_vector_gets_it_again(scene: Scene) -> None:
    """It was restored from a backup, and waits for it once more."""
    put(scene)
    scene.relay().step()
    scene.desk.masked.clear()
    scene.relay().step()
    scene.relay().step()
    assert scene.desk.masked == [VECTOR]
    scene.relay().step()
    assert scene.desk.asked.count("submit_masked") == 2


def test_a_refused_vector_is_told_once_and_not_sent_again(scene: Scene) -> None:
    put(scene)
    scene.desk.refusing = "for another certificate"
    for _ in range(3):
        scene.relay().step()
    assert notices(scene) == [("refused", "masked", "for another certificate")]
    assert scene.desk.asked.count("submit_masked") == 1
    scene.desk.refusing = ""
    put(scene, VECTOR + b" for this certificate")
    scene.relay().step()
    assert scene.desk.masked == [VECTOR + b" for this certificate"]


def test_a_lost_state_file_costs_repetitions_only(scene: Scene) -> None:
    put(scene)
    for _ in range(2):
        scene.relay().step()
        (scene.exchange.folder / FILE).unlink()
    assert scene.desk.masked == [VECTOR]


def test_simulations_carry_one_round(scene: Scene) -> None:
    put(scene)
    assert scene.relay().deliver_outbox().out == 1
    assert scene.desk.masked == [VECTOR]
    assert "rounds" not in scene.desk.asked
