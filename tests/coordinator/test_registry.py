"""Enrolment, rotation, revocation: who becomes a member, and who is one no longer."""

from __future__ import annotations

import secrets

import pytest

from coordinator.admission import ENROLLED, REFUSED, WAITING
from coordinator.errors import SettingsError
from coordinator.registry import Registry
from coordinator.registry_rows import MemberRow, MemberState, Standing
from protocols.enrolment import (
    Invitation,
    check_roster,
    enrolment_statement,
    read_certificate,
    read_revocations,
    rotation_statement,
)
from protocols.errors import PolicyRefusal, ProtocolError
from protocols.roster import Member, Roster
from protocols.signing import SigningKey
from tests.cohort import COORDINATOR, NOW
from tests.coordinator.conftest import Clock, Opened
from tests.keys import signing_key

NODE, OTHER, NEW = signing_key(1), signing_key(2), signing_key(3)
TRUSTEE = signing_key(1, "trustee")
ID, GROUP = "91350100M0001", "Acme Holding"


@pytest.fixture
def registry(opened: Opened, clock: Clock) -> Registry:
    return Registry(opened.store().engine, COORDINATOR, clock=clock)


def invite(registry: Registry, **changed: object) -> Invitation:
    """An invitation that the registry remembers."""
    fields: dict[str, object] = {
        "id": secrets.token_hex(8),
        "secret": secrets.token_bytes(32),
        "enterprise_id": ID,
        "group": GROUP,
        "coordinator": "127.0.0.1:7443",
        "coordinator_key": COORDINATOR.public,
        "tls_authority": "",
        "trustees": (("trustee-1", TRUSTEE.public),),
        "threshold": 1,
        "quorum": 1,
        "cohort": "cohort-1",
        "expires": NOW + 1000,
    }
    invitation = Invitation(**(fields | changed))  # type: ignore[arg-type]
    registry.invite(invitation, "Acme Steel")
    return invitation


def only(registry: Registry, who: str = ID) -> MemberRow:
    (row,) = registry.find(who)
    return row


def enrolled(registry: Registry, key: SigningKey = NODE) -> MemberRow:
    """Have ``key`` enrolled; its row."""
    registry.enrol(enrolment_statement(invite(registry), key))
    registry.approve(only(registry, key.public.fingerprint))
    return only(registry, key.public.fingerprint)


def test_a_key_is_a_member_once_the_operator_approved(registry: Registry) -> None:
    statement = enrolment_statement(invite(registry), NODE)

    assert registry.enrol(statement).state == WAITING
    assert registry.enrol(statement).state == WAITING
    assert registry.standing(NODE.public) is Standing.NOBODY

    certificate = registry.approve(only(registry))
    answer = registry.enrol(statement)

    assert (answer.state, answer.certificate) == (ENROLLED, certificate)
    assert registry.standing(NODE.public) is Standing.MEMBER
    read = read_certificate(certificate, COORDINATOR.public, now=NOW)
    assert (read.enterprise_id, read.group, read.key) == (ID, GROUP, NODE.public)
    assert only(registry).cohort == "cohort-1"


def test_an_invitation_serves_one_key(registry: Registry) -> None:
    invitation = invite(registry)
    registry.enrol(enrolment_statement(invitation, NODE))

    answer = registry.enrol(enrolment_statement(invitation, OTHER))

    assert answer.state == REFUSED
    assert "used already" in answer.reason
    assert registry.find(OTHER.public.fingerprint) == []


def test_the_secret_is_gone_once_the_invitation_was_used(registry: Registry) -> None:
    invitation = invite(registry)
    registry.enrol(enrolment_statement(invitation, NODE))

    with registry._engine.connect() as connection:
        held = connection.exec_driver_sql("SELECT secret FROM invitations").scalar_one()
    assert bytes(held) == b""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"secret": bytes(32)}, "secret"),
        ({"id": "unknown"}, "not known"),
        ({"enterprise_id": "another"}, "another enterprise"),
        ({"group": "another"}, "another enterprise or group"),
    ],
)
def test_a_request_that_does_not_fit_its_invitation(
    registry: Registry, changed: dict[str, object], reason: str
) -> None:
    invitation = invite(registry)
    fields = {name: getattr(invitation, name) for name in Invitation.__dataclass_fields__}
    forged = Invitation(**(fields | changed))

    answer = registry.enrol(enrolment_statement(forged, NODE))

    assert answer.state == REFUSED
    assert reason in answer.reason
    # And the invitation is not used up by it.
    assert registry.enrol(enrolment_statement(invitation, NODE)).state == WAITING


def test_an_expired_invitation(registry: Registry, clock: Clock) -> None:
    statement = enrolment_statement(invite(registry), NODE)
    clock.now = NOW + 1000

    assert "expired" in registry.enrol(statement).reason


def test_bytes_that_are_no_request(registry: Registry) -> None:
    with pytest.raises(ProtocolError):
        registry.enrol(b"nonsense")
    with pytest.raises(ProtocolError):
        registry.enrol(NODE.sign("plan", b""))


def test_a_rejected_key_is_told_why_and_can_be_approved_later(registry: Registry) -> None:
    statement = enrolment_statement(invite(registry), NODE)
    registry.enrol(statement)
    registry.reject(only(registry), "wrong fingerprint")

    assert registry.enrol(statement).reason == "wrong fingerprint"
    assert registry.standing(NODE.public) is Standing.NOBODY
    with pytest.raises(SettingsError, match="nothing to reject"):
        registry.reject(only(registry), "again")

    registry.approve(only(registry))
    assert registry.standing(NODE.public) is Standing.MEMBER


def test_an_enterprise_has_one_enrolled_key(registry: Registry) -> None:
    enrolled(registry)
    registry.enrol(enrolment_statement(invite(registry), OTHER))

    with pytest.raises(PolicyRefusal, match="has an enrolled key already"):
        registry.approve(only(registry, OTHER.public.fingerprint))
    assert registry.standing(OTHER.public) is Standing.NOBODY
    assert registry.standing(NODE.public) is Standing.MEMBER


def test_a_revoked_key_is_nobody_at_once(registry: Registry, clock: Clock) -> None:
    row = enrolled(registry)
    assert not registry.revoked(NODE.public)

    registry.revoke(row, "compromised")

    assert registry.revoked(NODE.public)
    assert registry.standing(NODE.public) is Standing.NOBODY
    assert row.serial in read_revocations(registry.revocations(NOW), COORDINATOR.public)
    with pytest.raises(SettingsError, match="nothing to revoke"):
        registry.revoke(only(registry), "again")
    # A new key needs a new invitation, and then the enterprise is back.
    assert enrolled(registry, OTHER).state is MemberState.ENROLLED


def test_another_process_sees_a_revocation(
    opened: Opened, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = enrolled(registry)
    serving = Registry(opened.store().engine, COORDINATOR, clock=lambda: NOW)
    assert serving.standing(NODE.public) is Standing.MEMBER
    registry.revoke(row, "compromised")

    monkeypatch.setattr("coordinator.registry.FRESH_SECONDS", 0.0)

    assert serving.standing(NODE.public) is Standing.NOBODY


def test_an_expired_certificate_ends_a_membership(registry: Registry, clock: Clock) -> None:
    row = enrolled(registry)
    assert row.not_after is not None
    clock.now = row.not_after

    assert registry.standing(NODE.public) is Standing.NOBODY
    with pytest.raises(PolicyRefusal, match="not enrolled"):
        registry.check_enrolled([NODE.public])


def test_rotation_replaces_a_key_after_approval(registry: Registry) -> None:
    old = enrolled(registry)
    statement = rotation_statement(NODE, NEW, ID, GROUP)
    assert registry.enrol(statement).state == WAITING
    assert registry.enrol(statement).state == WAITING
    waiting = only(registry, NEW.public.fingerprint)
    assert registry.standing(NODE.public) is Standing.MEMBER

    with pytest.raises(PolicyRefusal, match="on the roster of round-1"):
        registry.approve(waiting, ["round-1"])
    registry.approve(waiting)

    assert registry.standing(NEW.public) is Standing.MEMBER
    assert registry.standing(NODE.public) is Standing.NOBODY
    assert registry.revoked(NODE.public)
    assert old.serial in read_revocations(registry.revocations(NOW), COORDINATOR.public)
    assert registry.enrol(statement).state == ENROLLED


@pytest.mark.parametrize(
    ("old", "names", "reason"),
    [
        (OTHER, (ID, GROUP), "not enrolled"),
        (NODE, ("another", GROUP), "another enterprise"),
        (NODE, (ID, "another"), "another enterprise or group"),
    ],
)
def test_rotations_that_are_refused(
    registry: Registry, old: SigningKey, names: tuple[str, str], reason: str
) -> None:
    enrolled(registry)

    answer = registry.enrol(rotation_statement(old, NEW, *names))

    assert answer.state == REFUSED
    assert reason in answer.reason


def test_one_rotation_waits_at_a_time(registry: Registry) -> None:
    enrolled(registry)
    registry.enrol(rotation_statement(NODE, NEW, ID, GROUP))

    answer = registry.enrol(rotation_statement(NODE, signing_key(4), ID, GROUP))

    assert answer.state == REFUSED
    assert "waits for the operator" in answer.reason


def test_a_rotation_cannot_take_anothers_key(registry: Registry) -> None:
    enrolled(registry)
    registry.admit_many([(OTHER.public, "another", "another")])

    answer = registry.enrol(rotation_statement(NODE, OTHER, ID, GROUP))

    assert "known here already" in answer.reason


def test_a_rotation_after_its_old_key_was_revoked(registry: Registry) -> None:
    row = enrolled(registry)
    registry.enrol(rotation_statement(NODE, NEW, ID, GROUP))
    registry.revoke(row, "compromised")

    with pytest.raises(PolicyRefusal, match="not enrolled any more"):
        registry.approve(only(registry, NEW.public.fingerprint))
    assert registry.standing(NEW.public) is Standing.NOBODY


def test_what_trustees_look_at(registry: Registry) -> None:
    registry.admit_many([(NODE.public, "a", "A"), (OTHER.public, "b", "B")])
    registry.admit_many([(NODE.public, "a", "A")])
    roster = Roster.of([Member(NODE.public, "A"), Member(OTHER.public, "B")])

    certificates = registry.certificates([m.key for m in roster.members])
    seen = check_roster(
        roster, certificates, registry.revocations(NOW), COORDINATOR.public, now=NOW
    )

    assert {c.enterprise_id for c in seen} == {"a", "b"}
    assert registry.certificates([NEW.public]) == []
    registry.check_enrolled([NODE.public, OTHER.public])
    with pytest.raises(PolicyRefusal, match=NEW.public.fingerprint):
        registry.check_enrolled([NODE.public, NEW.public])


def test_trustees_and_the_operator(registry: Registry) -> None:
    assert registry.standing(COORDINATOR.public) is Standing.OPERATOR
    assert registry.standing(TRUSTEE.public) is Standing.NOBODY

    registry.add_trustee(TRUSTEE.public, "authority")
    registry.add_trustee(TRUSTEE.public, "the authority")

    assert registry.standing(TRUSTEE.public) is Standing.TRUSTEE
    assert [t.name for t in registry.trustees()] == ["the authority"]
    registry.remove_trustee(TRUSTEE.public)
    assert registry.standing(TRUSTEE.public) is Standing.NOBODY
    with pytest.raises(SettingsError, match="no trustee"):
        registry.remove_trustee(TRUSTEE.public)
