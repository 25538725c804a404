"""The second visit of a certified round: masked once, for one certificate, as contributed."""

from __future__ import annotations

import copy
import os
import shutil
import stat
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enterprise_node.errors import NodeStoreError, NodeUsageError
from enterprise_node.exchange import Envelope
from enterprise_node.private.events import Event
from enterprise_node.private.identity import begin_rotation, next_key
from enterprise_node.private.preview import Preview
from enterprise_node.private.repeats import binding
from enterprise_node.private.side import approve_round, preview_round
from enterprise_node.private.status import status_document, status_lines
from enterprise_node.private.store import NodeStore
from protocols.certificate import BandCertificate
from protocols.enrolment import issue
from protocols.noise_terms import Noise
from protocols.notices import make_cancellation
from protocols.wire import messages_pb2 as pb
from protocols.wire import service_pb2
from protocols.wire.codec import encode
from tests import keys
from tests.enterprise_node.killing import killed_at_every_write
from tests.enterprise_node.ring import FIGURES, OTHERS, Ring, certified_scene
from tests.enterprise_node.scene import COORDINATOR, ROUND, Scene, own_of

OWN = own_of().integers


@pytest.fixture(scope="module")
def contributed(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A node with the receipt of its contribution; tests take a copy of it."""
    scene = certified_scene(tmp_path_factory.mktemp("contributed"))
    assert [event.kind for event in scene.turn(2)] == ["contributed", "receipt"]
    return scene


@pytest.fixture
def ring(tmp_path: Path, contributed: Scene) -> Ring:
    """Such a node of the test's own."""
    shutil.copytree(contributed.store.folder, tmp_path / "node")
    store = NodeStore(tmp_path / "node")
    desk = copy.deepcopy(contributed.desk)
    return Ring(replace(contributed, store=store, exchange=store.exchange(), desk=desk))


def bring(ring: Ring, reply: service_pb2.MaskingReply | None = None) -> list[Event]:
    """The gateway hands a masking reply in, and the private side runs."""
    data = (reply or ring.reply()).SerializeToString(deterministic=True)
    ring.scene.exchange.inbox.put(Envelope("masking", ROUND, data))
    return ring.scene.step()


def sent(scene: Scene) -> bytes | None:
    envelope = scene.exchange.outbox.get("masked", ROUND)
    return None if envelope is None else envelope.payload


def seed_of(scene: Scene) -> Path:
    return scene.store.round(ROUND).folder / "mask-seed-1"


def test_the_masked_vector_opens_in_the_sum_of_all(ring: Ring) -> None:
    (event,) = bring(ring)
    assert (event.kind, event.round_id) == ("masked", ROUND)
    data = sent(ring.scene)
    assert data is not None
    assert event.bytes == len(data)
    opened = ring.sums([data])
    assert opened.sections == (
        {name: OWN[name] + OTHERS * FIGURES[name] for name in ("output", "emissions")},
    )
    assert opened.cohort == {"electricity": OWN["electricity"] + OTHERS * FIGURES["electricity"]}


def test_it_is_in_the_ledger_before_it_leaves_and_is_handed_in_once(ring: Ring) -> None:
    bring(ring)
    scene = ring.scene
    assert [entry.kind for entry in scene.store.ledger.entries()][-1] == "masked"
    scene.desk.masks = ring.reply().SerializeToString(deterministic=True)
    scene.turn(3)
    assert scene.desk.masked == [sent(scene)]
    assert scene.desk.asked.count("submit_masked") == 1


def test_by_way_of_the_gateway(ring: Ring) -> None:
    scene = ring.scene
    scene.desk.masks = ring.reply().SerializeToString(deterministic=True)
    assert [event.kind for event in scene.turn()] == ["masked"]
    assert scene.turn(2) == []
    assert scene.desk.masked == [sent(scene)]


def test_the_same_certificate_again_is_nothing_new(ring: Ring) -> None:
    bring(ring)
    before, entries = sent(ring.scene), ring.scene.store.ledger.entries()
    assert bring(ring) == []
    assert bring(ring, ring.reply(signers=4)) == []
    assert sent(ring.scene) == before
    assert ring.scene.store.ledger.entries() == entries


def test_another_certificate_of_the_round_is_refused(ring: Ring) -> None:
    bring(ring)
    before = sent(ring.scene)
    (event,) = bring(ring, ring.reply(replace(ring, statement_hash=b"\1" * 32).certificate()))
    assert event.kind == "refused"
    assert "masked its figures for another one" in event.text
    assert sent(ring.scene) == before


def test_a_folder_that_forgot_what_it_masked_is_told_by_its_outbox(ring: Ring) -> None:
    """It was restored from a backup, of between contributing and masking."""
    bring(ring)
    before, folder = sent(ring.scene), ring.scene.store.round(ROUND)
    folder.drop("masked")
    other = ring.reply(replace(ring, statement_hash=b"\1" * 32).certificate())
    assert [event.kind for event in bring(ring, other)] == ["refused"]
    assert sent(ring.scene) == before
    assert folder.masked() is None
    assert bring(ring) == []
    assert folder.masked() == before == sent(ring.scene)


@pytest.mark.parametrize("whose", ["nobody's", "another member's", "of another round"])
def test_what_others_put_into_the_outbox_keeps_no_member_from_masking(
    ring: Ring, whose: str
) -> None:
    signer = keys.signing_key(3) if whose == "another member's" else ring.scene.store.key()
    plan_hash = bytes(32) if whose == "of another round" else ring.plan.hash
    message = pb.Masked(plan_hash=plan_hash, basis=b"\1" * 32, words=b"")
    forged = b"x" if whose == "nobody's" else signer.sign("masked", encode(message))
    ring.scene.exchange.outbox.put(Envelope("masked", ROUND, forged))
    assert [event.kind for event in bring(ring)] == ["masked"]
    assert sent(ring.scene) != forged


def test_the_figures_are_those_that_were_contributed(ring: Ring) -> None:
    scene = ring.scene
    now = replace(own_of(), integers={name: value + 1 for name, value in OWN.items()})
    scene.store.save_import(now, b"", b"")
    bring(ring)
    data = sent(scene)
    assert data is not None
    assert ring.sums([data]).sections[0]["output"] == OWN["output"] + OTHERS * FIGURES["output"]


def test_a_correction_is_masked_with_its_own_key(ring: Ring) -> None:
    scene = ring.scene
    first = ring.own_key
    more = {**OWN, "output": OWN["output"] + 1}
    scene.store.save_import(replace(own_of(), integers=more), b"", b"")
    approve_round(scene.store, ROUND, int(scene.clock()), correct=True)
    scene.turn(2)
    assert ring.own_key != first
    bring(ring)
    data = sent(scene)
    assert data is not None
    assert ring.sums([data]).sections[0]["output"] == more["output"] + OTHERS * FIGURES["output"]


def _without(reply: service_pb2.MaskingReply) -> None:
    del reply.keys[0]


def _swapped(reply: service_pb2.MaskingReply) -> None:
    reply.keys[0].round_key, reply.keys[1].round_key = (
        reply.keys[1].round_key,
        reply.keys[0].round_key,
    )


def _elsewhere(reply: service_pb2.MaskingReply) -> None:
    reply.place = 0


def _unproven(reply: service_pb2.MaskingReply) -> None:
    if reply.proof:
        del reply.proof[0]
    else:
        reply.proof.append(bytes(32))


def _unsigned(reply: service_pb2.MaskingReply) -> None:
    del reply.certificates[2]


@pytest.mark.parametrize("defect", [_without, _swapped, _elsewhere, _unproven, _unsigned])
def test_what_does_not_hold_is_not_masked_for(ring: Ring, defect: object) -> None:
    reply = ring.reply()
    defect(reply)  # type: ignore[operator]
    (event,) = bring(ring, reply)
    assert event.kind == "refused"
    assert sent(ring.scene) is None
    assert ring.scene.store.round(ROUND).masked() is None
    assert [e.kind for e in bring(ring)] == ["masked"], "the right one is answered afterwards"


@pytest.mark.parametrize(
    "changes",
    [
        {"plan_hash": bytes(32)},
        {"members": 4},
        {"masks_root": bytes(32)},
        {"withheld": "too few", "rankings": (), "cohort_measures": (), "masks_root": b""},
    ],
)
def test_a_certificate_that_the_plan_does_not_allow(ring: Ring, changes: dict[str, object]) -> None:
    certificate: BandCertificate = ring.certificate(**changes)
    reply = ring.reply()
    votes = ring.reply(certificate).certificates if certificate.members > 4 else reply.certificates
    del reply.certificates[:]
    reply.certificates.extend(votes if certificate.members > 4 else votes[:2])
    (event,) = bring(ring, reply)
    assert event.kind == "refused"
    assert sent(ring.scene) is None


@pytest.mark.parametrize("payload", [b"", b"\xff", b"\x0a\x05ab"])
def test_bytes_that_are_no_reply(ring: Ring, payload: bytes) -> None:
    ring.scene.exchange.inbox.put(Envelope("masking", ROUND, payload))
    (event,) = ring.scene.step()
    assert event.kind in ("refused", "damaged")
    assert sent(ring.scene) is None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_reply_with_any_byte_changed_is_not_masked_for(ring: Ring, data: st.DataObject) -> None:
    whole = ring.reply().SerializeToString(deterministic=True)
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[place] ^ data.draw(st.integers(1, 255))
    payload = whole[:place] + bytes([flipped]) + whole[place + 1 :]
    ring.scene.exchange.inbox.put(Envelope("masking", ROUND, payload))
    (event,) = ring.scene.step()
    assert event.kind in ("refused", "damaged")
    assert ring.scene.store.round(ROUND).masked() is None


def test_a_round_that_this_node_did_not_contribute_to(tmp_path: Path, ring: Ring) -> None:
    other = certified_scene(tmp_path / "other", policy_cohorts=())
    other.turn()
    data = ring.reply().SerializeToString(deterministic=True)
    for subject in (ROUND, "nobody-told"):
        other.exchange.inbox.put(Envelope("masking", subject, data))
        events = [event for event in other.step() if "did not contribute" in event.text]
        assert [event.kind for event in events] == ["damaged"]


def test_a_folder_from_before_the_contribution_says_why_it_cannot_mask(tmp_path: Path) -> None:
    scene = certified_scene(tmp_path)
    scene.step()
    backup = tmp_path / "backup"
    shutil.copytree(tmp_path / "node", backup, ignore=shutil.ignore_patterns("exchange"))
    scene.turn(2)
    reply = Ring(scene).reply().SerializeToString(deterministic=True)
    shutil.copytree(backup, tmp_path / "node", dirs_exist_ok=True)
    shutil.rmtree(scene.store.round(ROUND).folder)
    scene.relay().step()
    (scene.exchange.folder / "gateway-state.json").unlink()
    scene.turn(2)  # it contributes again, with another key
    scene.exchange.inbox.put(Envelope("masking", ROUND, reply))
    (event,) = [e for e in scene.step() if e.kind == "refused"]
    assert "old backup" in event.text
    assert sent(scene) is None


def test_a_folder_from_before_the_masking_makes_the_same_bytes(tmp_path: Path) -> None:
    noise = Noise(Fraction(1), Fraction(2), Fraction(1, 10**6))
    scene = certified_scene(tmp_path, noise=noise)
    scene.turn(2)
    backup = tmp_path / "backup"
    shutil.copytree(tmp_path / "node", backup, ignore=shutil.ignore_patterns("exchange"))
    ring = Ring(scene)
    bring(ring)
    first = sent(scene)
    shutil.rmtree(scene.store.round(ROUND).folder)
    shutil.copytree(backup, tmp_path / "node", dirs_exist_ok=True)
    scene.exchange.outbox.withdraw("masked", ROUND)
    assert [event.kind for event in bring(ring)] == ["masked"]
    assert sent(scene) == first is not None


def test_a_step_that_is_killed_anywhere_sends_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, ring: Ring
) -> None:
    """Every write of the folder in turn is the last one before the process dies."""
    scene = ring.scene
    data = ring.reply().SerializeToString(deterministic=True)
    scene.exchange.inbox.put(Envelope("masking", ROUND, data))
    for _ in killed_at_every_write(scene.store.folder, scene.step, monkeypatch, 3):
        left = scene.store.round(ROUND).masked()
        scene.step()
        made = scene.store.round(ROUND).masked()
        assert made is not None
        assert left in (None, made)
        assert sent(scene) == made
        assert scene.store.ledger.verify(scene.store.key().public) >= 3


def test_contributing_is_killed_anywhere_and_goes_on_with_the_same_round_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was written last: the secret in the folder is that of the key that leaves."""
    scene = certified_scene(tmp_path)
    scene.step()
    scene.relay().step()
    for _ in killed_at_every_write(scene.store.folder, scene.step, monkeypatch, 4):
        left = scene.store.round(ROUND).contribution(1)
        scene.step()
        made = scene.store.round(ROUND).contribution(1)
        assert made is not None
        assert left in (None, made)
    scene.turn()
    assert [event.kind for event in bring(Ring(scene))] == ["masked"]


def test_the_secret_is_the_owners_and_is_destroyed_with_the_round(ring: Ring) -> None:
    scene, path = ring.scene, seed_of(ring.scene)
    assert len(path.read_bytes()) == 32
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    bring(ring)
    assert path.exists(), "until the round is over"
    scene.store.round(ROUND).keep("release.json", b"{}")
    scene.step()
    assert not path.exists()
    assert sent(scene) is None
    assert bring(ring) == []


def test_the_secret_goes_when_the_time_for_masks_has_passed(ring: Ring) -> None:
    """A coordinator that neither releases nor cancels keeps no secret alive, and no key in use."""
    bring(ring)
    scene, path = ring.scene, seed_of(ring.scene)
    terms = scene.plan.aggregation
    assert terms is not None
    replace(scene, clock=lambda: terms.until + 3599).step()
    assert path.exists(), "clocks differ by an hour at most"
    replace(scene, clock=lambda: terms.until + 3601).step()
    assert not path.exists()
    assert sent(scene) is not None, "what was masked stays what it was"
    assert scene.store.round(ROUND).masked() is not None


def test_a_damaged_secret_is_told(ring: Ring) -> None:
    seed_of(ring.scene).write_bytes(b"short")
    with pytest.raises(NodeStoreError, match="mask-seed-1 is damaged"):
        bring(ring)


def cancel(scene: Scene) -> None:
    scene.desk.notices.append(make_cancellation(scene.plan, 1_700_000_000, "no", COORDINATOR))


def test_a_cancelled_round_is_not_masked_for(ring: Ring) -> None:
    cancel(ring.scene)
    ring.scene.turn()
    assert [event.kind for event in bring(ring)] == ["waiting"]
    assert sent(ring.scene) is None
    assert not seed_of(ring.scene).exists()


def test_figures_that_were_masked_bind_even_when_the_round_is_cancelled(ring: Ring) -> None:
    scene = ring.scene
    bring(ring)
    cancel(scene)
    scene.turn()
    assert sent(scene) is None
    (held,) = binding(scene.store, scene.store.policy())
    assert held.round_id == ROUND


def test_the_key_stays_until_the_round_is_over(ring: Ring) -> None:
    scene = ring.scene
    settings = scene.store.settings()
    names = (settings.enterprise_id, settings.group)
    now, day = int(scene.clock()), 24 * 3600
    scene.store.certificate_path.write_bytes(
        issue(
            COORDINATOR,
            scene.store.key().public,
            *names,
            serial=1,
            not_before=now - day,
            not_after=now + day,
        )
    )
    with pytest.raises(NodeUsageError, match="needs another statement by the present key"):
        begin_rotation(scene.store)
    scene.store.round(ROUND).keep("release.json", b"{}")
    scene.step()
    begin_rotation(scene.store)


def test_a_node_whose_key_is_being_replaced_does_not_begin(tmp_path: Path) -> None:
    scene = certified_scene(tmp_path)
    next_key(scene.store)
    events = scene.turn()
    assert "key is being replaced" in events[-1].text
    assert not scene.store.round(ROUND).version()


def test_status_and_preview_say_what_leaves_when_and_who_opens_it(ring: Ring) -> None:
    scene = ring.scene
    now = int(scene.clock())
    seen = preview_round(scene.store, ROUND, now)
    assert isinstance(seen, Preview)
    text = "\n".join(seen.lines())
    assert "your public round key, signed" in text
    assert "backend       certified" in text
    assert "once the trustees have certified the bands" in text
    decision = scene.store.decisions.last_accepted(ROUND)
    assert decision is not None
    assert decision.backend == "certified"
    document = seen.document()
    assert document["backend"] == "certified"
    assert not any(" (V)" in name or "(VC)" in name for name in seen.ciphertexts)
    assert seen.message_bytes == len(scene.desk.submitted[0])
    (shown,) = status_document(scene.store, now)["rounds"]
    assert shown["backend"] == "certified"
    assert "masked and sent once the trustees have certified" in shown["standing"]
    bring(ring)
    lines = status_lines(status_document(scene.store, now))
    assert any("masked for the trustees' certificate, waits for the release" in x for x in lines)
