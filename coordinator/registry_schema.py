"""The tables of the registry: who may speak to this coordinator, and who once might.

In the same database and under the same migrations as the rounds (:mod:`coordinator.schema`).
``members`` has a row for every key that ever asked to be enrolled; its number is the serial of the
certificate. ``revocations`` is only ever added to.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    text,
)

from coordinator.schema import metadata

MAX_NAME = 200

members = Table(
    "members",
    metadata,
    Column("serial", Integer, primary_key=True),
    Column("enterprise_id", String(100), nullable=False),
    # The corporate group; GROUP is a word of SQL.
    Column("corporate_group", String(100), nullable=False),
    Column("name", String(MAX_NAME), nullable=False),
    Column("cohort", String(64), nullable=False),
    Column("key", LargeBinary(32), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("replaces", LargeBinary(32)),
    Column("certificate", LargeBinary),
    Column("not_after", BigInteger),
    Column("asked_at", BigInteger, nullable=False),
    Column("reason", String(400), nullable=False),
)
Index(
    "members_one_enrolled",
    members.c.enterprise_id,
    unique=True,
    sqlite_where=text("state = 'enrolled'"),
    postgresql_where=text("state = 'enrolled'"),
)
invitations = Table(
    "invitations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("enterprise_id", String(100), nullable=False),
    Column("corporate_group", String(100), nullable=False),
    Column("name", String(MAX_NAME), nullable=False),
    Column("cohort", String(64), nullable=False),
    Column("expires", BigInteger, nullable=False),
    # Emptied when the invitation is taken: from then on the key that took it is what counts.
    Column("secret", LargeBinary, nullable=False),
    Column("taken_by", LargeBinary(32)),
)
trustees = Table(
    "trustees",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("name", String(MAX_NAME), nullable=False),
    Column("added_at", BigInteger, nullable=False),
)
revocations = Table(
    "revocations",
    metadata,
    Column("serial", ForeignKey("members.serial"), primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("reason", String(400), nullable=False),
)
