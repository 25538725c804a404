"""A release that came in: checked, and looked through for the own contribution.

A whole round's release is checked in ``tests/sim/test_region_a.py`` and ``tests/isolation``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from enterprise_node.exchange import Envelope
from enterprise_node.private.events import Event
from protocols.closing import ClosingStatement, vote
from protocols.signing import statement_hash
from protocols.transcript import Transcript, sign_receipt
from protocols.wire import service_pb2 as pb
from tests import keys
from tests.enterprise_node.scene import COORDINATOR, ROUND, Scene, make_scene, outcome_of

INDEX = 4
"""Of the contribution's entry: after the plan and three votes for the roster."""


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A node with its receipt; whatever release comes is taken for good."""
    made = make_scene(tmp_path)
    made.turn(2)
    monkeypatch.setattr("enterprise_node.private.arrivals.check_release", lambda *_: {"n": 6})
    return made


def close(scene: Scene, *included: bytes, votes: int = 3) -> None:
    """The trustees close the round over what is included."""
    hashes = sorted(statement_hash(data) for data in included)
    statement = ClosingStatement.of(scene.plan.hash, hashes, bytes(32))
    for trustee in keys.trustees().signing[:votes]:
        scene.desk.log.append("closing", vote(statement, bytes(32), trustee))


def arrive(scene: Scene, outcome: pb.OutcomeReply | None = None) -> Event:
    """The release comes in."""
    payload = (outcome or outcome_of(scene.desk.log, INDEX)).SerializeToString(deterministic=True)
    scene.exchange.inbox.put(Envelope("release", ROUND, payload))
    (event,) = scene.step()
    return event


def warning(scene: Scene) -> str:
    return scene.store.round(ROUND).warning() or ""


def test_a_contribution_that_was_kept_and_counted(scene: Scene) -> None:
    close(scene, *scene.desk.submitted)
    event = arrive(scene)
    assert event.kind == "release"
    assert "WARNING" not in event.text
    assert warning(scene) == ""
    assert scene.store.round(ROUND).release_path.read_bytes() == b'{\n "n": 6\n}\n'
    assert {e.kind for e in scene.exchange.outbox.read()[0]} == {"pass"}
    scene.exchange.inbox.put(Envelope("release", ROUND, b""))
    assert scene.step()[0].kind == "release", "an outcome that counts nobody is told"


def test_the_same_release_again_is_nothing_new(scene: Scene) -> None:
    close(scene, *scene.desk.submitted)
    scene.desk.state = "released"
    first = [event.kind for event in scene.turn()]
    (scene.exchange.folder / "gateway-state.json").unlink()
    assert first == ["release"]
    assert scene.turn() == []


def test_a_contribution_that_the_log_lost(scene: Scene) -> None:
    close(scene, *scene.desk.submitted)
    log = Transcript(ROUND)
    for entry in scene.desk.log.entries:
        log.append(entry.kind, b"other" if entry.kind == "contribution" else entry.payload)
    assert "WARNING" in arrive(scene, outcome_of(log, INDEX)).text
    assert "promised at place 4 is not there" in warning(scene)


def test_a_contribution_in_the_log_that_the_trustees_did_not_count(scene: Scene) -> None:
    close(scene)
    assert "nothing shows that the trustees counted it" in arrive(scene).text


def test_a_contribution_that_the_coordinator_says_is_not_counted(scene: Scene) -> None:
    close(scene, *scene.desk.submitted)
    outcome = outcome_of(scene.desk.log, INDEX)
    outcome.ClearField("counted")
    # Of a list of one, the empty proof at place 0 is the whole proof.
    close_over_two = Transcript(ROUND)
    for entry in scene.desk.log.entries:
        if entry.kind != "closing":
            close_over_two.append(entry.kind, entry.payload)
    scene.desk.log = close_over_two
    close(scene, *scene.desk.submitted, b"another member's")
    del outcome.closings[:]
    outcome.closings.extend(scene.desk.log.of_kind("closing"))
    assert "nothing shows that the trustees counted it" in arrive(scene, outcome).text


def test_too_few_closing_votes_to_tell(scene: Scene) -> None:
    close(scene, *scene.desk.submitted, votes=2)
    assert "cannot tell" in arrive(scene).text


def test_a_gateway_that_leaves_the_own_entry_out_is_asked_again(scene: Scene) -> None:
    close(scene, *scene.desk.submitted)
    outcome = outcome_of(scene.desk.log)
    outcome.ClearField("contribution")
    assert "without entry 4" in arrive(scene, outcome).text
    assert "receipt" in {e.kind for e in scene.exchange.outbox.read()[0]}
    assert "WARNING" not in arrive(scene).text
    assert warning(scene) == ""


def test_a_kept_receipt_of_another_round(scene: Scene) -> None:
    close(scene, *scene.desk.submitted)
    other = sign_receipt(COORDINATOR, "region-a-2019", scene.desk.log.entries[INDEX])
    scene.store.round(ROUND).keep("receipt-1", other)
    assert "'region-a-2019'" in arrive(scene).text


def test_no_receipt_at_all(scene: Scene) -> None:
    close(scene, *scene.desk.submitted)
    scene.store.round(ROUND).drop("receipt-1")
    assert "no receipt" in arrive(scene).text


def test_a_release_that_is_none(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn(2)
    event = arrive(scene)
    assert event.kind == "refused"
    assert "no release yet" in event.text
    assert not scene.store.round(ROUND).release_path.exists()


@pytest.mark.parametrize("payload", [b"\x00", b"\x0a\x05ab", b"\x0a\x00"])
def test_bytes_that_are_no_outcome(scene: Scene, payload: bytes) -> None:
    scene.exchange.inbox.put(Envelope("release", ROUND, payload))
    (event,) = scene.step()
    assert event.kind in ("refused", "damaged")


def test_a_release_of_a_round_nobody_described(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.exchange.inbox.put(Envelope("release", ROUND, b""))
    (event,) = scene.step()
    assert "whose terms never came" in event.text
