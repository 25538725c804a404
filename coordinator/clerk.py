"""The clerk: what the coordinator itself owes its rounds.

Ends collections, has contributions examined, logs the close and the release, empties mailboxes.
Called by :meth:`coordinator.board.Board.advance`, one thread at a time. Everything a duty needs is
in the store, and doing one twice changes nothing, so that a killed coordinator takes them up again.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from coordinator.desk import Desk
from coordinator.earlier import Identify, decide_closing
from coordinator.errors import CoordinatorError
from coordinator.metrics import Metrics
from coordinator.proofs import Examiner
from coordinator.rounds import Duty, build_masked_release, build_release
from coordinator.states import COLLECTING, State
from coordinator.store import Store
from coordinator.writer import Overtaken, Writer
from protocols import closing, notices, opening
from protocols.atoms import NOTHING_DECLARED, declare
from protocols.differencing import Decision
from protocols.errors import ProtocolError
from protocols.plan import Mode
from protocols.signing import SigningKey, open_signed
from protocols.threshold import Opened

LOG = logging.getLogger("cefed.coordinator")

Clock = Callable[[], int]


class Clerk:
    """Does what is due; made by the board, which explains the parameters."""

    def __init__(
        self,
        store: Store,
        key: SigningKey,
        writer: Writer,
        examiner: Examiner,
        *,
        clock: Clock,
        metrics: Metrics,
        changed: threading.Event,
        when_complete: bool,
        identify: Identify,
    ) -> None:
        self._store = store
        self._key = key
        self._writer = writer
        self._examiner = examiner
        self._clock = clock
        self._metrics = metrics
        self._changed = changed
        self._when_complete = when_complete
        self._identify = identify

    def advance(self, desks: Sequence[Desk]) -> bool:
        """Do what is due in any round; True if anything was.

        A round that cannot go on is reported once and tried again, ever more rarely.
        """
        done = [self._advance(desk, desks) for desk in desks]
        waiting = (desk.unexamined for desk in desks if desk.round.state in COLLECTING)
        self._metrics.unexamined.set(sum(waiting))
        if any(done):
            states = Counter(desk.round.state for desk in desks)
            for state in State:
                self._metrics.rounds.labels(state).set(states[state])
        return any(done)

    def _advance(self, desk: Desk, desks: Sequence[Desk]) -> bool:
        if desk.rests(now := self._clock()):
            return False
        try:
            with desk.turn:
                if desk.stale:
                    desk.catch_up()
            done = False
            if late := dict(desk.late):
                self._store.put_corrections(list(late.values()))
                for member in late:
                    desk.late.pop(member)
            if desk.round.state in COLLECTING:
                done = self._examiner.work(desk)
            else:
                self._examiner.forget(desk)
            return self._do_duty(desk, desks, now) or done
        except Exception as error:  # whatever happens to one round, the others go on
            if desk.rest(now, reason := f"{type(error).__name__}: {error}"):
                strange = not isinstance(error, ProtocolError | CoordinatorError)
                LOG.error("round %s: %s", desk.round_id, reason, exc_info=strange)
        return False

    def _do_duty(self, desk: Desk, desks: Sequence[Desk], now: int) -> bool:
        with desk.turn:
            duty = desk.round.duty(now, when_complete=self._when_complete)
            if duty is Duty.END:
                if desk.staged:  # what is being written was decided about before the end
                    return False
                desk.round.end()
                LOG.info("round %s: its collection has ended", desk.round_id)
                self._changed.set()
        if duty is Duty.CLOSE and not self._close(desk, desks):
            return False
        if duty is Duty.RELEASE:
            self._release(desk)
        if duty is Duty.ABANDON and not self._abandon(desk):
            return False
        if desk.round.state is State.MASKING:
            desk.prepare_masking()
        if duty is Duty.CLEAN and not desk.clean:
            self._store.empty_mailbox(desk.round_id)
            desk.clean = True
        if (state := desk.round.state) is not desk.noted:
            self._store.set_state(desk.round_id, state)
            desk.noted = state
        return duty not in (None, Duty.CLEAN)

    def _close(self, desk: Desk, desks: Sequence[Desk]) -> bool:
        """Log the list of what is counted, once every contribution has its verdict.

        With it go the atoms that earlier rounds cut it into. A round that they forbid to open is
        cancelled instead, since no statement can change what it counts any more.
        """
        with desk.turn:
            if desk.staged or desk.unexamined:
                return False
            head = desk.head
        plan = desk.round.terms.plan
        included = sorted(desk.selection())
        declared = NOTHING_DECLARED
        if closing.check_cohort_size(plan, len(included)) is None:
            decision = decide_closing(desk, included, desks, self._identify)
            if not decision.allowed:
                self._cancel(desk, decision)
                return True
            declared = declare(decision)
        proposal = closing.propose(plan, included, head, self._key, declared)
        try:
            self._writer.append(desk, proposal, open_signed(proposal, "close"), head=head)
        except Overtaken:
            return False
        LOG.info(
            "round %s: closed, %d of %d contributions count",
            desk.round_id,
            len(included),
            len(desk.contributions),
        )
        self._changed.set()
        return True

    def _cancel(self, desk: Desk, decision: Decision) -> None:
        """End a round that must not be opened, and tell its members why."""
        why = "; ".join(refusal.text for refusal in decision.refused)
        reason = notices.fit_reason(f"earlier releases forbid it: {why}")
        plan, now = desk.round.terms.plan, self._clock()
        statement = notices.make_cancellation(plan, now, reason, self._key)
        self._writer.append(desk, statement, open_signed(statement, notices.CANCELLATION))
        LOG.warning("round %s: cancelled: %s", desk.round_id, reason)
        self._changed.set()

    def _abandon(self, desk: Desk) -> bool:
        """Cancel a round whose members did not all mask in time; False if a vector came meanwhile.

        The trustees' ledgers keep it as opened, since they cannot know that it was not.
        """
        with desk.turn:
            masking, head = desk.round.masking, desk.head
            if desk.staged or masking is None or masking.complete:
                return False
            reason = masking.why_abandoned()
        plan = desk.round.terms.plan
        statement = notices.make_cancellation(plan, self._clock(), reason, self._key)
        try:
            opened = open_signed(statement, notices.CANCELLATION)
            self._writer.append(desk, statement, opened, head=head)
        except Overtaken:
            return False
        LOG.warning("round %s: cancelled: %s", desk.round_id, reason)
        self._changed.set()
        return True

    def _release(self, desk: Desk) -> None:
        if desk.round.terms.plan.mode is Mode.CERTIFIED:
            payload = build_masked_release(desk.round, desk.masked_statements())
        else:
            payload = build_release(desk.round, self._open(desk))
        statement = open_signed(self._key.sign("release", payload), "release")
        self._writer.append(desk, statement.received, statement)
        self._changed.set()

    def _open(self, desk: Desk) -> dict[str, Opened]:
        """The certified sums from the trustees' shares; none if the cohort is withheld."""
        if desk.round.certificate_withholds():
            return {}
        ceremony, labels = desk.round.terms.ceremony, desk.round.sum_labels
        sets = desk.round.sums_sets().values()
        return opening.open_all(ceremony, desk.aggregates(), labels, sets)
