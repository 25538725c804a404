"""The bulletin board: what the coordinator does with everything that reaches it, without a socket.

Every statement is checked on arrival, stored durably by one writing thread
(:mod:`coordinator.writer`), and only then acknowledged with a signed receipt. Sending the same
bytes again gives the same receipt. Of a contribution only the envelope is checked on arrival; its
ciphertexts and proof are examined afterwards (:mod:`coordinator.proofs`). :meth:`Board.advance`
does what the coordinator itself owes each round; a clerk thread calls it
(:mod:`coordinator.server`), tests call it directly. SPEC.md section 4.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache

from coordinator.answers import Place
from coordinator.clerk import Clerk, Clock
from coordinator.desk import Desk
from coordinator.earlier import Identify, by_key, check_roster
from coordinator.errors import CoordinatorError, StoreError
from coordinator.intake import Intake, Parcel
from coordinator.metrics import Metrics
from coordinator.outcomes import Outcomes
from coordinator.peers import Peers
from coordinator.proofs import Examiner
from coordinator.rounds import SEALED_PHASES, TRUSTEE_KINDS
from coordinator.states import State
from coordinator.store import NewEntry, RoundRow, Store
from coordinator.writer import Wish, Writer
from protocols import contribution, notices, threshold
from protocols.ceremony import Ceremony
from protocols.contribution import Arrived
from protocols.errors import (
    InvalidShare,
    InvalidSignature,
    PlanError,
    PlanExpired,
    PolicyRefusal,
    ProtocolError,
)
from protocols.federated import masked
from protocols.places import Place as RosterPlace
from protocols.places import place_of
from protocols.plan import Plan
from protocols.signing import SigningKey, Statement, VerifyKey, open_signed, statement_hash
from protocols.terms import CeremonyReader, Description, Terms, read_terms
from protocols.transcript import Entry, genesis, next_entry, sign_receipt
from protocols.wire import messages_pb2 as pb
from protocols.wire import service_pb2
from protocols.wire.codec import MAX_SMALL, decode
from protocols.wire.service_pb2 import MaskingReply

LOG = logging.getLogger("cefed.coordinator")

MAX_ROUNDS = 10_000
CEREMONIES = 32
"""Ceremonies that are kept parsed."""

Revoked = Callable[[VerifyKey], bool]


def wall_clock() -> int:
    """Seconds since 1970-01-01 UTC."""
    return int(time.time())


def nobody(_: VerifyKey) -> bool:
    """The :data:`Revoked` of a board without a registry."""
    return False


class Board:
    """All rounds of one coordinator. Safe to call from many threads.

    :param clock: seconds since 1970; a parameter for tests.
    :param read_ceremony: see :data:`protocols.terms.CeremonyReader`; with workers it is pickled.
    :param revoked: whether a member's key was revoked; asked for every contribution.
    :param identify: who is behind members' keys, to know them again in earlier rounds.
    :param workers: processes that examine contributions; 0 to do it in :meth:`advance`.
    :param close_when_complete: end a collection once every member has contributed.
    """

    def __init__(
        self,
        store: Store,
        key: SigningKey,
        *,
        clock: Clock = wall_clock,
        read_ceremony: CeremonyReader = Ceremony.from_signed,
        revoked: Revoked = nobody,
        identify: Identify = by_key,
        workers: int = 0,
        close_when_complete: bool = True,
    ) -> None:
        self.key = key
        self.changed = threading.Event()
        """Set when there may be something to do, so that the clerk need not wait for its timer."""
        self.metrics = Metrics()
        self._store = store
        self._clock = clock
        # Many rounds share a ceremony, and checking its modulus takes a tenth of a second.
        self._read_ceremony = lru_cache(maxsize=CEREMONIES)(read_ceremony)
        self._revoked = revoked
        self._identify = identify
        self._peers = Peers()
        self._outcomes = Outcomes(store)
        self._desks: dict[str, Desk] = {}
        self._lock = threading.Lock()
        for row in store.rounds():
            self._load(row.round_id)
        self._intake = Intake(self)
        self._writer = Writer(store, self.metrics, self._intake.wake)
        self._examiner = Examiner(
            store,
            read_ceremony,
            workers,
            metrics=self.metrics,
            on_ready=self.changed.set,
            crowded=lambda: self._writer.crowded,
        )
        self._clerk = Clerk(
            store,
            key,
            self._writer,
            self._examiner,
            clock=clock,
            metrics=self.metrics,
            changed=self.changed,
            when_complete=close_when_complete,
            identify=identify,
        )

    def alive(self) -> bool:
        """Whether statements can still be logged, for ``/readyz``."""
        return self._writer.alive()

    def close(self) -> None:
        """Finish what was handed in and end workers and threads; the store is the caller's."""
        self._examiner.close()
        self._writer.close()

    # What the operator does

    def create_round(self, record: Description, rehearsal: bytes = b"") -> str:
        """Propose a round; its id. The same record again changes nothing.

        :param rehearsal: the signed report of a dry run, if there was one.
        :raises PlanError: parts that do not fit, a deadline in the past, or a name that is taken.
        :raises PolicyRefusal: earlier rounds forbid to close one with this roster.
        """
        terms = read_terms(record, self.key.public, read_ceremony=self._read_ceremony)
        plan = terms.plan
        if rehearsal:
            notices.read_rehearsal(rehearsal, plan, self.key.public)
        with self._lock:
            known = self._desks.get(plan.round_id) or self._load(plan.round_id)
            if known is not None:
                if known.round.terms.description == record:
                    return plan.round_id
                raise PlanError(f"there is another round {plan.round_id}; choose another name")
            if plan.deadline <= self._clock():
                raise PlanExpired(f"the deadline of round {plan.round_id} has passed already")
            if len(self._desks) >= MAX_ROUNDS:
                raise PolicyRefusal(f"this coordinator keeps at most {MAX_ROUNDS} rounds")
            check_roster(terms, list(self._desks.values()), self._identify)
            first = self._first_entries(plan, record.plan, rehearsal)
            self._store.create_round(plan.round_id, State.PROPOSED, record, first)
            if self._load(plan.round_id) is None:
                raise StoreError(f"round {plan.round_id} was stored and cannot be read again")
        LOG.info(
            "round %s: proposed, cohort %s, %d members",
            plan.round_id,
            plan.cohort,
            plan.participants,
        )
        self.changed.set()
        return plan.round_id

    def announce(self, round_id: str, data: bytes) -> bytes:
        """Take the operator's reminder, deadline or cancellation; the signed receipt.

        :raises ProtocolError: as it says.
        """
        desk = self._desk(round_id)
        kind = decode(pb.Signed, data, MAX_SMALL).kind
        if kind not in notices.KINDS:
            raise PolicyRefusal(f"{kind[:40]!r} statements are not announced")
        return self._take(desk, open_signed(data, kind, MAX_SMALL))

    # What everybody may ask

    def rounds(self, caller: VerifyKey | None = None) -> list[RoundRow]:
        """Every round with its state and sizes, and whether ``caller`` is on its roster."""
        return [_row(desk, caller) for _, desk in sorted(self._desks.items())]

    def describe(self, round_id: str) -> tuple[Description, State, list[bytes], list[bytes]]:
        """What a round was created from, its state, the roster votes, and what was announced."""
        desk = self._desk(round_id)
        with desk.turn:
            votes = [vote for _, vote in sorted(desk.round.votes["roster"].items())]
            announced = list(desk.round.notices)
            return desk.round.terms.description, desk.round.state, votes, announced

    def terms(self, round_id: str) -> Terms:
        """The checked terms of a round: plan, roster, ceremony."""
        return self._desk(round_id).round.terms

    def trustee_index(self, round_id: str, key: VerifyKey) -> int:
        """Which trustee of a round signs with ``key``. :raises InvalidSignature: none does."""
        return self._desk(round_id).round.terms.ceremony.trustee(key).index

    def refusals(self, round_id: str) -> dict[str, str]:
        """Why trustees left a round, by their names; for the operator."""
        desk = self._desk(round_id)
        trustees = desk.round.terms.ceremony.trustees
        with desk.turn:
            return {trustees[i - 1].name: why for i, why in sorted(desk.round.refusals.items())}

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        """The transcript from an index on; contributions stay confidential until the close.

        Of a round that was cancelled before its close they stay so for ever.
        """
        desk = self._desk(round_id)
        if from_index >= desk.entries:
            return  # no database is asked for a place that it might not be able to count to
        for entry in self._store.read(round_id, from_index):
            if entry.index > 0 and desk.round.confidential:
                return
            yield entry

    def place(self, round_id: str, member: VerifyKey) -> RosterPlace:
        """The member's place on a round's roster. :raises InvalidSignature: it has none."""
        return place_of(self.terms(round_id).roster, member)

    def outcome(self, round_id: str, member: VerifyKey, index: int) -> service_pb2.OutcomeReply:
        """What a member's node needs of a finished round; see :class:`Outcomes`.

        :param index: of the entry in the log that the member's receipt names.
        :raises PolicyRefusal: it has no release yet. :raises InvalidSignature: not a member.
        """
        self.terms(round_id).roster.member(member)
        return self._outcomes.of(self._desk(round_id), member, index)

    # What nodes and trustees send

    def submit(self, round_id: str, data: bytes, caller: VerifyKey) -> bytes:
        """Take a contribution; the signed receipt. :raises ProtocolError: naming the defect."""
        try:
            desk, arrived, place = self._arrive(round_id, data, caller)
            if place is not None:
                return self._receipt(desk, arrived.hash, place)
            return self._accepted(desk, arrived, self._writer.append(desk, data, arrived))
        except (ProtocolError, CoordinatorError) as error:
            self.refused(error)
            raise

    async def submit_soon(self, round_id: str, data: bytes, caller: VerifyKey) -> bytes:
        """:meth:`submit` for calls that come over an event loop."""
        parcel = Parcel(self._intake, round_id, data, caller)
        self._writer.hand_in(parcel)
        return await parcel.receipt()

    def masks_due(self, round_id: str, member: VerifyKey) -> bool:
        """Whether a round waits for this member's masked vector."""
        desk = self._desk(round_id)
        with desk.turn:
            masking = desk.round.masking
            return (
                masking is not None
                and desk.round.state is State.MASKING
                and masking.due(member.raw)
            )

    def masking(self, round_id: str, member: VerifyKey) -> MaskingReply:
        """What a counted member masks for and with. :raises PolicyRefusal: nothing, or not it."""
        return self._desk(round_id).masking(member)

    def submit_masked(self, round_id: str, data: bytes) -> bytes:
        """Take a member's masked vector; the signed receipt. :raises ProtocolError: as it says.

        Nobody gains by sending another's, which is signed and says the same whoever brings it.
        """
        desk = self._desk(round_id)
        statement = open_signed(data, masked.KIND, masked.max_bytes(desk.round.terms.plan))
        place = desk.places.get(statement.hash)
        if place is None:
            self._admit(desk, statement)
            if (masking := desk.round.masking) is not None:
                masking.check_time(self._clock())
            place = self._writer.append(desk, data, statement)
            if masking is None or masking.complete:
                self.changed.set()
        return self._receipt(desk, statement.hash, place)

    def post(self, round_id: str, data: bytes, caller: VerifyKey) -> bytes:
        """Take a trustee's statement; the signed receipt. :raises ProtocolError: as it says."""
        desk = self._desk(round_id)
        largest = desk.round.largest
        kind = decode(pb.Signed, data, max(largest.values())).kind
        if kind not in TRUSTEE_KINDS:
            raise PolicyRefusal(f"{kind[:40]!r} statements are not posted")
        statement = open_signed(data, kind, largest[kind])
        if statement.signer != caller:
            raise InvalidSignature(
                f"the {kind} statement is signed by {statement.signer.fingerprint} and sent by "
                f"{caller.fingerprint}: nobody speaks for another"
            )
        return self._take(desk, statement)

    def send_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> None:
        """Keep an envelope that its sender signed for this very step; the first stands."""
        desk = self._desk(round_id)
        with desk.turn:
            desk.round.check_sealed(phase, sender, recipient, envelope)
        self._store.put_sealed(round_id, phase, sender, recipient, envelope)

    def sealed(
        self, round_id: str, recipient: int, phase: str, caller: VerifyKey
    ) -> list[tuple[int, bytes]]:
        """The envelopes waiting for a trustee, who is the caller.

        :raises InvalidSignature: the caller is another, or no trustee of this round.
        :raises PolicyRefusal: there is no such phase.
        """
        if phase not in SEALED_PHASES:
            raise PolicyRefusal("sealed envelopes carry the shares of counts and classes only")
        if self.trustee_index(round_id, caller) != recipient:
            raise InvalidSignature("a trustee fetches its own envelopes only")
        return self._store.sealed(round_id, recipient, phase)

    def post_peer(self, data: bytes, caller: VerifyKey) -> None:
        """Relay a trustee's ledger question or answer. :raises ProtocolError: as it says."""
        self._peers.post(data, caller)

    def peers(self, key_id: bytes, caller: VerifyKey) -> list[bytes]:
        """The ledger questions and answers about the key ``key_id``, for one of its trustees."""
        return self._peers.statements(key_id, caller)

    # What the coordinator owes

    def advance(self) -> bool:
        """Do what is due in any round, called by one thread at a time; True if anything was.

        A round that cannot go on is reported once and tried again, ever more rarely.
        """
        return self._clerk.advance(list(self._desks.values()))

    # What the writing thread asks about contributions: :class:`coordinator.intake.Rules`

    def check(self, parcel: Parcel) -> Wish | bytes:
        """The contribution, its envelope checked; its receipt if it is in the log already."""
        desk, arrived, place = self._arrive(parcel.round_id, parcel.data, parcel.caller)
        if place is not None:
            return self._receipt(desk, arrived.hash, place)
        return Wish(desk, parcel.data, arrived, parcel)

    def acknowledge(self, wish: Wish, place: Place) -> bytes:
        """The receipt of a contribution that is stored now."""
        return self._accepted(wish.desk, wish.what, place)

    def refused(self, error: Exception) -> None:
        """Count a contribution that did not come in."""
        if isinstance(error, ProtocolError):
            self.metrics.arrivals.labels("refused").inc()
        elif isinstance(error, CoordinatorError):
            self.metrics.arrivals.labels("failed").inc()

    # Steps of the above

    def _arrive(
        self, round_id: str, data: bytes, caller: VerifyKey
    ) -> tuple[Desk, Arrived, Place | None]:
        """Check a contribution's envelope; with its place if it is in the log already."""
        desk = self._desk(round_id)
        terms = desk.round.terms
        arrived, _ = contribution.peek(
            data, terms.plan, terms.layout, terms.roster, terms.ceremony.key.public
        )
        if arrived.member != caller:
            raise InvalidSignature(
                f"the contribution is signed by {arrived.member.fingerprint} and sent by "
                f"{caller.fingerprint}: nobody speaks for another"
            )
        place = desk.places.get(arrived.hash)
        if place is not None:
            self.metrics.arrivals.labels("repeated").inc()
            return desk, arrived, place
        if self._revoked(arrived.member):
            raise InvalidSignature(f"the key of {arrived.member.fingerprint} was revoked")
        # The deadline has to hold on arrival; only a round that has closed meanwhile is late. The
        # writer decides again in its turn, so that nobody has to wait for one here.
        now = self._clock()
        desk.note_late(arrived, now)
        desk.round.check_time(arrived.member, now)
        return desk, arrived, None

    def _accepted(self, desk: Desk, what: Arrived | Statement, place: Place) -> bytes:
        self.metrics.arrivals.labels("accepted").inc()
        if desk.round.complete:
            self.changed.set()
        return self._receipt(desk, what.hash, place)

    def _take(self, desk: Desk, statement: Statement) -> bytes:
        """Log a statement other than a contribution; its receipt."""
        place = desk.places.get(statement.hash)
        if place is None:
            self._admit(desk, statement)
            if statement.kind == "sums":
                self._check_shares(desk, statement)
            place = self._writer.append(desk, statement.received, statement)
            who = statement.signer.fingerprint
            LOG.info("round %s: %s by %s", desk.round_id, statement.kind, who)
            self.changed.set()
        return self._receipt(desk, statement.hash, place)

    def _admit(self, desk: Desk, statement: Statement) -> None:
        try:
            with desk.turn:
                desk.round.admit(statement)
        except ProtocolError as error:
            who = statement.signer.fingerprint
            LOG.warning("round %s: refused %s by %s: %s", desk.round_id, statement.kind, who, error)
            raise

    def _check_shares(self, desk: Desk, statement: Statement) -> None:
        """Verify the proof of every share, so that whatever is stored can be opened."""
        terms = desk.round.terms
        trustee = terms.ceremony.trustee(statement.signer)
        aggregates = desk.aggregates()
        try:
            for label, share in desk.round.read_sums(trustee, statement.payload).items():
                threshold.verify_share(terms.ceremony.key, aggregates.ciphertext(label), share)
        except InvalidShare as error:
            LOG.error("round %s: trustee %s lies: %s", desk.round_id, trustee.name, error)
            raise

    def _receipt(self, desk: Desk, digest: bytes, place: Place) -> bytes:
        entry = Entry(place.index, place.kind, b"", place.hash)
        return sign_receipt(self.key, desk.round_id, entry, digest)

    def _first_entries(self, plan: Plan, signed_plan: bytes, rehearsal: bytes) -> list[NewEntry]:
        signer, head, first = self.key.public.raw, genesis(plan.round_id), []
        for index, (kind, data) in enumerate((("plan", signed_plan), ("rehearsal", rehearsal))):
            if data:
                entry = next_entry(head, index, kind, data)
                first.append(NewEntry(plan.round_id, entry, statement_hash(data), signer))
                head = entry.hash
        return first

    def _desk(self, round_id: str) -> Desk:
        try:
            return self._desks[round_id]
        except KeyError:
            raise PlanError(f"there is no round {round_id[:64]!r} here") from None

    def _load(self, round_id: str) -> Desk | None:
        """Read a round from the store; None if it is not there, or cannot be used."""
        record = self._store.record(round_id)
        if record is None:
            return None
        try:
            terms = read_terms(record, self.key.public, read_ceremony=self._read_ceremony)
            desk = Desk.load(self._store, terms)
        except ProtocolError as error:
            LOG.error("round %s is left out: %s: %s", round_id, type(error).__name__, error)
            return None
        self._peers.know(terms.ceremony)
        self._desks[round_id] = desk
        return desk


def _row(desk: Desk, caller: VerifyKey | None) -> RoundRow:
    with desk.turn:
        return RoundRow(
            desk.round_id,
            desk.round.state,
            len(desk.round.versions),
            desk.entries,
            caller is not None and caller.raw in desk.members,
        )
