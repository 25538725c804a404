"""Who is behind a roster: what a trustee demands before it votes for one. SPEC.md section 4."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.enrolment.certificates import (
    MemberCertificate,
    read_certificate,
    read_revocations,
)
from protocols.enrolment.errors import EnrolmentError
from protocols.enrolment.names import folded
from protocols.roster import Roster
from protocols.signing import VerifyKey


def check_roster(
    roster: Roster,
    certificates: Sequence[bytes],
    revocations: bytes,
    coordinator: VerifyKey,
    *,
    now: int,
) -> list[MemberCertificate]:
    """That every member of a roster is one enrolled enterprise; their certificates, in its order.

    Ids and groups stand in the certificates only: a roster is public and holds neither. Whether an
    enterprise exists is what this cannot tell: a trustee compares ids and keys with a list.

    :param certificates: DER, one a member, in any order.
    :param revocations: the coordinator's revocation list, DER.
    :param now: seconds since 1970-01-01 UTC.
    :raises EnrolmentError: a certificate that does not hold, is expired or revoked, or is for
        nobody on the roster; a member without one; one enterprise or corporate group twice.
    """
    if len(certificates) > len(roster.members):
        raise EnrolmentError("there are more certificates than members on the roster")
    revoked = read_revocations(revocations, coordinator, now=now)
    held: dict[bytes, MemberCertificate] = {}
    for der in certificates:
        certificate = read_certificate(der, coordinator, now=now)
        if held.setdefault(certificate.key.raw, certificate) is not certificate:
            raise EnrolmentError(f"{certificate.key.fingerprint} has two certificates")
    ordered: list[MemberCertificate] = []
    enterprises: dict[str, VerifyKey] = {}
    groups: dict[str, VerifyKey] = {}
    for member in roster.members:
        found = held.pop(member.key.raw, None)
        if found is None:
            raise EnrolmentError(f"{member.key.fingerprint} on the roster has no certificate")
        if found.serial in revoked:
            raise EnrolmentError(f"the certificate of {found.enterprise_id} is revoked")
        if enterprises.setdefault(folded(found.enterprise_id), found.key) != found.key:
            raise EnrolmentError(f"{found.enterprise_id} is on the roster twice")
        if groups.setdefault(folded(found.group), found.key) != found.key:
            raise EnrolmentError(
                f"corporate group {found.group} is on the roster twice; a group takes part as one "
                "enterprise"
            )
        ordered.append(found)
    if held:
        stranger = next(iter(held.values()))
        raise EnrolmentError(f"a certificate of {stranger.enterprise_id}, who is not on the roster")
    return ordered
