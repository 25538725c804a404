"""What a node does about each round it heard of: refuse, wait, or contribute.

The order is what protects the owner: everything that is not about values, then the owner's word if
the policy asks for it, then the plan is written down as the one of its period, and only then the
values are looked at, and held against what was contributed for the same data before.
"""

from __future__ import annotations

from dataclasses import replace

from enterprise_node.errors import IntakeRefused, PlanRefused
from enterprise_node.private import decisions, events, outlook
from enterprise_node.private.contributed import Sent
from enterprise_node.private.decisions import Decision
from enterprise_node.private.events import Event
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.outgoing import Outgoing
from enterprise_node.private.participation import (
    check_values,
    examine,
    reason_to_wait,
)
from enterprise_node.private.policy import YEAR_SECONDS, Approver, NodePolicy
from enterprise_node.private.repeats import check_repeats, reason_to_ask
from enterprise_node.private.rounds import Approval, Offer, RoundFolder
from enterprise_node.private.store import NodeStore
from enterprise_node.private.submission import prepare
from protocols.errors import ContributionRefused, ProtocolError
from protocols.signing import SigningKey
from protocols.terms import Terms

_SAID_NO = (PlanRefused, IntakeRefused, ContributionRefused)


class Answering:
    """Considers rounds for one node.

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

    def consider(self, folder: RoundFolder) -> Event | None:
        """Do what there is to do about one round. None if there is nothing.

        :raises NodeError: the folder cannot be used; never for a plan that is refused.
        """
        if folder.release_path.exists():
            if folder.warning() is None:
                self._outgoing.withdraw("receipt", folder.round_id)
            self._outgoing.withdraw("contribution", folder.round_id)
            return None
        over = self._cancelled(folder)
        if over is not None:
            return over
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
        question = self._question(folder, offer, digest)
        last = self._store.decisions.last(folder.round_id)
        if (
            last is not None
            and last.outcome == decisions.REFUSED
            and last.same_question(question)
            and not asked
        ):
            return None
        try:
            return self._answer(folder, offer, own, question, approval, version)
        except _SAID_NO as error:
            reasons = error.reasons if isinstance(error, PlanRefused) else (str(error),)
            self._store.decisions.add(replace(question, outcome=decisions.REFUSED, reasons=reasons))
            folder.drop("approval.json")
            return Event(events.REFUSED, "; ".join(reasons), folder.round_id)

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
        if wait is not None:
            return Event(events.WAITING, wait, folder.round_id)
        approved = (
            approval is not None
            and approval.version == version
            and approval.plan_hash == terms.plan.hash.hex()
            and approval.measures == question.measures
        )
        if not approved and (version > 1 or self._policy.approval is Approver.PERSON):
            return Event(
                events.WAITING,
                "keeps the policy and waits for your word: cefed node preview DIR --round "
                f"{folder.round_id}, then cefed node approve",
                folder.round_id,
            )
        replacing = approved and approval is not None and approval.replace_plan
        unknown = reason_to_ask(self._store, self._policy, terms.plan)
        if unknown is not None and not replacing:
            raise PlanRefused(folder.round_id, [unknown])
        # From here on it shows at the coordinator what the own values are compared with.
        self._store.commitments.commit(terms.plan, self._now, replace=replacing)
        check_values(terms.plan, own)
        check_repeats(self._store, self._policy, terms.plan, own)
        self._store.decisions.add(replace(question, outcome=decisions.ACCEPTED))
        self._store.contributed.add(Sent.of(terms.plan, own, version, self._now))
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
        self._outgoing.withdraw("receipt", folder.round_id)
        self._outgoing.withdraw("contribution", folder.round_id)
        return Event(events.WAITING, f"cancelled by the coordinator: {reason}", folder.round_id)

    def _send_again(self, folder: RoundFolder) -> Event | None:
        """Have in the outbox what still has to reach the coordinator about a round."""
        version, refusal = folder.version(), folder.refusal()
        data = folder.contribution(version) if version else None
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

    def _question(self, folder: RoundFolder, offer: Offer, digest: str) -> Decision:
        return Decision(
            time=self._now,
            round_id=folder.round_id,
            offer=offer.digest,
            policy=self._policy.digest,
            measures=digest,
            outcome=decisions.REFUSED,
        )


def accept(
    store: NodeStore,
    policy: NodePolicy,
    key: SigningKey,
    folder: RoundFolder,
    offer: Offer,
    own: OwnMeasures,
    now: int,
) -> Terms:
    """The terms of an offer that keeps the whole policy. Used by a step and by a preview.

    :raises PlanRefused: with every reason.
    """
    terms = examine(offer, own, member=key.public, policy=policy, round_id=folder.round_id)
    earlier = store.commitments.rounds_since(now - YEAR_SECONDS, folder.round_id)
    reason = policy.reason_against_another(earlier)
    if reason is not None:
        raise PlanRefused(folder.round_id, [reason])
    return terms
