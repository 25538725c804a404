"""How a key becomes a member: requests that arrive over ``Admission.Enrol``, and certificates.

A request proves who it is from by itself (the invitation's secret, or the enrolled key that it
replaces), so the call carries no pass. It may be repeated until it is decided; a repetition changes
nothing. Called by :mod:`coordinator.registry`, inside its transactions. SPEC.md section 7.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from coordinator import registry_schema as schema
from coordinator.registry_rows import MemberRow, MemberState, find_by_key
from protocols import enrolment
from protocols.errors import InvalidSignature
from protocols.signing import SigningKey, VerifyKey

CERTIFICATE_SECONDS = 3 * 366 * 86_400
BACKDATE_SECONDS = 3600
"""A certificate is valid from an hour before it was made, for clocks that are behind."""

WAITING, ENROLLED, REFUSED = "waiting", "enrolled", "refused"


@dataclass(frozen=True)
class Answer:
    """What a node is told: its state, its certificate (DER) once enrolled, why not otherwise."""

    state: str
    certificate: bytes = b""
    reason: str = ""


def admit(connection: Connection, data: bytes, now: int) -> Answer:
    """Take in an ``enrolment`` statement, or say what became of it.

    :raises ProtocolError: bytes that are no such statement.
    """
    request = enrolment.read_enrolment(data)
    held = find_by_key(connection, request.key)
    if held is not None:
        return _standing_of(connection, held)
    query = select(
        schema.invitations.c.enterprise_id,
        schema.invitations.c.corporate_group,
        schema.invitations.c.name,
        schema.invitations.c.cohort,
        schema.invitations.c.expires,
        schema.invitations.c.secret,
        schema.invitations.c.taken_by,
    ).where(schema.invitations.c.id == request.invitation)
    row = connection.execute(query).one_or_none()
    if row is None:
        return Answer(REFUSED, reason="this invitation is not known here")
    enterprise_id, group, name, cohort, expires, secret, taken_by = row
    if taken_by is not None:
        return Answer(REFUSED, reason="this invitation was used already; ask for a new one")
    try:
        request.check_mac(secret)
    except InvalidSignature:
        return Answer(REFUSED, reason="the request was not made with this invitation's secret")
    if now >= expires:
        return Answer(REFUSED, reason="this invitation has expired; ask for a new one")
    if (request.enterprise_id, request.group) != (enterprise_id, group):
        return Answer(REFUSED, reason="the invitation is for another enterprise or group")
    taken = connection.execute(
        update(schema.invitations)
        .where(schema.invitations.c.id == request.invitation)
        .where(schema.invitations.c.taken_by.is_(None))
        .values(taken_by=request.key.raw, secret=b"")
    )
    if taken.rowcount == 0:
        return Answer(REFUSED, reason="this invitation was used already; ask for a new one")
    add_member(connection, request.key, enterprise_id, group, name, cohort, now)
    return Answer(WAITING)


def rotate(connection: Connection, data: bytes, now: int) -> Answer:
    """Take in a ``rotation`` statement: an enrolled key names the one that replaces it.

    :raises ProtocolError: bytes that are no such statement.
    """
    request = enrolment.read_rotation(data)
    held = find_by_key(connection, request.key)
    if held is not None:
        if held.replaces != request.old:
            return Answer(REFUSED, reason="the new key is known here already; make another one")
        return _standing_of(connection, held)
    old = find_by_key(connection, request.old)
    if old is None or old.state is not MemberState.ENROLLED:
        return Answer(REFUSED, reason="the key to be replaced is not enrolled")
    if (request.enterprise_id, request.group) != (old.enterprise_id, old.group):
        return Answer(REFUSED, reason="the request names another enterprise or group")
    waiting = select(schema.members.c.serial).where(
        schema.members.c.replaces == old.key.raw, schema.members.c.state == MemberState.WAITING
    )
    if connection.execute(waiting).first() is not None:
        return Answer(REFUSED, reason="another new key of this member waits for the operator")
    details = (old.enterprise_id, old.group, old.name, old.cohort)
    add_member(connection, request.key, *details, now, replaces=old.key)
    return Answer(WAITING)


def add_member(
    connection: Connection,
    key: VerifyKey,
    enterprise_id: str,
    group: str,
    name: str,
    cohort: str,
    now: int,
    *,
    replaces: VerifyKey | None = None,
) -> int:
    """Note a key that waits for the operator; its serial."""
    result = connection.execute(
        insert(schema.members).values(
            enterprise_id=enterprise_id,
            corporate_group=group,
            name=name,
            cohort=cohort,
            key=key.raw,
            state=MemberState.WAITING,
            replaces=None if replaces is None else replaces.raw,
            asked_at=now,
            reason="",
        )
    )
    (serial,) = result.inserted_primary_key or (0,)
    return int(serial)


def issue(
    connection: Connection,
    coordinator: SigningKey,
    serial: int,
    key: VerifyKey,
    enterprise_id: str,
    group: str,
    now: int,
) -> bytes:
    """Certify a key that is in the registry and enrol it; the certificate, DER."""
    not_after = now + CERTIFICATE_SECONDS
    certificate = enrolment.issue(
        coordinator,
        key,
        enterprise_id,
        group,
        serial=serial,
        not_before=now - BACKDATE_SECONDS,
        not_after=not_after,
    )
    connection.execute(
        update(schema.members)
        .where(schema.members.c.serial == serial)
        .values(state=MemberState.ENROLLED, certificate=certificate, not_after=not_after, reason="")
    )
    return certificate


def end(connection: Connection, row: MemberRow, state: MemberState, reason: str, now: int) -> bool:
    """End an enrolled key's membership and revoke its certificate; False if it had none."""
    changed = connection.execute(
        update(schema.members)
        .where(schema.members.c.serial == row.serial)
        .where(schema.members.c.state == MemberState.ENROLLED)
        .values(state=state, reason=reason)
    )
    if changed.rowcount == 0:
        return False
    connection.execute(
        insert(schema.revocations).values(serial=row.serial, time=now, reason=reason)
    )
    return True


def _standing_of(connection: Connection, row: MemberRow) -> Answer:
    if row.state is MemberState.WAITING:
        return Answer(WAITING)
    if row.state is MemberState.ENROLLED:
        query = select(schema.members.c.certificate).where(schema.members.c.serial == row.serial)
        return Answer(ENROLLED, certificate=connection.execute(query).scalar_one())
    return Answer(REFUSED, reason=row.reason or f"this key is {row.state}")
