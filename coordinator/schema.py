"""The tables of the coordinator's store, and what SQLite is told before it is used.

``rounds`` and ``countersignatures`` hold what a round was created from, ``entries`` its transcript,
``verdicts`` what the proof workers found in the contributions, ``mailbox`` the sealed envelopes
between trustees. The unique constraints repeat at the lowest level what :mod:`coordinator.rounds`
decides. Databases are made and changed by :mod:`coordinator.migrations` only; a test compares what
the migrations make with the tables here and in :mod:`coordinator.registry_schema`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
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
PAGE_BYTES = 32_768
"""Of a new SQLite file: a contribution fills a few pages instead of dozens."""

CHECKPOINT_PAGES = 2_000
"""The write-ahead log is copied into the file every 64 MB."""

MAX_VERDICT_REASON = 400

metadata = MetaData()

rounds = Table(
    "rounds",
    metadata,
    Column("round_id", String(64), primary_key=True),
    # For people who look into the database; the truth is in the entries.
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
    Column("version", Integer, nullable=False),
    Column("payload_hash", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    # Large columns come last: SQLite reads a row from the left and skips what is not asked for.
    Column("payload", LargeBinary, nullable=False),
    UniqueConstraint("round_id", "kind", "signer", "version", name="entries_once"),
    UniqueConstraint("round_id", "payload_hash", name="entries_payload_once"),
)
verdicts = Table(
    "verdicts",
    metadata,
    Column("round_id", String(64), primary_key=True),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("valid", Boolean, nullable=False),
    Column("reason", String(MAX_VERDICT_REASON), nullable=False),
    ForeignKeyConstraint(["round_id", "index"], ["entries.round_id", "entries.index"]),
)
mailbox = Table(
    "mailbox",
    metadata,
    Column("round_id", ForeignKey("rounds.round_id"), primary_key=True),
    Column("phase", String(16), primary_key=True),
    Column("sender", Integer, primary_key=True, autoincrement=False),
    Column("recipient", Integer, primary_key=True, autoincrement=False),
    Column("envelope", LargeBinary, nullable=False),
)

corrections = Table(
    "corrections",
    metadata,
    Column("round_id", ForeignKey("rounds.round_id"), primary_key=True),
    Column("member", LargeBinary(32), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    # One page instead of two: nothing else of a correction is kept.
    sqlite_with_rowid=False,
)


def set_pragmas(connection: Any, _record: object) -> None:
    """Called for every new SQLite connection: durable writes, patient locks, wiped deletions."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA page_size={PAGE_BYTES}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()
