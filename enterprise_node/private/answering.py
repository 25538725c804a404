"""What a node does about each round with trustees that it heard of: refuse, wait, or contribute.

The order is what protects the owner: first everything that is not about values, here, and then
:mod:`enterprise_node.private.admission`. In certified rounds the masked figures that
:mod:`enterprise_node.private.masking` made are sent, too. Rounds of totals are answered by
:mod:`enterprise_node.private.totalling`.
"""

from __future__ import annotations

from enterprise_node.errors import PlanRefused
from enterprise_node.private import events, masking, outlook
from enterprise_node.private.admission import SAID_NO, Admission
from enterprise_node.private.decisions import Decision
from enterprise_node.private.events import Event
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.offered import plan_of
from enterprise_node.private.outgoing import Outgoing
from enterprise_node.private.participation import (
    CLOCK_TOLERANCE_SECONDS,
    examine,
    reason_to_wait,
)
from enterprise_node.private.policy import YEAR_SECONDS, NodePolicy
from enterprise_node.private.rounds import Approval, Offer, RoundFolder
from enterprise_node.private.store import NodeStore
from enterprise_node.private.submission import prepare
from protocols.errors import ProtocolError
from protocols.plan import Mode
from protocols.signing import SigningKey
from protocols.terms import MemberTerms

ROTATING = (
    "this node's key is being replaced, and a round of this kind needs the same key until its "
    "release: it is answered once the new certificate is here, or not at all"
)


class Answering:
    """Considers rounds with trustees for one node.

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
        """Do what there is to do about one round. None if there is nothing.

        :raises NodeError: the folder cannot be used; never for a plan that is refused.
        """
        if folder.release_path.exists():
            self._end(folder, keep_receipt=folder.warning() is not None)
            return None
        over = self._cancelled(folder)
        if over is not None:
            return over
        self._forget_what_nobody_waits_for(folder)
        waiting = self._send_again(folder)
        if not self._store.has_import():
            return Event(
                events.WAITING, "nothing was imported yet: cefed node import", folder.round_id
            )
        own, digest = self._store.imported()
        version = folder.version() + 1
        approval = folder.approval()
        asked = approval is not None and approval.version == version
        if folder.version() and not asked:
            earlier = outlook.earlier_figures(self._store, folder, self._now)
            if waiting is not None or earlier is None:
                return waiting
            return Event(events.WAITING, earlier, folder.round_id)
        try:
            offer = folder.offer()
        except ProtocolError as error:
            return Event(events.REFUSED, f"its description does not hold: {error}", folder.round_id)
        if offer is None:
            return None
        question = self._admission.question(folder.round_id, offer.digest, digest)
        if self._admission.was_refused(question) and not asked:
            return None
        try:
            return self._answer(folder, offer, own, question, approval, version)
        except SAID_NO as error:
            return self._admission.refuse(folder, question, error, plan_of(folder, self._policy))

    def _answer(
        self,
        folder: RoundFolder,
        offer: Offer,
        own: OwnMeasures,
        question: Decision,
        approval: Approval | None,
        version: int,
    ) -> Event | None:
        terms = accept(self._store, self._policy, self._key, folder, offer, own, self._now)
        wait = reason_to_wait(offer, terms, self._now)
        masks = terms.plan.mode is Mode.CERTIFIED
        if wait is None and masks and self._store.next_key() is not None:
            wait = ROTATING
        if wait is None:
            wait = self._admission.reason_to_wait(terms.plan, question, approval, version)
        if wait is not None:
            return Event(events.WAITING, wait, folder.round_id)
        self._admission.admit(terms.plan, own, question, approval, version)
        data = prepare(folder, terms, own, self._key, version)
        folder.drop("refusal.json")
        self._outgoing.send(self._key, "contribution", data, folder.round_id)
        return Event(
            events.CONTRIBUTED,
            f"version {version} is in the outbox: {len(terms.layout.labels)} ciphertexts, "
            f"{len(data)} bytes",
            folder.round_id,
            bytes=len(data),
            ciphertexts=len(terms.layout.labels),
        )

    def _cancelled(self, folder: RoundFolder) -> Event | None:
        """Whether the coordinator cancelled the round; nothing is kept in the outbox then."""
        reason = outlook.cancelled(folder, self._policy)
        if reason is None:
            return None
        self._end(folder, keep_receipt=False)
        return Event(events.WAITING, f"cancelled by the coordinator: {reason}", folder.round_id)

    def _forget_what_nobody_waits_for(self, folder: RoundFolder) -> None:
        """Destroy the secrets of a round whose time for masks has passed, cancelled or not."""
        if not masking.has_secrets(folder):
            return
        plan = plan_of(folder, self._policy)
        terms = None if plan is None else plan.aggregation
        if terms is not None and self._now > terms.until + CLOCK_TOLERANCE_SECONDS:
            masking.forget(folder)

    def _end(self, folder: RoundFolder, *, keep_receipt: bool) -> None:
        """Take back what need not be sent any more, and destroy the round's secrets."""
        if not keep_receipt:
            self._outgoing.withdraw("receipt", folder.round_id)
        self._outgoing.withdraw("contribution", folder.round_id)
        self._outgoing.withdraw("masked", folder.round_id)
        masking.forget(folder)

    def _send_again(self, folder: RoundFolder) -> Event | None:
        """Have in the outbox what still has to reach the coordinator about a round."""
        version, refusal = folder.version(), folder.refusal()
        data = folder.contribution(version) if version else None
        masked = folder.masked()
        if masked is not None:
            self._outgoing.send(self._key, "masked", masked, folder.round_id)
        if data is None:
            self._outgoing.withdraw("contribution", folder.round_id)
        elif refusal is not None and refusal.version == version:
            self._outgoing.withdraw("contribution", folder.round_id)
            return Event(
                events.WAITING,
                f"the coordinator refused version {version}: {refusal.text}",
                folder.round_id,
            )
        else:
            self._outgoing.send(self._key, "contribution", data, folder.round_id)
        receipt = folder.last_receipt()
        if receipt is not None:
            self._outgoing.send(self._key, "receipt", receipt, folder.round_id)
        return None


def accept(
    store: NodeStore,
    policy: NodePolicy,
    key: SigningKey,
    folder: RoundFolder,
    offer: Offer,
    own: OwnMeasures,
    now: int,
) -> MemberTerms:
    """The terms of an offer that keeps the whole policy. Used by a step and by a preview.

    :raises PlanRefused: with every reason.
    """
    terms = examine(offer, own, member=key.public, policy=policy, round_id=folder.round_id)
    earlier = store.commitments.rounds_since(now - YEAR_SECONDS, folder.round_id)
    reason = policy.reason_against_another(earlier)
    if reason is not None:
        raise PlanRefused(folder.round_id, [reason])
    return terms
