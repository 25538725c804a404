"""One round as the coordinator holds it in memory: its state, its log's head, its lock.

What is large stays in the store: of a contribution a desk keeps its place, signer, version, hash
and whether it is valid. The writer (:mod:`coordinator.writer`) stages and takes entries, the board
asks. A desk whose store failed in the middle of a write does not know whether the write happened;
it reads the log again before the next one. Used inside this package only.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from coordinator.answers import Place
from coordinator.masking import Masking, certificates_for
from coordinator.rounds import Round
from coordinator.states import FINAL, State
from coordinator.store import Correction, EntryHead, Store, Verdict
from protocols import closing, contribution, notices
from protocols.aggregate import Aggregates, aggregate
from protocols.contribution import Arrived, Contribution
from protocols.errors import PolicyRefusal, TranscriptBroken
from protocols.federated import masked
from protocols.federated.keybook import KeyBook
from protocols.signing import VerifyKey, open_signed
from protocols.terms import Terms
from protocols.transcript import genesis
from protocols.wire.service_pb2 import MaskingReply

LOG = logging.getLogger("cefed.coordinator")

LONGEST_REST = 60
"""Seconds between two tries of a duty that goes on failing."""


@dataclass(frozen=True)
class Logged:
    """A logged contribution, as :func:`protocols.closing.select` wants it."""

    index: int
    member: VerifyKey
    version: int
    hash: bytes


class Desk:
    """The desk of one round. ``turn`` guards everything but the store's own reads."""

    def __init__(self, store: Store, terms: Terms) -> None:
        self.store = store
        self.round = Round(terms)
        self.round_id = terms.plan.round_id
        self.members = frozenset(member.key.raw for member in terms.roster.members)
        self.turn = threading.RLock()
        self.places: dict[bytes, Place] = {}
        """Where every logged statement is, by its hash."""
        self.contributions: list[Logged] = []
        """Every logged contribution, in the log's order."""
        self.valid: dict[int, bool] = {}
        """The verdicts so far, by the contribution's index."""
        self.staged = False
        """Whether entries of this round are being written right now."""
        self.stale = False
        """Whether a write failed, so that memory may lack what is stored."""
        self.clean = False
        self.head = genesis(self.round_id)
        """The hash of the last entry, or the genesis of the log."""
        self.noted: State | None = None
        """The state that the store's list shows."""
        self.late: dict[bytes, Correction] = {}
        """Corrections that came after the closing and are not stored yet, by the member's key."""
        self._waiting: dict[int, None] = {}
        self._examined_now: set[int] = set()
        self._reason = ""
        self._failures = 0
        self._rests_until = 0
        self._heavy = threading.Lock()
        self._aggregates: Aggregates | None = None
        self._book: KeyBook | None = None

    @classmethod
    def load(cls, store: Store, terms: Terms) -> Desk:
        """Rebuild a round from its stored entries, checking that none is missing."""
        desk = cls(store, terms)
        desk.catch_up()
        desk.read_verdicts()
        return desk

    @property
    def entries(self) -> int:
        """How many entries the transcript has."""
        return len(self.places)

    @property
    def unexamined(self) -> int:
        """How many contributions have no verdict yet."""
        return len(self._waiting) + len(self._examined_now)

    def hand_out(self, most: int) -> list[int]:
        """The next contributions to examine, by index; each is handed out once."""
        with self.turn:
            indexes = list(islice(self._waiting, most))
            for index in indexes:
                del self._waiting[index]
            self._examined_now.update(indexes)
            return indexes

    def hand_back(self, indexes: Sequence[int]) -> None:
        """Those that were handed out and not examined."""
        with self.turn:
            self._examined_now.difference_update(indexes)
            self._waiting.update(dict.fromkeys(i for i in indexes if i not in self.valid))

    def catch_up(self) -> None:
        """Take every stored entry that memory does not have yet.

        :raises StoreError: the store cannot be read. :raises TranscriptBroken: an entry is missing.
        """
        for head in self.store.heads(self.round_id, self.entries):
            small = head.kind != "contribution"
            payload = self.store.payload(self.round_id, head.index) if small else b""
            self.take(head, payload)
        self.stale = False

    def take(self, head: EntryHead, payload: bytes) -> None:
        """Let a stored entry take effect. Needs ``turn``, except while loading.

        :param payload: the signed statement; empty for a contribution.
        """
        if head.index != self.entries:
            raise TranscriptBroken(f"round {self.round_id}: entry {self.entries} is not stored")
        before = self.round.state
        self.places[head.payload_hash] = Place(head.index, head.kind, head.hash)
        self.head = head.hash
        self._failures = self._rests_until = 0
        signer = VerifyKey(head.signer)
        if head.kind == "contribution":
            self.round.apply_contribution(head.signer, head.version, head.payload_hash)
            logged = Logged(head.index, signer, head.version, head.payload_hash)
            self.contributions.append(logged)
            self._waiting[head.index] = None
        elif head.kind not in ("plan", "rehearsal"):
            content = open_signed(payload, head.kind).payload
            self.round.apply(head.kind, signer, payload, content)
        if self.round.state is not before:
            LOG.info("round %s: %s -> %s", self.round_id, before, self.round.state)
            if self.round.state in FINAL:
                self._aggregates = self._book = None

    def read_verdicts(self) -> None:
        """Take every stored verdict."""
        for verdict in self.store.verdicts(self.round_id):
            self.take_verdict(verdict)

    def take_verdict(self, verdict: Verdict) -> None:
        """Note what was found in a contribution; stored before."""
        with self.turn:
            self.valid[verdict.index] = verdict.valid
            self._waiting.pop(verdict.index, None)
            self._examined_now.discard(verdict.index)

    def note_late(self, arrived: Arrived, now: int) -> None:
        """Note a correction that comes after the closing, and is about to be refused.

        Only that it came: the member makes a new contribution for the round that takes it up.
        """
        member = arrived.member.raw
        known = self.round.versions.get(member, 0)
        if self.round.proposal is not None and 0 < known < arrived.version:
            self.late[member] = Correction(self.round_id, member, arrived.version, now)

    def next_version(self, kind: str) -> int:
        """Which statement of ``kind`` by its signer the next one is, contributions apart.

        The coordinator announces again and again; everybody says everything else once.
        """
        if kind not in notices.KINDS:
            return 1
        return 1 + sum(place.kind == kind for place in self.places.values())

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

    def selection(self) -> list[bytes]:
        """The contributions that are counted, by the inclusion rule, from the verdicts.

        Reads the chosen ones once to recognise repeated ciphertexts. Every contribution has its
        verdict when this is called.
        """
        with self.turn:
            logged, valid = list(self.contributions), dict(self.valid)

        def marks(item: Logged) -> Sequence[bytes] | None:
            if not valid[item.index]:
                return None
            payload = self.store.payload(self.round_id, item.index)
            return contribution.ciphertext_marks(self.read_contribution(payload))

        return [item.hash for item in closing.select(logged, marks)]

    def aggregates(self) -> Aggregates:
        """The products over the included contributions, streamed from the store once.

        :raises TranscriptBroken: they are not what the trustees certified.
        """
        with self._heavy:
            if self._aggregates is None:
                terms, certified = self.round.terms, self.round.closing
                proposal = self.round.proposal
                if certified is None or proposal is None:
                    raise PolicyRefusal(f"round {self.round_id}: no closing statement yet")
                if not certified.lists(proposal.included):
                    raise TranscriptBroken(
                        f"round {self.round_id}: the trustees certified another list"
                    )
                key = terms.ceremony.key.public
                included = self._included(frozenset(proposal.included))
                made = aggregate(terms.layout, key, included)
                if made.hash != certified.aggregates_hash:
                    raise TranscriptBroken(
                        f"round {self.round_id}: the trustees certified other aggregates"
                    )
                self._aggregates = made
            return self._aggregates

    def masking(self, member: VerifyKey) -> MaskingReply:
        """What a counted member of a federated round masks for and with.

        :raises PolicyRefusal: nothing is masked now, or not by this member.
        :raises TranscriptBroken: the trustees certified other round keys.
        """
        with self.turn:
            found = self.round.masking
            if found is None or self.round.state is not State.MASKING:
                raise PolicyRefusal(f"round {self.round_id} is {self.round.state}: nobody masks")
            place = found.place(member)
            signed = list(self.round.votes["certificate"].values())
        return self._key_book(found).reply(place, certificates_for(found.certificate, signed))

    def prepare_masking(self) -> None:
        """Read the round keys, if they are needed and not there yet, so that no member waits.

        :raises TranscriptBroken: the trustees certified other round keys.
        """
        with self.turn:
            found = self.round.masking
        if found is not None and self._book is None:
            self._key_book(found)

    def masked_statements(self) -> Iterator[bytes]:
        """Every logged masked vector, streamed from the store."""
        return (entry.payload for entry in self.store.read(self.round_id, kind=masked.KIND))

    def _key_book(self, found: Masking) -> KeyBook:
        """The round keys of what is counted; the contributions are read from the store once."""
        with self._heavy:
            if self._book is None:
                order = {digest: place for place, digest in enumerate(found.included)}
                keys = [b""] * len(order)
                for item in self.contributions:
                    if item.hash in order:
                        payload = self.store.payload(self.round_id, item.index)
                        keys[order[item.hash]] = contribution.round_key_in(payload)
                book = KeyBook(self.round.terms.plan, found.certificate, keys)
                if book.root != found.certificate.masks_root:
                    raise TranscriptBroken(
                        f"round {self.round_id}: the trustees certified other round keys"
                    )
                self._book = book
            return self._book

    def _included(self, wanted: frozenset[bytes]) -> Iterator[Contribution]:
        for item in self.contributions:
            if item.hash in wanted:
                yield self.read_contribution(self.store.payload(self.round_id, item.index))
