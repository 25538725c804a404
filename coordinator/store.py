"""The coordinator's durable store: rounds, the entries of their transcripts, and the mailbox.

When :meth:`Store.append` returns, the entries are on the disk (SQLite: write-ahead log with
``synchronous=FULL``; PostgreSQL: ``synchronous_commit`` as the server sets it, on by default), and
only then are they acknowledged. Queries are SQLAlchemy Core that both databases understand; what
differs is in :mod:`coordinator.database`. Rules live in :mod:`coordinator.rounds`; this module
knows none. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    Engine,
    case,
    delete,
    distinct,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from coordinator import database, schema
from coordinator.errors import StoreError
from coordinator.transactions import Transactions
from protocols.terms import Description
from protocols.transcript import Entry

CLAIM_SECONDS = 5.0
PAGE_ENTRIES = 16
"""Entries fetched at a time while streaming: at about 100 KB each, 2 MB in memory."""


@dataclass(frozen=True)
class RoundRow:
    """One line of the list of rounds.

    ``contributions``: members that have one; ``member``: whether who asked is on the roster.
    """

    round_id: str
    state: str
    contributions: int
    entries: int
    member: bool = False


@dataclass(frozen=True)
class NewEntry:
    """An entry to be stored; ``payload_hash`` is the hash of its statement.

    ``version`` counts a signer's statements of this kind from 1.
    """

    round_id: str
    entry: Entry
    payload_hash: bytes
    signer: bytes
    version: int = 1


@dataclass(frozen=True)
class EntryHead:
    """An entry without its payload: enough to rebuild a round's state for contributions."""

    index: int
    kind: str
    signer: bytes
    version: int
    payload_hash: bytes
    hash: bytes


@dataclass(frozen=True)
class Verdict:
    """What a proof worker found in the contribution at ``index``; the reason if it is not valid."""

    index: int
    valid: bool
    reason: str = ""


@dataclass(frozen=True)
class Correction:
    """That a member sent a correction after the closing of a round; its newest version."""

    round_id: str
    member: bytes
    version: int
    time: int


class Store:
    """All durable state of a coordinator. Safe to share between threads.

    :param url: an SQLAlchemy database URL; it may hold a password and is never shown.
    :raises StoreError: every method, when the database cannot be used; on opening, also when it
        has the schema of another version.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = database.open_engine(url)
        self._transactions = Transactions(self._engine)
        self._insert_entries = database.Insertion.into(schema.entries, self._engine)
        database.check_current(self._engine)

    @classmethod
    def create(cls, url: str) -> Store:
        """Make or migrate the database at ``url`` and open it."""
        database.migrate(url)
        return cls(url)

    @property
    def engine(self) -> Engine:
        """For the registry, which lives in the same database, and for maintenance."""
        return self._engine

    def claim(self, wait: float = CLAIM_SECONDS) -> None:
        """Hold the database for this process, until :meth:`close`; called before serving.

        :param wait: seconds to try, since a killed process's claim ends a moment after it.
        :raises StoreError: another process serves it.
        """
        self._transactions.claim(wait)

    def close(self) -> None:
        """Give the claim back and release every connection."""
        self._transactions.close()

    def create_round(
        self,
        round_id: str,
        state: str,
        record: Description,
        first: Sequence[NewEntry],
    ) -> None:
        """Store a round and its first entries, the plan's before all others, in one step."""
        with self._transactions.write() as connection:
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
            connection.execute(insert(schema.entries), [_entry_row(new) for new in first])

    def rounds(self) -> list[RoundRow]:
        """Every round in the order of their names."""
        contributor = case((schema.entries.c.kind == "contribution", schema.entries.c.signer))
        query = (
            select(
                schema.rounds.c.round_id,
                schema.rounds.c.state,
                func.count(distinct(contributor)),
                func.count(),
            )
            .join(schema.entries, schema.entries.c.round_id == schema.rounds.c.round_id)
            .group_by(schema.rounds.c.round_id, schema.rounds.c.state)
        )
        # Sorted here: databases order by their own collation.
        return sorted(
            (RoundRow(*row) for row in self._transactions.fetch(query)),
            key=lambda row: row.round_id,
        )

    def record(self, round_id: str) -> Description | None:
        """What ``round_id`` was created from; None if there is no such round."""
        table = schema.rounds
        query = select(table.c.plan, table.c.roster, table.c.ceremony)
        rows = self._transactions.fetch(query.where(table.c.round_id == round_id))
        if not rows:
            return None
        signatures = (
            select(schema.countersignatures.c.statement)
            .where(schema.countersignatures.c.round_id == round_id)
            .order_by(schema.countersignatures.c.position)
        )
        plan, roster, ceremony = rows[0]
        return Description(
            plan, roster, ceremony, tuple(row[0] for row in self._transactions.fetch(signatures))
        )

    def append(self, entries: Sequence[NewEntry]) -> None:
        """Store ``entries`` durably before returning: all of them, or none."""
        rows = [_entry_row(new) for new in entries]
        with self._transactions.write() as connection:
            self._insert_entries.run(connection, rows)

    def set_state(self, round_id: str, state: str) -> None:
        """Note a round's state for people; the truth is in its entries."""
        with self._transactions.write() as connection:
            connection.execute(
                update(schema.rounds)
                .where(schema.rounds.c.round_id == round_id, schema.rounds.c.state != state)
                .values(state=state)
            )

    def put_verdicts(self, round_id: str, verdicts: Sequence[Verdict]) -> None:
        """Store what was found in contributions; one that has a verdict has it for good."""
        rows = [
            {
                "round_id": round_id,
                "index": verdict.index,
                "valid": verdict.valid,
                "reason": verdict.reason[: schema.MAX_VERDICT_REASON],
            }
            for verdict in verdicts
        ]
        with self._transactions.write() as connection:
            connection.execute(insert(schema.verdicts), rows)

    def verdicts(self, round_id: str) -> list[Verdict]:
        """Every verdict of a round, in the order of the entries."""
        table = schema.verdicts
        query = select(table.c.index, table.c.valid, table.c.reason)
        query = query.where(table.c.round_id == round_id).order_by(table.c.index)
        return [Verdict(*row) for row in self._transactions.fetch(query)]

    def heads(self, round_id: str, from_index: int = 0) -> list[EntryHead]:
        """Every entry from an index on without its payload, in order."""
        table = schema.entries
        query = (
            select(
                table.c.index,
                table.c.kind,
                table.c.signer,
                table.c.version,
                table.c.payload_hash,
                table.c.hash,
            )
            .where(table.c.round_id == round_id, table.c.index >= from_index)
            .order_by(table.c.index)
        )
        return [EntryHead(*row) for row in self._transactions.fetch(query)]

    def payload(self, round_id: str, index: int) -> bytes:
        """The signed statement at ``index``. :raises StoreError: there is none."""
        table = schema.entries
        query = select(table.c.payload).where(table.c.round_id == round_id, table.c.index == index)
        rows = self._transactions.fetch(query)
        if not rows:
            raise StoreError(f"round {round_id} has no entry {index}")
        payload: bytes = rows[0][0]
        return payload

    def read(self, round_id: str, from_index: int = 0, kind: str | None = None) -> Iterator[Entry]:
        """Stream entries in order, a page at a time, so that a slow reader holds nothing."""
        table, position = schema.entries, from_index
        while True:
            query = (
                select(table.c.index, table.c.kind, table.c.payload, table.c.hash)
                .where(table.c.round_id == round_id, table.c.index >= position)
                .order_by(table.c.index)
                .limit(PAGE_ENTRIES)
            )
            if kind is not None:
                query = query.where(table.c.kind == kind)
            page = [Entry(*row) for row in self._transactions.fetch(query)]
            yield from page
            if len(page) < PAGE_ENTRIES:
                return
            position = page[-1].index + 1

    def put_corrections(self, corrections: Sequence[Correction]) -> None:
        """Note corrections that came after a closing; of each member the last one stands."""
        table = schema.corrections
        with self._transactions.write() as connection:
            for c in corrections:
                old = (table.c.round_id == c.round_id, table.c.member == c.member)
                connection.execute(delete(table).where(*old))
                connection.execute(insert(table).values(**asdict(c)))

    def corrections(self) -> list[Correction]:
        """Every correction that came after a closing, in the order in which they came."""
        table = schema.corrections
        query = select(table.c.round_id, table.c.member, table.c.version, table.c.time)
        query = query.order_by(table.c.time, table.c.round_id, table.c.member)
        return [Correction(*row) for row in self._transactions.fetch(query)]

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
            with self._transactions.write() as connection:
                connection.execute(insert(schema.mailbox).values(**row))
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                return False
            raise
        return True

    def sealed(self, round_id: str, recipient: int, phase: str) -> list[tuple[int, bytes]]:
        """The envelopes of ``phase`` for ``recipient``, with their senders, by sender."""
        table = schema.mailbox
        query = (
            select(table.c.sender, table.c.envelope)
            .where(
                table.c.round_id == round_id,
                table.c.recipient == recipient,
                table.c.phase == phase,
            )
            .order_by(table.c.sender)
        )
        return [(sender, envelope) for sender, envelope in self._transactions.fetch(query)]

    def empty_mailbox(self, round_id: str) -> int:
        """Delete every envelope of a finished round; how many there were."""
        with self._transactions.write() as connection:
            result = connection.execute(
                delete(schema.mailbox).where(schema.mailbox.c.round_id == round_id)
            )
            return int(result.rowcount)


def _entry_row(new: NewEntry) -> dict[str, Any]:
    entry = new.entry
    return {
        "round_id": new.round_id,
        "index": entry.index,
        "kind": entry.kind,
        "signer": new.signer,
        "version": new.version,
        "payload_hash": new.payload_hash,
        "hash": entry.hash,
        "payload": entry.payload,
    }
