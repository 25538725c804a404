"""The round's public log: an append-only hash chain of signed statements.

``h_0 = H(round id)``, ``h_i = H(h_(i-1), i, kind_i, H(payload_i))``. The coordinator keeps it,
everybody can replay it, a receipt names the place and the head right after an entry, so whoever
holds one can later show that the entry is in the log (or prove that it was dropped). SPEC.md
section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from protocols.errors import TranscriptBroken
from protocols.hashing import domain_hash
from protocols.signing import SigningKey, Statement, VerifyKey, open_signed, statement_hash
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode, encode

KINDS = frozenset(
    {
        "plan",
        "rehearsal",
        "roster",
        "contribution",
        "reminder",
        "deadline",
        "cancellation",
        "close",
        "closing",
        "certificate",
        "masked",
        "sums",
        "release",
        "endorsement",
        "refusal",
    }
)


@dataclass(frozen=True)
class Entry:
    """One statement in the log: ``payload`` is the signed statement's bytes as they came."""

    index: int
    kind: str
    payload: bytes
    hash: bytes


@dataclass
class Transcript:
    """A growing log of one round."""

    round_id: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def head(self) -> bytes:
        """The hash after the last entry."""
        return self.entries[-1].hash if self.entries else genesis(self.round_id)

    def append(self, kind: str, payload: bytes) -> Entry:
        """Add a statement. :raises TranscriptBroken: for a kind that has no place in a log."""
        entry = next_entry(self.head, len(self.entries), kind, payload)
        self.entries.append(entry)
        return entry

    def of_kind(self, kind: str) -> Iterator[bytes]:
        """The payloads of all entries of ``kind``, in order."""
        return (entry.payload for entry in self.entries if entry.kind == kind)


@dataclass(frozen=True)
class Receipt:
    """The coordinator's promise that a statement has a durable place in the log."""

    round_id: str
    index: int
    payload_hash: bytes
    entry_hash: bytes


def genesis(round_id: str) -> bytes:
    """The head of an empty log."""
    return domain_hash("cefed/transcript/v1", round_id.encode("utf-8"))


def next_entry(
    head: bytes, index: int, kind: str, payload: bytes, digest: bytes | None = None
) -> Entry:
    """The entry that follows ``head``.

    :param digest: the payload's statement hash, where the caller has just computed it.
    """
    if kind not in KINDS:
        raise TranscriptBroken(f"{kind!r} statements are not logged")
    link = domain_hash(
        "cefed/entry/v1",
        head,
        index.to_bytes(8, "big"),
        kind.encode("ascii"),
        statement_hash(payload) if digest is None else digest,
    )
    return Entry(index, kind, payload, link)


def replay(round_id: str, entries: Iterable[tuple[str, bytes]]) -> Transcript:
    """Rebuild a log from its statements; compare the result's head with a receipt or signature."""
    transcript = Transcript(round_id)
    for kind, payload in entries:
        transcript.append(kind, payload)
    return transcript


def check_chain(round_id: str, entries: Sequence[Entry]) -> None:
    """Raise :class:`TranscriptBroken` naming the first entry whose place or link does not hold."""
    head = genesis(round_id)
    for position, entry in enumerate(entries):
        if entry != next_entry(head, position, entry.kind, entry.payload):
            raise TranscriptBroken(f"transcript of {round_id}: entry {position} breaks the chain")
        head = entry.hash


def sign_receipt(
    coordinator: SigningKey, round_id: str, entry: Entry, digest: bytes | None = None
) -> bytes:
    """The receipt for ``entry``, signed by the coordinator once the entry is durable.

    :param digest: the payload's statement hash, where the caller knows it.
    """
    message = pb.Receipt(
        round_id=round_id,
        index=entry.index,
        payload_hash=statement_hash(entry.payload) if digest is None else digest,
        entry_hash=entry.hash,
    )
    return coordinator.sign("receipt", encode(message))


def open_receipt(data: bytes, coordinator: VerifyKey, *, round_id: str) -> Receipt:
    """Check that ``data`` is the coordinator's receipt for some statement of ``round_id``.

    :raises TranscriptBroken: signed by another key, or for another round.
    """
    statement: Statement = open_signed(data, "receipt", MAX_SMALL)
    message = decode(pb.Receipt, statement.payload, MAX_SMALL)
    if statement.signer != coordinator:
        raise TranscriptBroken("the receipt is not signed by the plan's coordinator")
    if message.round_id != round_id:
        raise TranscriptBroken(
            f"the receipt is for round {message.round_id[:64]!r}, not for {round_id!r}"
        )
    return Receipt(message.round_id, message.index, message.payload_hash, message.entry_hash)


def read_receipt(data: bytes, coordinator: VerifyKey, payload: bytes, *, round_id: str) -> Receipt:
    """Check that ``data`` is the coordinator's receipt for ``payload`` in ``round_id``.

    :raises TranscriptBroken: signed by another key, for another round or another statement.
    """
    receipt = open_receipt(data, coordinator, round_id=round_id)
    if receipt.payload_hash != statement_hash(payload):
        raise TranscriptBroken("the receipt is for another statement")
    return receipt


def check_inclusion(receipt: Receipt, entries: Sequence[Entry]) -> None:
    """Raise :class:`TranscriptBroken` unless the receipt's entry is where it was promised.

    :param entries: the whole log, or any run of it. Links are followed as far as the run reaches;
        of the entry alone, the statement, the place and the promised hash are compared.
    """
    if entries and entries[0].index == 0:
        check_chain(receipt.round_id, entries)
    else:
        for before, entry in pairwise(entries):
            if entry != next_entry(before.hash, before.index + 1, entry.kind, entry.payload):
                raise TranscriptBroken(
                    f"transcript of {receipt.round_id}: entry {entry.index} breaks the chain"
                )
    kept = next((entry for entry in entries if entry.index == receipt.index), None)
    if kept is None:
        raise _broken_promise(receipt)
    check_promise(receipt, kept.index, statement_hash(kept.payload), kept.hash)


def check_promise(receipt: Receipt, index: int, payload_hash: bytes, entry_hash: bytes) -> None:
    """Raise :class:`TranscriptBroken` unless an entry is the one that was promised.

    For a node, which is told of its entry no more than this.
    """
    if (index, payload_hash, entry_hash) != (
        receipt.index,
        receipt.payload_hash,
        receipt.entry_hash,
    ):
        raise _broken_promise(receipt)


def _broken_promise(receipt: Receipt) -> TranscriptBroken:
    return TranscriptBroken(
        f"round {receipt.round_id}: the entry promised at place {receipt.index} is not there; "
        "keep the receipt, it proves that the coordinator dropped it"
    )
