"""Certificates and revocations of members, and what a trustee demands of a whole roster."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from protocols.enrolment import (
    EnrolmentError,
    certificate_request,
    check_roster,
    issue,
    read_certificate,
    read_request,
    read_revocations,
    revocation_list,
)
from protocols.roster import Roster
from protocols.signing import SigningKey
from tests.keys import signing_key

NOW = 1_700_000_000
DAY = 86_400
COORDINATOR, RIVAL = signing_key(1, "coordinator"), signing_key(2, "coordinator")
KEYS = [signing_key(i) for i in range(1, 4)]
REQUEST = certificate_request(KEYS[0], "enterprise-0", "group-0")


def certify(
    number: int,
    *,
    by: SigningKey = COORDINATOR,
    enterprise: str = "",
    group: str = "",
    until: int = NOW + DAY,
    key: SigningKey | None = None,
) -> bytes:
    return issue(
        by,
        (KEYS[number] if key is None else key).public,
        enterprise or f"enterprise-{number}",
        group or f"group-{number}",
        serial=number + 1,
        not_before=NOW - DAY,
        not_after=until,
    )


def test_a_certificate_says_whose_key_it_is() -> None:
    der = certify(0)
    found = read_certificate(der, COORDINATOR.public, now=NOW)
    assert (found.enterprise_id, found.group) == ("enterprise-0", "group-0")
    assert (found.key, found.serial, found.not_after) == (KEYS[0].public, 1, NOW + DAY)
    assert found.der == der


def test_its_dates_count_unless_nobody_asks() -> None:
    der = certify(0)
    with pytest.raises(EnrolmentError, match="expired"):
        read_certificate(der, COORDINATOR.public, now=NOW + DAY)
    with pytest.raises(EnrolmentError, match=r"not valid yet.*clock"):
        read_certificate(der, COORDINATOR.public, now=NOW - DAY - 1)
    assert read_certificate(der, COORDINATOR.public, now=None).serial == 1


def test_another_issuer_is_refused() -> None:
    with pytest.raises(EnrolmentError, match="not issued by"):
        read_certificate(certify(0, by=RIVAL), COORDINATOR.public, now=NOW)


def builder(
    subject: x509.Name | None = None, issuer: x509.Name | None = None
) -> x509.CertificateBuilder:
    """A certificate as the coordinator's key could sign it by another program."""
    usual = x509.load_der_x509_certificate(certify(0))
    return (
        x509.CertificateBuilder()
        .subject_name(subject or usual.subject)
        .issuer_name(issuer or usual.issuer)
        .serial_number(7)
        .not_valid_before(datetime.fromtimestamp(NOW - DAY, UTC))
        .not_valid_after(datetime.fromtimestamp(NOW + DAY, UTC))
    )


def signed(made: x509.CertificateBuilder) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(COORDINATOR.seed())
    return made.sign(key, None).public_bytes(Encoding.DER)


ED25519 = Ed25519PrivateKey.from_private_bytes(KEYS[0].seed()).public_key()
LEAF = x509.BasicConstraints(ca=False, path_length=None)
P256 = ec.derive_private_key(5, ec.SECP256R1())
FORMS = {
    "an authority": lambda: signed(
        builder().public_key(ED25519).add_extension(x509.BasicConstraints(True, None), True)
    ),
    "without constraints": lambda: signed(builder().public_key(ED25519)),
    "a further extension": lambda: signed(
        builder()
        .public_key(ED25519)
        .add_extension(LEAF, True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example.org")]), False)
    ),
    "another kind of key": lambda: signed(
        builder().public_key(P256.public_key()).add_extension(LEAF, True)
    ),
    "a subject of another form": lambda: signed(
        builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]))
        .public_key(ED25519)
        .add_extension(LEAF, True)
    ),
    "another issuer's name": lambda: signed(
        builder(issuer=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")]))
        .public_key(ED25519)
        .add_extension(LEAF, True)
    ),
    "another algorithm": lambda: (
        builder()
        .public_key(ED25519)
        .add_extension(LEAF, True)
        .sign(P256, hashes.SHA256())
        .public_bytes(Encoding.DER)
    ),
    "trailing bytes": lambda: certify(0) + b"\x00",
    "cut short": lambda: certify(0)[:-1],
    "empty": lambda: b"",
    "oversize": lambda: b"\x30" * 4097,
    "a revocation list": lambda: revocation_list(COORDINATOR, [], now=NOW),
}


def test_the_hand_made_form_is_accepted_when_it_is_the_usual_one() -> None:
    """So that the refusals below are refusals of what they name."""
    der = signed(builder().public_key(ED25519).add_extension(LEAF, True))
    assert read_certificate(der, COORDINATOR.public, now=NOW).serial == 7


@pytest.mark.parametrize("form", FORMS)
def test_other_forms_are_refused(form: str) -> None:
    with pytest.raises(EnrolmentError):
        read_certificate(FORMS[form](), COORDINATOR.public, now=NOW)


READERS: list[tuple[bytes, Callable[[bytes], object]]] = [
    (certify(0), lambda der: read_certificate(der, COORDINATOR.public, now=NOW)),
    (REQUEST, read_request),
    (
        revocation_list(COORDINATOR, [(1, NOW)], now=NOW),
        lambda der: read_revocations(der, COORDINATOR.public),
    ),
]


@given(st.data())
def test_damaged_der_is_refused_and_nothing_is_printed(data: st.DataObject) -> None:
    der, read = data.draw(st.sampled_from(READERS))
    place = data.draw(st.integers(0, len(der) - 1))
    damaged = bytearray(der)
    damaged[place] ^= data.draw(st.integers(1, 255))
    with warnings.catch_warnings(action="error"), pytest.raises(EnrolmentError):
        read(bytes(damaged))


@pytest.mark.parametrize(
    ("serial", "begins", "ends"), [(0, 0, 1), (1 << 159, 0, 1), (1, 5, 5), (1, 0, 1 << 60)]
)
def test_no_certificate_is_made_of_unusable_values(serial: int, begins: int, ends: int) -> None:
    with pytest.raises(EnrolmentError):
        issue(
            COORDINATOR,
            KEYS[0].public,
            "e",
            "g",
            serial=serial,
            not_before=begins,
            not_after=ends,
        )


def test_a_revocation_list_names_the_serials() -> None:
    der = revocation_list(COORDINATOR, [(3, NOW - 5), (9, NOW)], now=NOW)
    assert read_revocations(der, COORDINATOR.public, now=NOW) == {3, 9}
    assert read_revocations(revocation_list(COORDINATOR, [], now=NOW), COORDINATOR.public) == set()


def test_a_revocation_list_of_another_key_is_refused() -> None:
    with pytest.raises(EnrolmentError, match="not issued by"):
        read_revocations(revocation_list(RIVAL, [(3, NOW)], now=NOW), COORDINATOR.public)


def test_an_old_revocation_list_is_refused() -> None:
    der = revocation_list(COORDINATOR, [], now=NOW)
    with pytest.raises(EnrolmentError, match="too old"):
        read_revocations(der, COORDINATOR.public, now=NOW + 7 * DAY)


@pytest.mark.parametrize("data", [b"", b"\x30\x03", certify(0), b"\x30" * ((1 << 20) + 1)])
def test_what_is_no_revocation_list_is_refused(data: bytes) -> None:
    with pytest.raises(EnrolmentError):
        read_revocations(data, COORDINATOR.public)


@pytest.mark.parametrize("revoked", [(0, NOW), (-1, NOW), (1, -(1 << 60))])
def test_no_list_is_made_of_unusable_values(revoked: tuple[int, int]) -> None:
    with pytest.raises(EnrolmentError):
        revocation_list(COORDINATOR, [revoked], now=NOW)


ROSTER = Roster.of_keys(key.public for key in KEYS)
NONE_REVOKED = revocation_list(COORDINATOR, [], now=NOW)


def test_a_roster_of_enrolled_members_is_accepted_in_its_own_order() -> None:
    certificates = [certify(i) for i in (2, 0, 1)]
    found = check_roster(ROSTER, certificates, NONE_REVOKED, COORDINATOR.public, now=NOW)
    assert [c.key for c in found] == [m.key for m in ROSTER.members]
    assert {c.enterprise_id for c in found} == {f"enterprise-{i}" for i in range(3)}


GOOD = [certify(i) for i in range(3)]
STRANGER = signing_key(9)
ROSTERS: dict[str, tuple[list[bytes], bytes, str]] = {
    "a member without": (GOOD[:2], NONE_REVOKED, "no certificate"),
    "one of nobody in place of a member's": (
        [*GOOD[:2], certify(2, key=STRANGER)],
        NONE_REVOKED,
        "no certificate",
    ),
    "one too many": ([*GOOD, certify(2, key=STRANGER)], NONE_REVOKED, "more certificates"),
    "two of one member": ([GOOD[0], GOOD[0], GOOD[1]], NONE_REVOKED, "two certificates"),
    "one group twice": (
        [*GOOD[:2], certify(2, group="GROUP-1")],
        NONE_REVOKED,
        "corporate group GROUP-1 is on the roster twice",
    ),
    "revoked": (GOOD, revocation_list(COORDINATOR, [(2, NOW)], now=NOW), "revoked"),
    "expired": ([*GOOD[:2], certify(2, until=NOW)], NONE_REVOKED, "expired"),
    "another issuer": ([*GOOD[:2], certify(2, by=RIVAL)], NONE_REVOKED, "not issued by"),
    "one enterprise twice": (
        [*GOOD[:2], certify(2, enterprise="ENTERPRISE-1")],
        NONE_REVOKED,
        "twice",
    ),
    "one enterprise twice, in other characters": (
        [*GOOD[:2], certify(2, enterprise="enterprise-\uff11")],
        NONE_REVOKED,
        "twice",
    ),
    "a foreign revocation list": (GOOD, revocation_list(RIVAL, [], now=NOW), "not issued by"),
    "an old revocation list": (GOOD, revocation_list(COORDINATOR, [], now=1), "too old"),
}


@pytest.mark.parametrize("defect", ROSTERS)
def test_other_rosters_are_refused(defect: str) -> None:
    certificates, revocations, text = ROSTERS[defect]
    with pytest.raises(EnrolmentError, match=text):
        check_roster(ROSTER, certificates, revocations, COORDINATOR.public, now=NOW)


def test_a_certificate_of_somebody_who_is_not_on_the_roster_is_refused() -> None:
    shorter = Roster.of(list(ROSTER.members)[:2])
    held = {m.key.raw for m in shorter.members}
    own = [c for c in GOOD if read_certificate(c, COORDINATOR.public, now=NOW).key.raw in held]
    check_roster(shorter, own, NONE_REVOKED, COORDINATOR.public, now=NOW)
    foreign = [c for c in GOOD if c not in own]
    with pytest.raises(EnrolmentError, match="no certificate"):
        check_roster(shorter, [own[0], *foreign], NONE_REVOKED, COORDINATOR.public, now=NOW)
