"""Who tries to become a member without being invited, or in another's place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocols.enrolment import Invitation, enrolment_statement, rotation_statement
from protocols.signing import SigningKey, open_signed
from protocols.wire import messages_pb2 as wire
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import encode
from tests.cohort import NOW, member_key
from tests.coordinator.test_registry import invite
from tests.hostile.served import NOBODY, Served, serve, told
from tests.keys import signing_key
from tests.trustee.scene import Scene

# isort: split
import grpc

INVITED, OTHER = signing_key(50), signing_key(51)
USED = "this invitation was used already; ask for a new one"
SECRET = "the request was not made with this invitation's secret"  # a sentence


@pytest.fixture
def open_house(scene: Scene, tmp_path: Path) -> Iterator[Served]:
    """A coordinator of its own: these tests change what it knows."""
    with serve(scene, tmp_path) as running:
        yield running


def refused(running: Served, statement: bytes) -> str:
    """The reason for which an enrolment is refused, having changed nothing."""
    before = running.tables()
    answer = running.enrol(statement)
    assert running.tables() == before
    assert (answer.state, answer.certificate) == ("refused", b"")
    return str(answer.reason)


def malformed(running: Served, statement: bytes) -> tuple[str, str]:
    """Status and class name for what is no enrolment statement."""
    before = running.tables()
    with pytest.raises(grpc.RpcError) as caught:
        running.enrol(statement)
    assert running.tables() == before
    return told(caught.value)[:2]


def is_nobody(running: Served, key: SigningKey) -> bool:
    return running.refused("ListRounds", pb.ListRoundsRequest(), key) == NOBODY


def test_an_invitation_that_nobody_issued(open_house: Served) -> None:
    invitation = replace(invite(open_house.registry), id="made-up")

    assert refused(open_house, enrolment_statement(invitation, INVITED)) == (
        "this invitation is not known here"
    )


def test_an_invitation_used_twice_and_by_another_key(open_house: Served) -> None:
    invitation = invite(open_house.registry)
    first = enrolment_statement(invitation, INVITED)
    assert open_house.enrol(first).state == "waiting"

    assert refused(open_house, enrolment_statement(invitation, OTHER)) == USED
    assert is_nobody(open_house, INVITED)  # it waits for the operator
    (row,) = open_house.registry.find(INVITED.public.fingerprint)
    open_house.registry.approve(row)
    assert refused(open_house, enrolment_statement(invitation, OTHER)) == USED
    assert is_nobody(open_house, OTHER)


def test_an_expired_invitation(open_house: Served) -> None:
    statement = enrolment_statement(invite(open_house.registry, expires=NOW + 10), INVITED)
    open_house.clock.now = NOW + 10

    assert refused(open_house, statement) == "this invitation has expired; ask for a new one"


def test_a_replayed_enrolment_changes_nothing(open_house: Served) -> None:
    """Whoever recorded the statement sends it again, before and after the approval."""
    statement = enrolment_statement(invite(open_house.registry), INVITED)
    first = open_house.enrol(statement)
    before = open_house.tables()
    assert open_house.enrol(statement) == first
    assert open_house.tables() == before

    (row,) = open_house.registry.find(INVITED.public.fingerprint)
    certificate = open_house.registry.approve(row)
    before = open_house.tables()
    again = open_house.enrol(statement)
    assert (again.state, again.certificate) == ("enrolled", certificate)
    assert open_house.tables() == before


def test_a_replayed_enrolment_of_a_revoked_key(open_house: Served) -> None:
    statement = enrolment_statement(invite(open_house.registry), INVITED)
    open_house.enrol(statement)
    (row,) = open_house.registry.find(INVITED.public.fingerprint)
    open_house.registry.approve(row)
    (row,) = open_house.registry.find(INVITED.public.fingerprint)
    open_house.registry.revoke(row, "key compromised")

    assert refused(open_house, statement) == "key compromised"
    assert is_nobody(open_house, INVITED)


def parts(statement: bytes) -> wire.Enrolment:
    return wire.Enrolment.FromString(open_signed(statement, "enrolment").payload)


def forge(how: str, invitation: Invitation, carried: bytes) -> bytes:
    """What a gateway makes of the enrolment that it carries; it has not seen the invitation."""
    seen = parts(carried)
    guessed = replace(invitation, secret=bytes(32))
    own = parts(enrolment_statement(guessed, OTHER))
    if how == "its own request and MAC":
        return enrolment_statement(guessed, OTHER)
    if how == "its own request under the node's MAC":
        return OTHER.sign("enrolment", encode(wire.Enrolment(
            invitation=invitation.id, request=own.request, mac=seen.mac
        )))  # fmt: skip
    if how == "the node's request under its own signature":
        return OTHER.sign("enrolment", encode(seen))
    signed = wire.Signed.FromString(carried)
    if how == "the node's statement under another name":
        signed.signer = OTHER.public.raw
    else:
        signed.payload = signed.payload[:-1] + bytes([signed.payload[-1] ^ 1])
    return encode(signed)


@pytest.mark.parametrize("how", ["its own request and MAC", "its own request under the node's MAC"])
def test_a_gateway_that_puts_its_own_key_in_the_place_of_the_nodes(
    open_house: Served, how: str
) -> None:
    invitation = invite(open_house.registry)
    carried = enrolment_statement(invitation, INVITED)

    assert refused(open_house, forge(how, invitation, carried)) == SECRET

    assert open_house.enrol(carried).state == "waiting", "the node's own request still serves"
    assert open_house.registry.find(OTHER.public.fingerprint) == []


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("the node's request under its own signature", "EnrolmentError"),
        ("the node's statement under another name", "InvalidSignature"),
        ("one bit of it changed", "InvalidSignature"),
    ],
)
def test_a_gateway_that_alters_the_enrolment(open_house: Served, how: str, name: str) -> None:
    invitation = invite(open_house.registry)
    carried = enrolment_statement(invitation, INVITED)

    status, found = malformed(open_house, forge(how, invitation, carried))

    assert (found, status) in {
        ("EnrolmentError", "INVALID_ARGUMENT"),
        ("InvalidSignature", "PERMISSION_DENIED"),
    }
    assert found == name
    assert open_house.enrol(carried).state == "waiting"


@pytest.mark.parametrize(
    "changed", [{"enterprise_id": "91350100M0002"}, {"group": "Another Holding"}]
)
def test_an_enterprise_that_enrols_as_another(open_house: Served, changed: dict[str, Any]) -> None:
    invitation = replace(invite(open_house.registry), **changed)

    assert refused(open_house, enrolment_statement(invitation, INVITED)) == (
        "the invitation is for another enterprise or group"
    )


def test_a_rotation_by_somebody_who_is_no_member(open_house: Served) -> None:
    statement = rotation_statement(OTHER, INVITED, "91350100M0001", "Acme Holding")

    assert refused(open_house, statement) == "the key to be replaced is not enrolled"


def test_a_member_that_would_take_over_anothers_place(open_house: Served) -> None:
    """Member 1 signs a rotation that names member 2's enterprise, or member 2's key as new."""
    thief, victim = member_key(1), member_key(2)
    named = f"E-{victim.public.fingerprint}"
    group = victim.public.fingerprint

    assert refused(open_house, rotation_statement(thief, OTHER, named, group)) == (
        "the request names another enterprise or group"
    )
    own = f"E-{thief.public.fingerprint}"
    statement = rotation_statement(thief, victim, own, thief.public.fingerprint)
    assert refused(open_house, statement) == ("the new key is known here already; make another one")
    open_house.call("ListRounds", pb.ListRoundsRequest(), victim)
