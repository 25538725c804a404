"""The private side over its folder: what it answers, and that every step may be repeated."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from enterprise_node.errors import NodeUsageError
from enterprise_node.exchange import Envelope
from enterprise_node.private.policy import Approver
from enterprise_node.private.preview import Preview
from enterprise_node.private.side import PrivateSide, approve_round, preview_round
from protocols.contribution import MAX_VERSION
from protocols.notices import make_cancellation, make_deadline, roster_vote
from protocols.passes import read_pass
from protocols.transcript import read_receipt
from protocols.wire import service_pb2 as pb
from tests import keys
from tests.enterprise_node.killing import killed_at_every_write
from tests.enterprise_node.scene import (
    COORDINATOR,
    ROUND,
    Scene,
    describe,
    describe_to,
    make_scene,
    plan_for,
    version_of,
)

HOUR = 3600


def kinds(scene: Scene, times: int = 1) -> list[str]:
    return [event.kind for event in scene.turn(times)]


def sent_kinds(scene: Scene) -> list[str]:
    return [entry.kind for entry in scene.store.ledger.entries()]


def test_a_round_from_the_pass_to_the_receipt(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    assert kinds(scene, 2) == ["contributed", "receipt"]
    (data,) = scene.desk.submitted
    folder = scene.store.round(ROUND)
    assert folder.contribution(1) is None
    kept = folder.last_receipt()
    assert kept is not None
    assert read_receipt(kept, COORDINATOR.public, data, round_id=ROUND).index == 4
    assert sent_kinds(scene) == ["pass", "contribution", "receipt"]
    assert scene.store.ledger.verify(scene.store.key().public) == 3
    held = {envelope.kind for envelope in scene.exchange.outbox.read()[0]}
    assert held == {"pass", "receipt"}


def test_further_steps_send_nothing_again(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn(2)
    before = scene.store.ledger.entries()
    assert kinds(scene, 3) == []
    assert scene.store.ledger.entries() == before
    assert scene.desk.asked.count("submit") == 1


def test_a_step_that_is_killed_anywhere_goes_on_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every write of the folder in turn is the last one before the process dies."""
    scene = make_scene(tmp_path)
    scene.step()
    scene.relay().step()
    for _ in killed_at_every_write(scene.store.folder, scene.step, monkeypatch, 5):
        left = scene.store.round(ROUND).contribution(1)
        scene.step()
        made = scene.store.round(ROUND).contribution(1)
        assert made is not None
        assert left in (None, made)
        assert scene.exchange.outbox.holds(Envelope("contribution", ROUND, made))
        assert scene.store.ledger.verify(scene.store.key().public) >= 2


def test_nothing_stands_in_the_outbox_that_is_not_in_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("enterprise_node.private.lines.os.fsync", full)
    with pytest.raises(Exception, match="No space left"):
        scene.step()
    assert scene.exchange.outbox.read() == ([], [])


def test_the_same_envelope_twice_changes_nothing(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.step()
    scene.relay().step()
    inbox = scene.exchange.inbox.folder
    copies = tmp_path / "medium"
    shutil.copytree(inbox, copies)
    scene.step()
    scene.relay().step()
    shutil.copytree(inbox, copies, dirs_exist_ok=True)
    scene.step()
    before = scene.store.ledger.entries()
    for path in copies.iterdir():
        shutil.copy(path, inbox / path.name)
        shutil.copy(path, inbox / f"copy of {path.name}")
    assert scene.step() == []
    assert scene.store.ledger.entries() == before
    assert list(inbox.iterdir()) == []


def test_a_damaged_envelope_is_set_aside_and_asked_for_again(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn()
    scene.relay().step()
    (path,) = [p for p in scene.exchange.inbox.folder.iterdir() if "receipt" in p.name]
    path.write_bytes(path.read_bytes()[:-20])
    events = scene.step()
    assert [event.kind for event in events] == ["damaged"]
    assert path.with_name(path.name + ".damaged").exists()
    assert kinds(scene) == ["receipt"]
    assert scene.desk.submitted == [scene.desk.submitted[0]]


def test_a_damaged_outbox_is_written_again(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn()
    path = scene.exchange.outbox.folder / Envelope("contribution", ROUND, b"").file_name
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    scene.relay().step()
    assert not path.exists()
    (event,) = scene.step()
    assert event.kind == "notice"
    assert "damaged" in event.text
    assert path.read_bytes() == whole
    assert kinds(scene) == ["receipt"]


def test_a_receipt_for_other_bytes_is_not_believed(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn()
    other = keys.signing_key(9)
    data = other.sign("contribution", b"x")
    receipt = scene.desk.submit(scene.exchange.outbox.get("pass").payload, ROUND, data)  # type: ignore[union-attr]
    scene.exchange.inbox.put(Envelope("receipt", ROUND, receipt))
    (event,) = scene.step()
    assert event.kind == "refused"
    assert "another statement" in event.text
    assert scene.store.round(ROUND).receipts() == []


@pytest.mark.parametrize("subject", ["", "..", ".hidden", "-x"])
def test_an_envelope_for_a_round_that_is_no_name(tmp_path: Path, subject: str) -> None:
    scene = make_scene(tmp_path)
    scene.exchange.inbox.put(Envelope("round", subject, b""))
    (event,) = scene.step()
    assert "not a round's identifier" in event.text
    assert list((scene.store.folder / "rounds").iterdir()) == []


def test_a_gateway_that_hands_in_an_outgoing_kind(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.exchange.inbox.put(Envelope("pass", "", b"x"))
    assert [event.kind for event in scene.step()] == ["damaged"]


def test_a_pass_is_renewed_in_good_time(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    start = 1_800_000_000
    passes = []
    for days in (0, 3, 4, 30):
        now = start + days * 24 * HOUR
        scene.clock = lambda now=now: now  # type: ignore[misc]
        scene.step()
        envelope = scene.exchange.outbox.get("pass")
        assert envelope is not None
        for skew in (-HOUR, HOUR):
            read_pass(envelope.payload, COORDINATOR.public, now=now + skew)
        passes.append(envelope.payload)
    assert passes[0] == passes[1]
    assert len(set(passes)) == 3


def test_a_plan_waits_for_the_trustees_votes(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    votes = scene.desk.votes
    scene.desk.votes = votes[:2]
    (event,) = scene.turn()
    assert event.kind == "waiting"
    assert "countersigned the roster" in event.text
    assert sent_kinds(scene) == ["pass"]
    scene.desk.votes = votes
    assert "contributed" in kinds(scene)


def test_a_vote_by_nobody_is_no_vote(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    stranger = keys.signing_key(9)
    plan = scene.plan
    scene.desk.votes = (*scene.desk.votes[:2], roster_vote(plan, scene.roster, stranger))
    (event,) = scene.turn()
    assert event.kind == "waiting"
    assert sent_kinds(scene) == ["pass"]


@pytest.mark.parametrize("state", ["proposed", "closing", "released"])
def test_a_round_that_takes_no_contributions(tmp_path: Path, state: str) -> None:
    scene = make_scene(tmp_path)
    scene.desk.state = state
    events = scene.turn()
    assert "contributed" not in [event.kind for event in events]
    assert scene.store.round(ROUND).version() == 0


def test_a_cancelled_round_is_left_alone(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.desk.refusing = ""
    scene.turn()
    scene.desk.state = "cancelled"
    scene.desk.notices = [make_cancellation(scene.plan, 1, "wrong factor set", COORDINATOR)]
    events = scene.turn()
    assert "wrong factor set" in events[-1].text
    assert {e.kind for e in scene.exchange.outbox.read()[0]} == {"pass"}


def test_a_cancellation_by_somebody_else_is_none(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.desk.notices = [make_cancellation(scene.plan, 1, "no", keys.signing_key(9))]
    (event,) = scene.turn()
    assert event.kind == "waiting"
    assert "announcement" in event.text


def test_a_moved_deadline_holds(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    late = scene.plan.deadline + 3 * HOUR
    scene.clock = scene.desk.clock = lambda: late
    (event,) = scene.turn()
    assert "ended on" in event.text
    moved = make_deadline(scene.plan, 1, late + HOUR, "holidays", COORDINATOR)
    scene.desk.notices = [moved]
    assert "contributed" in kinds(scene)


@pytest.mark.parametrize("skew", [-HOUR + 120, HOUR - 120])
def test_a_clock_that_is_an_hour_off(tmp_path: Path, skew: int) -> None:
    scene = make_scene(tmp_path)
    start = scene.plan.opens_at if skew < 0 else scene.plan.deadline
    scene.clock = lambda: start + skew
    assert "contributed" in kinds(scene)


def test_another_plan_under_the_name_of_a_round_that_was_answered(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn(2)
    other = replace(scene.plan, title="Region A, again")
    scene.desk.description = describe(other, scene.roster)
    events = scene.turn()
    assert [event.kind for event in events] == ["refused"]
    assert "differently than when this node contributed" in events[0].text
    offer = scene.store.round(ROUND).offer()
    assert offer is not None
    told = describe(scene.plan, scene.roster)
    assert offer.description == describe_to(scene.store.key().public, told)


def test_a_person_decides_where_the_policy_says_so(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, policy_approval=Approver.PERSON)
    (event,) = scene.turn()
    assert event.kind == "waiting"
    assert "cefed node approve" in event.text
    seen = preview_round(scene.store, ROUND, int(scene.clock()))
    assert isinstance(seen, Preview)
    assert scene.store.commitments.all() == ()
    approve_round(scene.store, ROUND, int(scene.clock()))
    contributed, _ = scene.turn()
    assert contributed.bytes == seen.message_bytes
    assert contributed.ciphertexts == sum(seen.ciphertexts.values())


def test_an_approval_is_for_one_plan_and_one_import(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, policy_approval=Approver.PERSON)
    scene.turn()
    approve_round(scene.store, ROUND, int(scene.clock()), plan=scene.plan.hash.hex())
    own = scene.store.own()
    scene.store.save_import(replace(own, notes=("imported again",)), b"", b"")
    (event,) = scene.step()
    assert event.kind == "waiting"
    assert scene.store.round(ROUND).version() == 0


def test_an_approval_is_for_the_plan_that_was_looked_at(tmp_path: Path) -> None:
    """A coordinator may describe another plan between the preview and the approval."""
    scene = make_scene(tmp_path, policy_approval=Approver.PERSON)
    scene.turn()
    now = int(scene.clock())
    with pytest.raises(NodeUsageError, match="was not looked at yet"):
        approve_round(scene.store, ROUND, now)
    first = preview_round(scene.store, ROUND, now).plan_hash
    other = replace(scene.plan, title="Region A, again")
    scene.desk.description = describe(other, scene.roster)
    scene.desk.votes = tuple(
        roster_vote(other, scene.roster, key) for key in keys.trustees().signing[:3]
    )
    scene.turn()
    for named in (None, first, ""):
        with pytest.raises(NodeUsageError, match="look at it again"):
            approve_round(scene.store, ROUND, now, plan=named)
    assert scene.store.round(ROUND).approval() is None
    preview_round(scene.store, ROUND, now)
    assert approve_round(scene.store, ROUND, now).plan == other


def test_a_forged_refusal_costs_a_version_and_no_more(tmp_path: Path) -> None:
    """A hostile gateway keeps a contribution back and says that it was refused."""
    scene = make_scene(tmp_path)
    scene.step()
    scene.relay().step()
    scene.step()
    folder = scene.store.round(ROUND)
    sent = folder.contribution(1)
    assert sent is not None
    notice = {
        "about": "refused",
        "what": "contribution",
        "round_id": ROUND,
        "sha256": hashlib.sha256(sent).hexdigest(),
        "reason_name": "ContributionRefused",
        "text": "it was superseded",
        "time": 1,
    }
    scene.exchange.inbox.put(Envelope("notice", "x", json.dumps(notice).encode()))
    assert "--correct" in scene.step()[0].text
    approve_round(scene.store, ROUND, int(scene.clock()), correct=True)
    assert kinds(scene, 2) == ["contributed", "receipt"]
    assert [version_of(data) for data in scene.desk.submitted] == [2]
    assert folder.receipts() == [2]


def test_no_version_is_approved_that_nobody_takes(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn(2)
    folder = scene.store.round(ROUND)
    folder.keep(f"receipt-{MAX_VERSION}", b"")
    with pytest.raises(NodeUsageError, match="takes no more"):
        approve_round(scene.store, ROUND, int(scene.clock()), correct=True)


def test_unsigned_descriptions_take_no_place(tmp_path: Path) -> None:
    """Neither a new one, nor that of a round whose description is here."""
    scene = make_scene(tmp_path, policy_approval=Approver.PERSON)
    scene.turn()
    kept = scene.store.round(ROUND).offered()
    forged = pb.RoundDescription(plan=b"no plan", state="open").SerializeToString()
    for round_id in (ROUND, "another"):
        scene.exchange.inbox.put(Envelope("round", round_id, forged))
    assert [event.kind for event in scene.step()] == ["refused", "refused", "waiting"]
    assert [folder.round_id for folder in scene.store.rounds()] == [ROUND]
    assert scene.store.round(ROUND).offered() == kept


def test_nothing_in_the_exchange_that_is_no_file_stops_a_node(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn()
    inbox, outbox = scene.exchange.inbox.folder, scene.exchange.outbox.folder
    key = scene.store.key_path.read_bytes()
    for place in (inbox, outbox):
        (place / "a.envelope").mkdir()
        (place / "b.envelope").symlink_to(scene.store.key_path)
        os.mkfifo(place / "c.envelope")
        (place / "c.envelope.damaged").mkdir()
        with (place / "d.envelope").open("wb") as file:
            file.truncate(1 << 30)
    for name in ("pass", "enrolment", "rotation"):
        (outbox / f"{name}.envelope").unlink(missing_ok=True)
        (outbox / f"{name}.envelope").mkdir()
    events = scene.turn(3)
    damaged = [event.text for event in events if event.kind == "damaged"]
    assert len(damaged) == 4
    assert "receipt" in [event.kind for event in events]
    assert all(path.name.endswith(".damaged") for path in inbox.iterdir())
    assert {e.kind for e in scene.exchange.outbox.read()[0]} >= {"pass", "receipt"}
    assert scene.store.key_path.read_bytes() == key
    assert scene.turn() == []


def test_a_correction_is_a_new_version(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn(2)
    approve_round(scene.store, ROUND, int(scene.clock()), correct=True)
    assert kinds(scene, 2) == ["contributed", "receipt"]
    assert [version_of(data) for data in scene.desk.submitted] == [1, 2]
    assert scene.store.round(ROUND).receipts() == [1, 2]
    assert kinds(scene) == []


def test_a_second_approval_has_to_be_a_correction(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with pytest.raises(NodeUsageError, match="has not heard of"):
        approve_round(scene.store, ROUND, 0)
    scene.turn()
    with pytest.raises(NodeUsageError, match="still on its way"):
        approve_round(scene.store, ROUND, int(scene.clock()), correct=True)
    scene.turn()
    with pytest.raises(NodeUsageError, match="--correct"):
        approve_round(scene.store, ROUND, int(scene.clock()))


def test_a_node_restored_from_an_old_backup_asks_its_owner(tmp_path: Path) -> None:
    """It knows nothing of its contribution, makes another, and the coordinator refuses that."""
    scene = make_scene(tmp_path)
    scene.step()
    backup = tmp_path / "backup"
    shutil.copytree(scene.store.folder, backup)
    scene.relay().step()
    scene.step()
    scene.relay().step()
    scene.step()
    first = list(scene.desk.submitted)
    shutil.rmtree(scene.store.folder)
    shutil.copytree(backup, scene.store.folder)
    scene.desk.refusing = "the contribution was superseded by version 1"
    with PrivateSide(scene.store, scene.exchange) as side:
        side.repeat_everything()
    events = scene.turn(2)
    assert "restored from an old backup" in events[-2].text
    assert "--correct" in events[-2].text
    assert scene.desk.submitted == first
    asked = scene.desk.asked.count("submit")
    assert all(event.kind == "waiting" for event in scene.turn(2))
    assert scene.desk.asked.count("submit") == asked, "nothing is sent until the owner decides"
    scene.desk.refusing = ""
    approve_round(scene.store, ROUND, int(scene.clock()), correct=True)
    assert "receipt" in kinds(scene, 2)
    assert [version_of(data) for data in scene.desk.submitted] == [1, 2]


def test_a_refusal_of_other_bytes_stops_nothing(tmp_path: Path) -> None:
    """A gateway, or a late copy, cannot talk a node out of what it sent."""
    scene = make_scene(tmp_path)
    scene.desk.refusing = "no"
    scene.turn()
    scene.relay().step()
    (path,) = [p for p in scene.exchange.inbox.folder.iterdir() if p.name.startswith("notice")]
    notice = Envelope.from_bytes(path.read_bytes())
    path.unlink()
    sent = scene.store.round(ROUND).contribution(1) or b""
    digest = hashlib.sha256(sent).hexdigest().encode()
    altered = notice.payload.replace(digest, b"0" * 64)
    scene.exchange.inbox.put(Envelope("notice", notice.subject, altered))
    scene.step()
    assert scene.store.round(ROUND).refusal() is None
    scene.exchange.inbox.put(notice)
    scene.step()
    assert scene.store.round(ROUND).refusal() is not None


def test_one_private_side_at_a_time(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with (
        PrivateSide(scene.store, scene.exchange),
        pytest.raises(NodeUsageError, match="in use by another process"),
        PrivateSide(scene.store, scene.exchange),
    ):
        pass
    assert scene.step() == []


def test_a_member_of_no_round_hears_of_none(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.desk.members = set()
    assert kinds(scene, 2) == []
    assert scene.store.rounds() == []


def test_a_plan_of_an_unknown_coordinator(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    plan = plan_for(scene.roster, scene.store.own())
    told = describe(plan, scene.roster)
    scene.desk.description = replace(told, plan=keys.signing_key(9).sign("plan", plan.to_bytes()))
    (event,) = scene.turn()
    assert event.kind == "refused"
    assert "not by the coordinator" in event.text
