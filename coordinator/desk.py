"""One round as the coordinator holds it in memory: its state, its log's head, its lock.

What is large stays in the store: of a contribution a desk keeps two hashes, and while the round is
open sixteen bytes a ciphertext to recognise a copy. Used by :mod:`coordinator.board` only.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from coordinator.rounds import FINAL, Round, State
from coordinator.store import Store
from protocols import contribution
from protocols.aggregate import Aggregates, aggregate
from protocols.contribution import Contribution, SeenCiphertexts
from protocols.errors import PolicyRefusal, TranscriptBroken
from protocols.signing import VerifyKey, open_signed, statement_hash
from protocols.terms import Terms
from protocols.transcript import Entry, genesis, next_entry

LOG = logging.getLogger("cefed.coordinator")

LONGEST_REST = 60
"""Seconds between two tries of a duty that goes on failing."""


class Desk:
    """The desk of one round. ``turn`` guards everything but the store's own reads."""

    def __init__(self, store: Store, terms: Terms) -> None:
        self.store = store
        self.round = Round(terms)
        self.round_id = terms.plan.round_id
        self.turn = threading.Condition(threading.RLock())
        self.checking: set[bytes] = set()
        """Hashes of the contributions whose proof is being verified right now."""
        self.places: dict[bytes, Entry] = {}
        """Index and chain hash of every logged statement, by its hash; payloads left empty."""
        self.clean = False
        self._reason = ""
        self._failures = 0
        self._rests_until = 0
        self._head = genesis(self.round_id)
        self._seen: SeenCiphertexts | None = None
        self._heavy = threading.Lock()
        self._aggregates: Aggregates | None = None

    @classmethod
    def load(cls, store: Store, terms: Terms) -> Desk:
        """Rebuild a round from its stored entries, checking that none is missing."""
        desk = cls(store, terms)
        for head in store.heads(desk.round_id):
            payload = (
                b"" if head.kind == "contribution" else store.payload(desk.round_id, head.index)
            )
            desk._take(Entry(head.index, head.kind, payload, head.hash), head.payload_hash)
            if head.kind == "contribution":
                desk.round.apply_contribution(head.signer, head.payload_hash)
            elif head.kind != "plan":
                statement = open_signed(payload, head.kind)
                desk.round.apply(head.kind, statement.signer, payload, statement.payload)
        store.set_state(desk.round_id, desk.round.state)
        return desk

    @property
    def head(self) -> bytes:
        """The hash of the last entry, or the genesis of the log."""
        return self._head

    @property
    def entries(self) -> int:
        """How many entries the transcript has."""
        return len(self.places)

    def append(self, kind: str, payload: bytes) -> Entry:
        """Log a statement that was admitted: durable first, then in effect. Needs ``turn``."""
        statement = open_signed(payload, kind)
        entry = next_entry(self._head, self.entries, kind, payload)
        before = self.round.state
        self.store.append(self.round_id, entry, statement.signer.raw)
        self._take(entry, statement.hash)
        self._failures = self._rests_until = 0
        if kind == "contribution":
            self.round.apply_contribution(statement.signer.raw, statement.hash)
        else:
            self.round.apply(kind, statement.signer, payload, statement.payload)
        if self.round.state is not before:
            self.store.set_state(self.round_id, self.round.state)
            LOG.info("round %s: %s -> %s", self.round_id, before, self.round.state)
            if self.round.state is State.CLOSED:
                self._seen = None
            if self.round.state in FINAL:
                self._aggregates = None
        return entry

    def rest(self, now: int, reason: str) -> bool:
        """Note that a duty failed at ``now``: the next try waits, twice as long each time.

        :returns: whether the reason is another one than the last time.
        """
        new, self._reason = reason != self._reason, reason
        self._rests_until = now + min(1 << self._failures, LONGEST_REST)
        self._failures = min(self._failures + 1, LONGEST_REST.bit_length())
        return new

    def rests(self, now: int) -> bool:
        """Whether the round waits after a failure; its next entry ends that."""
        return now < self._rests_until

    def read_contribution(self, data: bytes) -> Contribution:
        """Check everything about a contribution but its proof."""
        terms = self.round.terms
        key = terms.ceremony.key.public
        return contribution.read(data, terms.plan, terms.layout, terms.roster, key)

    def seen(self) -> SeenCiphertexts:
        """The ciphertexts of this round so far; rebuilt from the store after a restart."""
        if self._seen is None:
            seen = SeenCiphertexts()
            for entry in self.store.read(self.round_id, kind="contribution"):
                seen.add(self.read_contribution(entry.payload))
            self._seen = seen
        return self._seen

    def aggregates(self) -> Aggregates:
        """The products over the included contributions, streamed from the store once.

        :raises TranscriptBroken: they are not what the trustees certified.
        """
        with self._heavy:
            if self._aggregates is None:
                terms, certified = self.round.terms, self.round.closing
                if certified is None:
                    raise PolicyRefusal(f"round {self.round_id}: no closing statement yet")
                key = terms.ceremony.key.public
                included = self._included(frozenset(certified.included))
                made = aggregate(terms.layout, key, included)
                if made.hash != certified.aggregates_hash:
                    raise TranscriptBroken(
                        f"round {self.round_id}: the trustees certified other aggregates"
                    )
                self._aggregates = made
            return self._aggregates

    def included_hashes(self) -> list[bytes]:
        """What the coordinator proposes to count: every contribution it acknowledged."""
        return list(self.round.members.values())

    def trustee_name(self, key: VerifyKey) -> str:
        """For log lines."""
        return self.round.terms.ceremony.trustee(key).name

    def _included(self, wanted: frozenset[bytes]) -> Iterator[Contribution]:
        for entry in self.store.read(self.round_id, kind="contribution"):
            if statement_hash(entry.payload) in wanted:
                yield self.read_contribution(entry.payload)

    def _take(self, entry: Entry, payload_hash: bytes) -> None:
        if entry.index != self.entries:
            raise TranscriptBroken(f"round {self.round_id}: entry {self.entries} is not stored")
        self.places[payload_hash] = Entry(entry.index, entry.kind, b"", entry.hash)
        self._head = entry.hash
