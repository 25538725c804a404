"""What the registry holds, as plain records, and the queries that make them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, select
from sqlalchemy.exc import SQLAlchemyError

from coordinator import registry_schema as schema
from coordinator.database import store_error
from protocols.signing import VerifyKey


class Standing(StrEnum):
    """Who a caller is to this coordinator."""

    MEMBER = "member"
    TRUSTEE = "trustee"
    OPERATOR = "operator"
    NOBODY = "nobody"


class MemberState(StrEnum):
    """Where a key's membership stands; stored and shown under these names."""

    WAITING = "waiting"
    ENROLLED = "enrolled"
    REJECTED = "rejected"
    REVOKED = "revoked"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class MemberRow:
    """One key that asked to be a member. Times are seconds since 1970."""

    serial: int
    enterprise_id: str
    group: str
    name: str
    cohort: str
    key: VerifyKey
    state: MemberState
    replaces: VerifyKey | None
    not_after: int | None
    asked_at: int
    reason: str


@dataclass(frozen=True)
class InvitationRow:
    """One invitation, without its secret."""

    id: str
    enterprise_id: str
    group: str
    name: str
    cohort: str
    expires: int
    taken_by: VerifyKey | None


@dataclass(frozen=True)
class TrusteeRow:
    """A trustee that the operator registered."""

    key: VerifyKey
    name: str
    added_at: int


def select_members() -> Select[Any]:
    """Every column that :func:`member_row` reads, in the order of the serials."""
    columns = schema.members.c
    return select(
        columns.serial,
        columns.enterprise_id,
        columns.corporate_group,
        columns.name,
        columns.cohort,
        columns.key,
        columns.state,
        columns.replaces,
        columns.not_after,
        columns.asked_at,
        columns.reason,
    ).order_by(columns.serial)


def member_row(row: Row[Any]) -> MemberRow:
    """A row of :func:`select_members`."""
    return MemberRow(
        row.serial,
        row.enterprise_id,
        row.corporate_group,
        row.name,
        row.cohort,
        VerifyKey(row.key),
        MemberState(row.state),
        None if row.replaces is None else VerifyKey(row.replaces),
        row.not_after,
        row.asked_at,
        row.reason,
    )


def find_by_key(connection: Connection, key: VerifyKey) -> MemberRow | None:
    """The member row of a key, whatever its state."""
    query = select_members().where(schema.members.c.key == key.raw)
    row = connection.execute(query).one_or_none()
    return None if row is None else member_row(row)


def members_in(connection: Connection, states: Sequence[MemberState]) -> list[MemberRow]:
    """Members by state, in order of their serials; all when ``states`` is empty."""
    query = select_members()
    if states:
        query = query.where(schema.members.c.state.in_(list(states)))
    return [member_row(row) for row in connection.execute(query)]


class translated(AbstractContextManager[None]):
    """Turns the database layer's exceptions into :class:`coordinator.errors.StoreError`."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, SQLAlchemyError):
            # Not chained: SQLAlchemy's message repeats the parameters, an invitation's secret too.
            raise store_error(error) from None
