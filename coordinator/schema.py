"""The tables of the coordinator's store, and what SQLite is told before it is used.

``rounds`` and ``countersignatures`` hold what a round was created from, ``entries`` its transcript,
``mailbox`` the sealed envelopes between trustees. The unique constraints repeat at the lowest level
what :mod:`coordinator.rounds` decides: one statement of a kind by a signer in a round.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

BUSY_SECONDS = 30

metadata = MetaData()

rounds = Table(
    "rounds",
    metadata,
    Column("round_id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("plan", LargeBinary, nullable=False),
    Column("roster", LargeBinary, nullable=False),
    Column("ceremony", LargeBinary, nullable=False),
)
countersignatures = Table(
    "countersignatures",
    metadata,
    Column("round_id", ForeignKey("rounds.round_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("statement", LargeBinary, nullable=False),
)
entries = Table(
    "entries",
    metadata,
    Column("round_id", ForeignKey("rounds.round_id"), primary_key=True),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("signer", LargeBinary(32), nullable=False),
    Column("payload_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    # Large columns come last: SQLite reads a row from the left and skips what is not asked for.
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("round_id", "kind", "signer"),
    UniqueConstraint("round_id", "payload_hash"),
)
mailbox = Table(
    "mailbox",
    metadata,
    Column("round_id", String(64), primary_key=True),
    Column("phase", String(16), primary_key=True),
    Column("sender", Integer, primary_key=True, autoincrement=False),
    Column("recipient", Integer, primary_key=True, autoincrement=False),
    Column("envelope", LargeBinary, nullable=False),
    ForeignKeyConstraint(["round_id"], ["rounds.round_id"]),
)


def set_pragmas(connection: Any, _record: object) -> None:
    """Called for every new SQLite connection: durable writes, patient locks, wiped deletions."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()
