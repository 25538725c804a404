"""What a node does in a round of totals: take part or refuse, then answer step after step.

The first step is answered after the same checks as a contribution, in the same order
(:mod:`enterprise_node.private.admission`); from then on the figures are fixed, whatever is imported
later. Every further step is :class:`protocols.federated.totals.member.Member`'s to judge. What it
remembers is durable before its answer leaves, so a node that is stopped anywhere repeats the same
bytes. SPEC.md section 11.
"""

from __future__ import annotations

from enterprise_node.errors import PlanRefused
from enterprise_node.private import events
from enterprise_node.private.admission import SAID_NO, Admission
from enterprise_node.private.answering import ROTATING
from enterprise_node.private.contributed import Sent
from enterprise_node.private.events import Event
from enterprise_node.private.offered import plan_of
from enterprise_node.private.outgoing import Outgoing
from enterprise_node.private.participation import CLOCK_TOLERANCE_SECONDS
from enterprise_node.private.policy import NodePolicy
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.store import NodeStore
from enterprise_node.private.totals_files import TotalsFiles, answers_in, digest_of, step_hash
from enterprise_node.private.totals_steps import stage_of
from enterprise_node.private.totals_terms import (
    accept_totals,
    read_totals_offer,
    reason_to_wait_for_totals,
)
from protocols.errors import ProtocolError
from protocols.federated.offer import TotalsDescription, TotalsTerms
from protocols.federated.totals.member import Member
from protocols.signing import SigningKey

VERSION = 1
"""Figures are given once in such a round: there is nothing to correct before it is over."""

ROLLED_BACK = (
    "this folder does not remember an answer that it has given: it was restored from a backup. A "
    "second answer could give its figures away, so it takes no further part in this round"
)


class Totalling:
    """Considers rounds of totals for one node.

    :param now: seconds since 1970-01-01 UTC.
    """

    def __init__(
        self, store: NodeStore, policy: NodePolicy, key: SigningKey, outgoing: Outgoing, now: int
    ) -> None:
        self._store = store
        self._policy = policy
        self._key = key
        self._outgoing = outgoing
        self._now = now
        self._admission = Admission(store, policy, now)

    def consider(self, folder: RoundFolder) -> Event | None:
        """Answer the step that came last, if it is to be answered. None if there is nothing to do.

        :raises NodeError: the folder cannot be used; never for a step or plan that is refused.
        """
        files = TotalsFiles(folder)
        offer, step = files.offer(), files.step()
        if offer is None:
            return None
        if folder.release_path.exists() or self._is_over(folder, offer):
            self._end(folder, files)
            return None
        if step is None:
            return None
        answered = files.answered()
        if answered is not None and answered.step == step_hash(step):
            self._outgoing.send(self._key, "totals", answered.answer, folder.round_id)
            return None
        admitted = self._admitted(folder, offer)
        if not isinstance(admitted, tuple):
            return admitted
        return self._answer(folder, files, *admitted, step)

    def _is_over(self, folder: RoundFolder, offer: TotalsDescription) -> bool:
        """Whether the round's end has passed without a release: nobody is waited for any more."""
        try:
            terms = read_totals_offer(offer, self._policy, folder.round_id)
        except PlanRefused:
            return False  # another coordinator's by now; said where it is admitted
        over = self._now > terms.aggregation.until + CLOCK_TOLERANCE_SECONDS
        return over and self._store.contributed.of(folder.round_id, VERSION) is not None

    def _admitted(
        self, folder: RoundFolder, offer: TotalsDescription
    ) -> tuple[TotalsTerms, Sent] | Event | None:
        """The terms and the figures that are given; or why none are given now."""
        accepted = self._store.decisions.last_accepted(folder.round_id)
        sent = self._store.contributed.of(folder.round_id, VERSION)
        if sent is not None and accepted is not None and accepted.offer == digest_of(offer):
            return read_totals_offer(offer, self._policy, folder.round_id), sent
        if not self._store.has_import():
            return Event(
                events.WAITING, "nothing was imported yet: cefed node import", folder.round_id
            )
        own, digest = self._store.imported()
        question = self._admission.question(folder.round_id, digest_of(offer), digest)
        approval = folder.approval()
        if self._admission.was_refused(question) and approval is None:
            return None
        try:
            terms = accept_totals(
                self._store, self._policy, self._key, folder, offer, own, self._now
            )
            wait = reason_to_wait_for_totals(terms, self._now)
            if wait is None and self._store.next_key() is not None:
                wait = ROTATING
            wait = wait or self._admission.reason_to_wait(terms.plan, question, approval, VERSION)
            if wait is not None:
                return Event(events.WAITING, wait, folder.round_id)
            return terms, self._admission.admit(terms.plan, own, question, approval, VERSION)
        except SAID_NO as error:
            plan = plan_of(folder, self._policy)
            return self._admission.refuse(folder, question, error, plan)

    def _answer(
        self, folder: RoundFolder, files: TotalsFiles, terms: TotalsTerms, sent: Sent, step: bytes
    ) -> Event:
        memory = files.memory()
        if self._is_older_than_its_answers(folder, memory):
            return self._refuse_step(folder, files, ROLLED_BACK)
        try:
            member = Member(terms, self._key, sent.integers, memory)
            answer = member.answer(step)
        except ProtocolError as error:
            return self._refuse_step(folder, files, str(error))
        files.keep_memory(member.remember())
        if member.revealed_for is not None:
            files.keep_revealed_for(member.revealed_for)
        files.keep_answer(step, answer)
        files.drop_refusal()
        self._outgoing.send(self._key, "totals", answer, folder.round_id)
        return Event(
            events.TOTALS,
            f"the answer to the step {stage_of(step)!r} is in the outbox: {len(answer)} bytes",
            folder.round_id,
            bytes=len(answer),
        )

    def _refuse_step(self, folder: RoundFolder, files: TotalsFiles, reason: str) -> Event:
        """Forget the step and not the round: the coordinator may send a right one."""
        files.keep_refusal(reason)
        files.drop_step()
        return Event(
            events.REFUSED, f"a step of the round is not answered: {reason}", folder.round_id
        )

    def _is_older_than_its_answers(self, folder: RoundFolder, memory: bytes | None) -> bool:
        """Whether the outbox holds an answer that this folder does not remember.

        Whoever answers a stage twice gives away what its masks hide. A folder that was restored
        cannot tell by itself; the outbox is not restored with it, as a rule.
        """
        left = self._outgoing.standing("totals", folder.round_id)
        return left is not None and left not in answers_in(memory)

    def _end(self, folder: RoundFolder, files: TotalsFiles) -> None:
        """Take back what need not be sent any more, and destroy the round's secrets."""
        self._outgoing.withdraw("totals", folder.round_id)
        files.forget()
