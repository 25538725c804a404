"""The coordinator's durable store: rounds, the entries of their transcripts, and the mailbox.

SQLite with a write-ahead log and ``synchronous=FULL``: when :meth:`Store.append` returns, the entry
is on the disk, and only then is it acknowledged. Queries are SQLAlchemy Core without anything
peculiar to SQLite but the pragmas, which are set by dialect. Rules live in
:mod:`coordinator.rounds`; this module knows none. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, delete, event, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from coordinator import schema
from coordinator.errors import StoreError
from protocols.signing import statement_hash
from protocols.terms import Description
from protocols.transcript import Entry

PAGE_ENTRIES = 16
"""Entries fetched at a time while streaming: at about 100 KB each, 2 MB in memory."""


@dataclass(frozen=True)
class RoundRow:
    """One line of the list of rounds."""

    round_id: str
    state: str
    contributions: int
    entries: int


@dataclass(frozen=True)
class EntryHead:
    """An entry without its payload: enough to rebuild a round's state for contributions."""

    index: int
    kind: str
    signer: bytes
    payload_hash: bytes
    hash: bytes


class Store:
    """All durable state of a coordinator. Safe to share between threads.

    :param url: an SQLAlchemy database URL.
    :raises StoreError: every method, when the database cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", schema.set_pragmas)
        with _translated():
            schema.metadata.create_all(self._engine)

    @classmethod
    def at(cls, path: Path) -> Store:
        """The SQLite store in the file ``path``, created if it is not there."""
        return cls(f"sqlite:///{path}")

    @property
    def engine(self) -> Engine:
        """For tests and maintenance."""
        return self._engine

    def close(self) -> None:
        """Release every connection."""
        self._engine.dispose()

    def create_round(
        self, round_id: str, state: str, record: Description, first: Entry, signer: bytes
    ) -> None:
        """Store a round and entry 0, its plan, in one step."""
        with _translated(), self._engine.begin() as connection:
            connection.execute(
                insert(schema.rounds).values(
                    round_id=round_id,
                    state=state,
                    plan=record.plan,
                    roster=record.roster,
                    ceremony=record.ceremony,
                )
            )
            for position, statement in enumerate(record.countersignatures):
                connection.execute(
                    insert(schema.countersignatures).values(
                        round_id=round_id, position=position, statement=statement
                    )
                )
            connection.execute(insert(schema.entries).values(**_entry_row(round_id, first, signer)))

    def rounds(self) -> list[RoundRow]:
        """Every round in the order of their names."""
        contributions = func.count().filter(schema.entries.c.kind == "contribution")
        query = (
            select(schema.rounds.c.round_id, schema.rounds.c.state, contributions, func.count())
            .join(schema.entries, schema.entries.c.round_id == schema.rounds.c.round_id)
            .group_by(schema.rounds.c.round_id, schema.rounds.c.state)
            .order_by(schema.rounds.c.round_id)
        )
        with _translated(), self._engine.connect() as connection:
            return [RoundRow(*row) for row in connection.execute(query)]

    def record(self, round_id: str) -> Description | None:
        """What ``round_id`` was created from; None if there is no such round."""
        query = select(
            schema.rounds.c.plan, schema.rounds.c.roster, schema.rounds.c.ceremony
        ).where(schema.rounds.c.round_id == round_id)
        signatures = (
            select(schema.countersignatures.c.statement)
            .where(schema.countersignatures.c.round_id == round_id)
            .order_by(schema.countersignatures.c.position)
        )
        with _translated(), self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            return Description(*row, tuple(connection.execute(signatures).scalars()))

    def append(self, round_id: str, entry: Entry, signer: bytes) -> None:
        """Store ``entry`` durably before returning."""
        with _translated(), self._engine.begin() as connection:
            connection.execute(insert(schema.entries).values(**_entry_row(round_id, entry, signer)))

    def set_state(self, round_id: str, state: str) -> None:
        """Note a round's state for lists; the truth is in its entries."""
        with _translated(), self._engine.begin() as connection:
            connection.execute(
                update(schema.rounds)
                .where(schema.rounds.c.round_id == round_id, schema.rounds.c.state != state)
                .values(state=state)
            )

    def heads(self, round_id: str) -> Iterator[EntryHead]:
        """Every entry without its payload, in order."""
        query = (
            select(
                schema.entries.c.index,
                schema.entries.c.kind,
                schema.entries.c.signer,
                schema.entries.c.payload_hash,
                schema.entries.c.hash,
            )
            .where(schema.entries.c.round_id == round_id)
            .order_by(schema.entries.c.index)
        )
        with _translated(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return (EntryHead(*row) for row in rows)

    def payload(self, round_id: str, index: int) -> bytes:
        """The signed statement at ``index``."""
        query = select(schema.entries.c.payload).where(
            schema.entries.c.round_id == round_id, schema.entries.c.index == index
        )
        with _translated(), self._engine.connect() as connection:
            payload: bytes = connection.execute(query).scalar_one()
            return payload

    def read(self, round_id: str, from_index: int = 0, kind: str | None = None) -> Iterator[Entry]:
        """Stream entries in order, a page at a time, so that a slow reader holds nothing."""
        position = from_index
        while True:
            query = (
                select(
                    schema.entries.c.index,
                    schema.entries.c.kind,
                    schema.entries.c.payload,
                    schema.entries.c.hash,
                )
                .where(schema.entries.c.round_id == round_id, schema.entries.c.index >= position)
                .order_by(schema.entries.c.index)
                .limit(PAGE_ENTRIES)
            )
            if kind is not None:
                query = query.where(schema.entries.c.kind == kind)
            with _translated(), self._engine.connect() as connection:
                page = [Entry(*row) for row in connection.execute(query)]
            yield from page
            if len(page) < PAGE_ENTRIES:
                return
            position = page[-1].index + 1

    def put_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> bool:
        """Keep a sealed envelope; False if there is one for this step already, which stands."""
        row = {
            "round_id": round_id,
            "phase": phase,
            "sender": sender,
            "recipient": recipient,
            "envelope": envelope,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(schema.mailbox).values(**row))
        except IntegrityError:
            return False
        except SQLAlchemyError as error:
            raise _store_error(error) from error
        return True

    def sealed(self, round_id: str, recipient: int, phase: str) -> list[tuple[int, bytes]]:
        """The envelopes of ``phase`` for ``recipient``, with their senders, by sender."""
        query = (
            select(schema.mailbox.c.sender, schema.mailbox.c.envelope)
            .where(
                schema.mailbox.c.round_id == round_id,
                schema.mailbox.c.recipient == recipient,
                schema.mailbox.c.phase == phase,
            )
            .order_by(schema.mailbox.c.sender)
        )
        with _translated(), self._engine.connect() as connection:
            return [(sender, envelope) for sender, envelope in connection.execute(query)]

    def empty_mailbox(self, round_id: str) -> int:
        """Delete every envelope of a finished round; how many there were."""
        with _translated(), self._engine.begin() as connection:
            result = connection.execute(
                delete(schema.mailbox).where(schema.mailbox.c.round_id == round_id)
            )
            return int(result.rowcount)


def _entry_row(round_id: str, entry: Entry, signer: bytes) -> dict[str, Any]:
    return {
        "round_id": round_id,
        "index": entry.index,
        "kind": entry.kind,
        "signer": signer,
        "payload_hash": statement_hash(entry.payload),
        "hash": entry.hash,
        "payload": entry.payload,
    }


def _store_error(error: SQLAlchemyError) -> StoreError:
    cause = getattr(error, "orig", None) or error
    return StoreError(f"the coordinator's database: {cause}")


class _translated:
    """Turns the database layer's exceptions into :class:`StoreError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, SQLAlchemyError):
            raise _store_error(error) from error
