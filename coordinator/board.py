"""The bulletin board: what the coordinator does with everything that reaches it, without a socket.

Every statement is checked on arrival (:mod:`coordinator.rounds`), stored durably, and only then
acknowledged with a signed receipt. Sending the same bytes again gives the same receipt. Work on a
round is done in turns; the costly checks (proofs of knowledge, share proofs) run outside them, once
for each statement. :meth:`Board.advance` does what the coordinator itself owes each round; a clerk
thread calls it (:mod:`coordinator.server`), tests call it directly. SPEC.md section 4.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

from coordinator.desk import Desk
from coordinator.errors import CoordinatorError
from coordinator.rounds import TRUSTEE_KINDS, Duty, State, build_release
from coordinator.store import RoundRow, Store
from protocols import closing, opening, threshold
from protocols.ceremony import Ceremony
from protocols.contribution import verify_proof
from protocols.errors import (
    InvalidShare,
    InvalidSignature,
    PlanError,
    PlanExpired,
    PolicyRefusal,
    ProtocolError,
)
from protocols.paillier import encryptor_for
from protocols.signing import SigningKey, Statement, open_signed, statement_hash
from protocols.terms import CeremonyReader, Description, read_terms
from protocols.transcript import Entry, genesis, next_entry, sign_receipt
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode

LOG = logging.getLogger("cefed.coordinator")

MAX_ROUNDS = 10_000

Clock = Callable[[], int]


def wall_clock() -> int:
    """Seconds since 1970-01-01 UTC."""
    return int(time.time())


class Board:
    """All rounds of one coordinator. Safe to call from many threads.

    :param clock: seconds since 1970; a parameter for tests.
    :param read_ceremony: see :data:`protocols.terms.CeremonyReader`.
    """

    def __init__(
        self,
        store: Store,
        key: SigningKey,
        *,
        clock: Clock = wall_clock,
        read_ceremony: CeremonyReader = Ceremony.from_signed,
    ) -> None:
        self.key = key
        self.changed = threading.Event()
        """Set after every new entry, so that the clerk need not wait for its timer."""
        self._store = store
        self._clock = clock
        self._read_ceremony = read_ceremony
        self._desks: dict[str, Desk] = {}
        self._lock = threading.Lock()
        for row in store.rounds():
            self._load(row.round_id)

    # What the operator does

    def create_round(self, record: Description) -> str:
        """Open a round; its id. The same record again changes nothing.

        :raises PlanError: parts that do not fit, a deadline in the past, or a name that is taken.
        """
        terms = read_terms(record, self.key.public, read_ceremony=self._read_ceremony)
        plan = terms.plan
        with self._lock:
            known = self._desks.get(plan.round_id)
            if known is not None:
                if known.round.terms.description == record:
                    return plan.round_id
                raise PlanError(f"there is another round {plan.round_id}; choose another name")
            if plan.deadline <= self._clock():
                raise PlanExpired(f"the deadline of round {plan.round_id} has passed already")
            if len(self._desks) >= MAX_ROUNDS:
                raise PolicyRefusal(f"this coordinator keeps at most {MAX_ROUNDS} rounds")
            first = next_entry(genesis(plan.round_id), 0, "plan", record.plan)
            signer = self.key.public.raw
            self._store.create_round(plan.round_id, State.OPEN, record, first, signer)
            self._desks[plan.round_id] = Desk.load(self._store, terms)
        LOG.info(
            "round %s: open, cohort %s, %d members", plan.round_id, plan.cohort, plan.participants
        )
        return plan.round_id

    def close_round(self, round_id: str, request: bytes) -> None:
        """Close before the deadline, at the operator's signed request."""
        desk = self._desk(round_id)
        statement = open_signed(request, "close-request", MAX_SMALL)
        if statement.signer != self.key.public:
            raise InvalidSignature("a round is closed by its coordinator's operator only")
        if decode(pb.Close, statement.payload).plan_hash != desk.round.terms.plan.hash:
            raise PlanError("the request is for another round")
        with desk.turn:
            if desk.round.state is State.OPEN:
                self._close(desk)

    # What everybody may ask

    def rounds(self) -> list[RoundRow]:
        """Every round with its state and sizes."""
        desks = sorted(self._desks.items())
        return [
            RoundRow(round_id, desk.round.state, len(desk.round.members), desk.entries)
            for round_id, desk in desks
        ]

    def describe(self, round_id: str) -> tuple[Description, State]:
        """What a round was created from, and its state."""
        desk = self._desk(round_id)
        return desk.round.terms.description, desk.round.state

    def read(self, round_id: str, from_index: int) -> Iterator[Entry]:
        """The transcript from an index on; contributions stay confidential until the close."""
        desk = self._desk(round_id)
        for entry in self._store.read(round_id, from_index):
            if entry.index > 0 and desk.round.state is State.OPEN:
                return
            yield entry

    # What nodes and trustees send

    def submit(self, round_id: str, data: bytes) -> bytes:
        """Take a contribution; the signed receipt. :raises ProtocolError: naming the defect."""
        desk = self._desk(round_id)
        digest = statement_hash(data)
        with desk.turn:
            # A second copy waits for the verdict on the first: one proof, one verification.
            while digest in desk.checking:
                desk.turn.wait()
            if digest in desk.places:
                return self._receipt(desk, data)
            desk.round.check_open(self._clock())
            desk.checking.add(digest)
        try:
            self._check_and_log(desk, data)
        finally:
            with desk.turn:
                desk.checking.discard(digest)
                desk.turn.notify_all()
        self.changed.set()
        return self._receipt(desk, data)

    def post(self, round_id: str, data: bytes) -> bytes:
        """Take a trustee's statement; the signed receipt. :raises ProtocolError: as it says."""
        desk = self._desk(round_id)
        kind = decode(pb.Signed, data).kind
        if kind not in TRUSTEE_KINDS:
            raise PolicyRefusal(f"{kind[:40]!r} statements are not posted")
        statement = open_signed(data, kind)
        with desk.turn:
            if statement.hash in desk.places:
                return self._receipt(desk, data)
            self._admit(desk, statement)
        if kind == "sums":
            self._check_shares(desk, statement)
        with desk.turn:
            if statement.hash not in desk.places:
                self._admit(desk, statement)
                desk.append(kind, data)
                LOG.info("round %s: %s by %s", round_id, kind, desk.trustee_name(statement.signer))
        self.changed.set()
        return self._receipt(desk, data)

    def send_sealed(
        self, round_id: str, phase: str, sender: int, recipient: int, envelope: bytes
    ) -> None:
        """Keep an envelope that its sender signed for this very step; the first stands."""
        desk = self._desk(round_id)
        with desk.turn:
            desk.round.check_sealed(phase, sender, recipient, envelope)
            self._store.put_sealed(round_id, phase, sender, recipient, envelope)

    def sealed(self, round_id: str, recipient: int, phase: str) -> list[tuple[int, bytes]]:
        """The envelopes waiting for a trustee; only it can open them."""
        self._desk(round_id)
        return self._store.sealed(round_id, recipient, phase)

    # What the coordinator owes

    def advance(self) -> bool:
        """Do what is due in any round, called by one thread at a time; True if anything was.

        A round that cannot go on is reported once and tried again, ever more rarely.
        """
        done = [self._advance(desk) for desk in list(self._desks.values())]
        return any(done)

    def _advance(self, desk: Desk) -> bool:
        if desk.rests(now := self._clock()):
            return False
        try:
            with desk.turn:
                duty = desk.round.duty(now)
                if duty is Duty.CLOSE:
                    self._close(desk)
                    return True
            if duty is Duty.RELEASE:
                self._release(desk)
                return True
            if duty is Duty.CLEAN and not desk.clean:
                self._store.empty_mailbox(desk.round_id)
                desk.clean = True
        except Exception as error:  # whatever happens to one round, the others go on
            if desk.rest(now, reason := f"{type(error).__name__}: {error}"):
                strange = not isinstance(error, ProtocolError | CoordinatorError)
                LOG.error("round %s: %s", desk.round_id, reason, exc_info=strange)
        return False

    def _close(self, desk: Desk) -> None:
        included = desk.included_hashes()
        proposal = closing.propose(desk.round.terms.plan, included, desk.head, self.key)
        desk.append("close", proposal)
        LOG.info("round %s: closed with %d contributions", desk.round_id, len(included))
        self.changed.set()

    def _release(self, desk: Desk) -> None:
        opened = {}
        if not desk.round.certificate_withholds():
            ceremony, labels = desk.round.terms.ceremony, desk.round.sum_labels
            sets = desk.round.sums_sets().values()
            opened = opening.open_all(ceremony, desk.aggregates(), labels, sets)
        payload = build_release(desk.round, opened)
        with desk.turn:
            desk.append("release", self.key.sign("release", payload))
        self.changed.set()

    def _check_and_log(self, desk: Desk, data: bytes) -> None:
        contribution = desk.read_contribution(data)
        with desk.turn:
            desk.round.check_member(contribution.member)
            desk.seen().check_new(contribution)
        verify_proof(contribution, encryptor_for(desk.round.terms.ceremony.key.public))
        with desk.turn:
            # The deadline held on arrival; only a round that closed meanwhile is too late.
            if desk.round.state is not State.OPEN:
                raise PlanExpired(f"round {desk.round_id} was closed meanwhile")
            desk.round.check_member(contribution.member)
            desk.seen().check_new(contribution)
            desk.append("contribution", data)
            desk.seen().add(contribution)

    def _admit(self, desk: Desk, statement: Statement) -> None:
        try:
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

    def _receipt(self, desk: Desk, data: bytes) -> bytes:
        place = desk.places[statement_hash(data)]
        entry = Entry(place.index, place.kind, data, place.hash)
        return sign_receipt(self.key, desk.round_id, entry)

    def _desk(self, round_id: str) -> Desk:
        try:
            return self._desks[round_id]
        except KeyError:
            raise PlanError(f"there is no round {round_id[:64]!r} here") from None

    def _load(self, round_id: str) -> None:
        record = self._store.record(round_id)
        try:
            if record is not None:
                terms = read_terms(record, self.key.public, read_ceremony=self._read_ceremony)
                self._desks[round_id] = Desk.load(self._store, terms)
        except ProtocolError as error:
            LOG.error("round %s is left out: %s: %s", round_id, type(error).__name__, error)
