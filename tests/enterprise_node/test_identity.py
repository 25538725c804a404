"""Enrolment, certificate and change of the key, by way of the exchange folder only."""

from __future__ import annotations

import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from enterprise_node.errors import NodeUsageError
from enterprise_node.exchange import Envelope
from enterprise_node.gateway.client import Admission
from enterprise_node.gateway.relay import ASK_AGAIN_SECONDS, Relay
from enterprise_node.private.enrolling import Choices, check_trustees, enrol, policy_of, summary
from enterprise_node.private.identity import begin_rotation
from enterprise_node.private.policy import Approver
from enterprise_node.private.side import PrivateSide
from enterprise_node.private.status import status_document
from enterprise_node.private.store import NodeStore
from protocols.enrolment import Invitation, issue, read_enrolment, read_rotation
from protocols.signing import VerifyKey
from tests import keys
from tests.enterprise_node.scene import COORDINATOR, GROUP, Scene, make_scene, pinned

NOW = 1_800_000_000
SECRET = bytes(range(32))


def invitation(**changes: object) -> Invitation:
    made = Invitation(
        id="inv-1",
        secret=SECRET,
        enterprise_id="A01",
        group=GROUP,
        coordinator="coordinator.example:7443",
        coordinator_key=COORDINATOR.public,
        tls_authority="-----BEGIN CERTIFICATE-----\n",
        trustees=tuple((f"trustee-{n}", key) for n, key in enumerate(pinned(), start=1)),
        threshold=2,
        quorum=3,
        cohort="region-a",
        expires=NOW + 1000,
    )
    return replace(made, **changes)  # type: ignore[type-var]


def certificate(key: VerifyKey, serial: int = 1, **changes: str) -> bytes:
    names = {"enterprise_id": "A01", "group": GROUP} | changes
    return issue(
        COORDINATOR,
        key,
        names["enterprise_id"],
        names["group"],
        serial=serial,
        not_before=NOW - 1000,
        not_after=4_000_000_000,
    )


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A node that was made from an invitation; its coordinator waits for its operator."""
    made = make_scene(tmp_path)
    store = enrol(tmp_path / "enrolled", invitation(), Choices(), NOW)
    return Scene(store, store.exchange(), made.plan, made.roster, made.desk)


def test_an_invitation_becomes_a_folder_whose_gateway_learns_no_secret(scene: Scene) -> None:
    scene.step()
    policy = scene.store.policy()
    assert policy.coordinator_key == COORDINATOR.public
    assert policy.trustees.keys == pinned()
    assert (policy.trustees.minimum_threshold, policy.trustees.minimum_quorum) == (2, 3)
    assert (policy.cohorts, policy.approval) == (("region-a",), Approver.PERSON)
    shared = b"".join(p.read_bytes() for p in scene.exchange.folder.rglob("*") if p.is_file())
    assert SECRET not in shared
    assert SECRET.hex().encode() not in shared
    assert stat.S_IMODE(scene.store.invitation_path.stat().st_mode) == 0o600
    told = (scene.exchange.folder / "gateway.toml").read_text()
    assert 'coordinator = "coordinator.example:7443"' in told
    assert (scene.exchange.folder / "ca.pem").exists()


def test_enrolment_waits_for_the_operator_and_then_takes_the_certificate(scene: Scene) -> None:
    events = scene.turn(2)
    assert [event.kind for event in events] == ["notice"]
    assert set(scene.desk.asked) == {"enrol"}, "who is not admitted asks nothing else"
    key = scene.store.key().public
    for statement in scene.desk.enrolments:
        request = read_enrolment(statement)
        request.check_mac(SECRET)
        assert (request.key, request.enterprise_id, request.group) == (key, "A01", GROUP)
    scene.desk.admission = Admission("enrolled", certificate(key), "")
    assert [event.kind for event in scene.turn()] == ["certificate"]
    assert scene.store.certificate() == certificate(key)
    assert not scene.store.invitation_path.exists()
    assert {e.kind for e in scene.exchange.outbox.read()[0]} == {"pass"}
    scene.turn()
    assert "rounds" in scene.desk.asked


def test_a_refused_enrolment_is_told_once(scene: Scene) -> None:
    scene.desk.admission = Admission("refused", b"", "nobody knows this enterprise")
    events = scene.turn(3)
    assert [event.kind for event in events] == ["notice"]
    assert "nobody knows this enterprise" in events[0].text
    told = status_document(scene.store, NOW)["enrolment"]
    assert told == "refused: nobody knows this enterprise"
    assert scene.relay().step().refused == ["enrolment refused: nobody knows this enterprise"]
    other = invitation(id="inv-2")
    enrol(scene.store.folder, other, Choices(), NOW)
    scene.step()
    assert status_document(scene.store, NOW)["enrolment"] == "waits for the operator's approval"
    scene.desk.admission = Admission("enrolled", certificate(scene.store.key().public), "")
    assert [event.kind for event in scene.turn()] == ["certificate"]


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda key: certificate(keys.signing_key(9).public), "another key"),
        (lambda key: certificate(key, enterprise_id="A02"), "A02"),
        (lambda key: certificate(key, group="other"), "other"),
        (lambda key: b"no certificate", "not a certificate"),
    ],
)
def test_a_certificate_that_is_not_for_this_node(scene: Scene, made, what: str) -> None:  # type: ignore[no-untyped-def]
    data = made(scene.store.key().public)
    scene.exchange.inbox.put(Envelope("certificate", "", data))
    (event,) = scene.step()
    assert event.kind == "refused"
    assert what in event.text
    assert scene.store.certificate() is None
    assert scene.store.invitation_path.exists()


def enrolled(scene: Scene) -> None:
    scene.desk.admission = Admission("enrolled", certificate(scene.store.key().public), "")
    scene.turn()


def test_a_rotation_is_signed_by_the_old_key_and_ends_with_the_new_one(scene: Scene) -> None:
    enrolled(scene)
    old = scene.store.key().public
    new = begin_rotation(scene.store)
    assert begin_rotation(scene.store) == new
    scene.desk.admission = Admission("waiting", b"", "")
    scene.turn()
    request = read_rotation(scene.desk.enrolments[-1])
    assert (request.old, request.key) == (old, new)
    assert scene.store.key().public == old
    scene.desk.admission = Admission("enrolled", certificate(new, 2), "")
    assert "certificate" in [event.kind for event in scene.turn()]
    assert scene.store.key().public == new
    assert not scene.store.next_key_path.exists()
    assert {e.kind for e in scene.exchange.outbox.read()[0]} == {"pass"}


def test_a_rotation_that_was_interrupted_after_its_certificate(
    scene: Scene, tmp_path: Path
) -> None:
    enrolled(scene)
    new = begin_rotation(scene.store)
    scene.store.certificate_path.write_bytes(certificate(new, 2))
    scene.step()
    assert scene.store.key().public == new


def test_no_rotation_while_a_contribution_is_on_its_way(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with pytest.raises(NodeUsageError, match="not enrolled"):
        begin_rotation(scene.store)
    scene.store.certificate_path.write_bytes(certificate(scene.store.key().public))
    scene.turn()
    with pytest.raises(NodeUsageError, match="waits for its receipt"):
        begin_rotation(scene.store)


def test_what_the_owner_is_asked_to_confirm() -> None:
    text = "\n".join(summary(invitation()))
    assert "Any 2 of these 4 trustees" in text
    assert SECRET.hex() not in text
    spelled = COORDINATOR.public.fingerprint
    assert " ".join(spelled[i : i + 4] for i in range(0, 16, 4)) in text


def test_trustees_are_compared_with_what_they_gave_out() -> None:
    check_trustees(invitation(), pinned())
    with pytest.raises(NodeUsageError, match="no identity for trustee-4"):
        check_trustees(invitation(), pinned()[:3])
    stranger = keys.signing_key(9).public
    with pytest.raises(NodeUsageError, match=stranger.fingerprint):
        check_trustees(invitation(), (*pinned(), stranger))


def test_an_automatic_node_has_to_know_what_it_answers() -> None:
    with pytest.raises(NodeUsageError, match="--indicator"):
        policy_of(invitation(), Choices(Approver.AUTOMATIC, indicators=("cef",)))
    policy = policy_of(invitation(), Choices(Approver.AUTOMATIC, ("cef",), ("output",)))
    assert (policy.indicators, policy.measures) == (("cef",), ("output",))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"expires": NOW - 1}, "expired"),
        ({"enterprise_id": "A02"}, "is for A02"),
        ({"coordinator_key": keys.signing_key(9).public}, "another coordinator"),
    ],
)
def test_an_invitation_that_does_not_fit_the_folder(
    scene: Scene, changes: dict[str, object], what: str
) -> None:
    with pytest.raises(NodeUsageError, match=what):
        enrol(scene.store.folder, invitation(**changes), Choices(), NOW)
    assert Invitation.load(scene.store.invitation_path).id == "inv-1"


def test_a_refused_request_is_asked_about_again_but_slowly(scene: Scene) -> None:
    now = [float(NOW)]
    relay = Relay(scene.exchange, scene.desk, clock=lambda: now[0])  # type: ignore[arg-type]
    scene.desk.admission = Admission("refused", b"", "the fingerprint was misread")
    scene.step()
    relay.step()
    relay.step()
    assert scene.desk.asked.count("enrol") == 1
    scene.desk.admission = Admission("enrolled", certificate(scene.store.key().public), "")
    now[0] += ASK_AGAIN_SECONDS
    relay.step()
    assert [event.kind for event in scene.step()] == ["certificate", "notice"]
    relay.step()
    assert scene.desk.asked.count("enrol") == 2


def test_a_revoked_node_is_enrolled_again_under_another_key_and_forgets_nothing(
    scene: Scene,
) -> None:
    enrolled(scene)
    old = scene.store.key().public
    scene.store.commitments.commit(scene.plan, NOW)
    again = invitation(id="inv-2", secret=SECRET[::-1])
    store = enrol(scene.store.folder, again, Choices(), NOW)
    upcoming = store.next_key()
    assert upcoming is not None
    new = upcoming.public
    enrol(scene.store.folder, again, Choices(), NOW)
    kept = store.next_key()
    assert kept is not None
    assert kept.public == new, "the same invitation again changes nothing"
    assert status_document(store, NOW)["next_pseudonym"] == new.fingerprint

    scene.desk.admission = Admission("waiting", b"", "")
    scene.turn()
    request = read_enrolment(scene.desk.enrolments[-1])
    request.check_mac(again.secret)
    assert request.key == new != old
    scene.exchange.inbox.put(Envelope("certificate", "", certificate(old)))
    scene.step()
    assert store.invitation_path.exists(), "the certificate that was revoked ends nothing"

    scene.desk.admission = Admission("enrolled", certificate(new, 2), "")
    assert "certificate" in [event.kind for event in scene.turn()]
    assert store.key().public == new
    assert not store.invitation_path.exists()
    assert {e.kind for e in scene.exchange.outbox.read()[0]} == {"pass"}
    assert store.ledger.verify(new) == store.ledger.verify(old) > 0
    assert [plan.plan_hash for plan in store.commitments.all()] == [scene.plan.hash.hex()]


def test_a_rotation_after_an_invitation_that_came_to_nothing(scene: Scene) -> None:
    enrolled(scene)
    enrol(scene.store.folder, invitation(id="inv-2"), Choices(), NOW)
    new = begin_rotation(scene.store)
    scene.turn()
    request = read_rotation(scene.desk.enrolments[-1])
    assert (request.old, request.key) == (scene.store.key().public, new)


def test_every_invitation_has_a_key_of_its_own(scene: Scene) -> None:
    """The coordinator takes no second request for a key that it knows."""
    enrolled(scene)
    rotating = begin_rotation(scene.store)
    scene.desk.admission = Admission("waiting", b"", "")
    scene.turn()
    enrol(scene.store.folder, invitation(id="inv-2"), Choices(), NOW)
    scene.turn()
    second = read_enrolment(scene.desk.enrolments[-1]).key
    enrol(scene.store.folder, invitation(id="inv-3"), Choices(), NOW)
    scene.turn()
    third = read_enrolment(scene.desk.enrolments[-1]).key
    assert len({rotating, second, third, scene.store.key().public}) == 4
    scene.desk.admission = Admission("enrolled", certificate(third, 2), "")
    scene.turn()
    assert scene.store.key().public == third
    assert scene.store.ledger.verify(third) > 0


def test_a_folder_in_use_takes_no_invitation(scene: Scene) -> None:
    enrolled(scene)
    with (
        PrivateSide(scene.store, scene.exchange),
        pytest.raises(NodeUsageError, match="in use"),
    ):
        enrol(scene.store.folder, invitation(id="inv-2"), Choices(), NOW)
    assert scene.store.next_key() is None


def test_a_folder_of_an_interrupted_command_keeps_its_key(scene: Scene, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    folder.mkdir()
    shutil.copy(scene.store.key_path, folder / "signing.pem")
    store = enrol(folder, invitation(), Choices(), NOW)
    assert isinstance(store, NodeStore)
    assert store.key().public == scene.store.key().public
