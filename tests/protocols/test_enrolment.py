"""Enrolment requests and invitations: only the invited key of the invited enterprise passes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from protocols.enrolment import (
    EnrolmentError,
    Invitation,
    certificate_request,
    enrolment_statement,
    read_enrolment,
    read_rotation,
    rotation_statement,
)
from protocols.errors import InvalidSignature, MalformedMessage, ProtocolError, StorageError
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests.keys import signing_key

KEY, NEW, STRANGER = signing_key(1), signing_key(2), signing_key(3)
ID, GROUP = "91330000-A Köln", "Gruppe Süd"


def invitation(**changes: Any) -> Invitation:
    fields: dict[str, Any] = {
        "id": "inv-1",
        "secret": bytes(range(32)),
        "enterprise_id": ID,
        "group": GROUP,
        "coordinator": "round.example.org:7443",
        "coordinator_key": signing_key(1, "coordinator").public,
        "tls_authority": "-----BEGIN CERTIFICATE-----\n",
        "trustees": tuple((f"t{i}", signing_key(i, "trustee").public) for i in range(1, 5)),
        "threshold": 2,
        "quorum": 3,
        "cohort": "cement",
        "expires": 1_800_000_000,
    }
    return Invitation(**(fields | changes))


def test_a_request_under_an_invitation_is_read_back() -> None:
    request = read_enrolment(enrolment_statement(invitation(), KEY))
    assert (request.invitation, request.key) == ("inv-1", KEY.public)
    assert (request.enterprise_id, request.group) == (ID, GROUP)
    request.check_mac(invitation().secret)


def test_a_request_without_the_secret_is_told_apart() -> None:
    guessed = read_enrolment(enrolment_statement(invitation(secret=bytes(32)), KEY))
    with pytest.raises(InvalidSignature, match="secret"):
        guessed.check_mac(invitation().secret)
    with pytest.raises(InvalidSignature):
        guessed.check_mac(b"")


def swapped(**changes: Any) -> bytes:
    """The statement of somebody who carries another's request."""
    honest = read_enrolment(enrolment_statement(invitation(), KEY))
    fields: dict[str, Any] = {
        "invitation": honest.invitation,
        "request": honest.csr,
        "mac": honest.mac,
    }
    return STRANGER.sign("enrolment", encode(pb.Enrolment(**(fields | changes))))


def broken_signature(csr: bytes) -> bytes:
    return csr[:-1] + bytes([csr[-1] ^ 1])


REQUESTS = {
    "the key of another": swapped(),
    "its own key under the name's MAC but a broken signature": swapped(
        request=broken_signature(certificate_request(STRANGER, ID, GROUP))
    ),
    "no request": swapped(request=b""),
    "no DER": swapped(request=b"\x30\x82"),
    "an oversize request": swapped(request=b"\x30" * 4097),
    "no invitation": swapped(invitation=""),
    "a long invitation": swapped(invitation="x" * 65),
    "a short MAC": swapped(mac=b"\x00" * 31),
    "another kind": STRANGER.sign("rotation", encode(pb.Enrolment())),
    "no statement": b"\x00",
    "oversize": b"\x00" * ((1 << 16) + 1),
}


@pytest.mark.parametrize("defect", REQUESTS)
def test_other_requests_are_refused(defect: str) -> None:
    with pytest.raises(ProtocolError):
        read_enrolment(REQUESTS[defect])


def test_a_gateway_cannot_put_its_own_key_into_a_request() -> None:
    honest = read_enrolment(enrolment_statement(invitation(), KEY))
    own = pb.Enrolment(
        invitation=honest.invitation,
        request=certificate_request(STRANGER, ID, GROUP),
        mac=honest.mac,
    )
    request = read_enrolment(STRANGER.sign("enrolment", encode(own)))
    with pytest.raises(InvalidSignature):
        request.check_mac(invitation().secret)


def test_a_rotation_names_the_old_and_the_new_key() -> None:
    request = read_rotation(rotation_statement(KEY, NEW, ID, GROUP))
    assert (request.old, request.key) == (KEY.public, NEW.public)
    assert (request.enterprise_id, request.group) == (ID, GROUP)


def test_a_rotation_must_be_signed_by_both_keys() -> None:
    broken = broken_signature(certificate_request(NEW, ID, GROUP))
    with pytest.raises(EnrolmentError, match="own key"):
        read_rotation(KEY.sign("rotation", encode(pb.Rotation(request=broken))))
    message = decode(pb.Signed, rotation_statement(KEY, NEW, ID, GROUP))
    message.signer = STRANGER.public.raw
    with pytest.raises(InvalidSignature):
        read_rotation(encode(message))


def test_a_key_does_not_replace_itself() -> None:
    with pytest.raises(EnrolmentError, match="itself"):
        read_rotation(rotation_statement(KEY, KEY, ID, GROUP))


def test_trailing_bytes_are_refused() -> None:
    with pytest.raises(MalformedMessage):
        read_enrolment(enrolment_statement(invitation(), KEY) + b"\x00")


@pytest.mark.parametrize(
    ("enterprise_id", "group"),
    [("", GROUP), ("x" * 65, GROUP), (ID, ""), (ID, "x" * 101), (" a", GROUP), ("a\nb", GROUP)],
)
def test_names_that_no_certificate_can_hold_are_refused(enterprise_id: str, group: str) -> None:
    with pytest.raises(EnrolmentError):
        certificate_request(KEY, enterprise_id, group)


def test_an_invitation_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "invitation.json"
    path.write_text(invitation().to_json(), encoding="utf-8")
    path.chmod(0o600)
    assert Invitation.load(path) == invitation()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_an_invitation_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "invitation.json"
    path.write_text(invitation().to_json(), encoding="utf-8")
    path.chmod(0o640)
    with pytest.raises(StorageError, match="chmod 600"):
        Invitation.load(path)


def test_an_invitation_never_shows_its_secret() -> None:
    shown = f"{invitation()} {invitation()!r} {[invitation()]}"
    assert bytes(range(32)).hex() not in shown
    assert "redacted" in shown


def changed(**changes: Any) -> str:
    return json.dumps(json.loads(invitation().to_json()) | changes)


FILES: dict[str, tuple[str | bytes, str]] = {
    "no JSON": ("{", "the JSON"),
    "no text": (b"\xff\xfe", "the JSON"),
    "another format": (changed(format="cefed-invitation-2"), "format"),
    "a further field": (changed(colour="red"), "colour"),
    "a short secret": (changed(secret="ab"), "secret"),
    "a number for the id": (changed(id=3), "id"),
    "no trustees": (changed(trustees=[]), "trustees"),
    "a trustee twice": (
        changed(trustees=[{"name": n, "key": "ab" * 32} for n in "ab"], threshold=1, quorum=2),
        "one trustee twice",
    ),
    "a quorum beyond the trustees": (changed(quorum=5), "threshold and quorum"),
    "a threshold beyond the quorum": (changed(threshold=4, quorum=3), "threshold and quorum"),
    "no port": (changed(coordinator="round.example.org"), "HOST:PORT"),
    "oversize": (changed(cohort="x" * (1 << 18)), "at most"),
}


@pytest.mark.parametrize("defect", FILES)
def test_other_invitations_are_refused_without_their_values(defect: str) -> None:
    content, text = FILES[defect]
    with pytest.raises(EnrolmentError, match=text) as caught:
        Invitation.from_json(content)
    assert bytes(range(32)).hex() not in str(caught.value)
    assert caught.value.__cause__ is None
