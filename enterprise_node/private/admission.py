"""What stands between an accepted plan and the first figure that leaves for it. In this order:

the owner's word, if the policy asks for it; what the node itself remembers of other rounds over the
same data; then the plan is written down as the one of its period, and only then the values are
looked at, and held against what was sent for the same data before. Whatever the backend, so that a
round of totals is no way around it (:mod:`enterprise_node.private.answering`,
:mod:`enterprise_node.private.totalling`). SPEC.md section 4.
"""

from __future__ import annotations

from dataclasses import replace

from enterprise_node.errors import IntakeRefused, PlanRefused
from enterprise_node.private import decisions, events
from enterprise_node.private.backends import backend_of
from enterprise_node.private.contributed import Sent
from enterprise_node.private.decisions import Decision
from enterprise_node.private.events import Event
from enterprise_node.private.intake import OwnMeasures, require_usable
from enterprise_node.private.overlaps import reason_by_totals
from enterprise_node.private.participation import check_values
from enterprise_node.private.policy import Approver, NodePolicy
from enterprise_node.private.repeats import check_repeats, reason_to_ask
from enterprise_node.private.rounds import Approval, RoundFolder
from enterprise_node.private.store import NodeStore
from protocols.errors import ContributionRefused
from protocols.plan import Plan

SAID_NO = (PlanRefused, IntakeRefused, ContributionRefused)
"""What a node's refusal of a plan is raised as."""


class Admission:
    """Decides for one node whether figures leave for a plan, and writes down what it decides.

    :param now: seconds since 1970-01-01 UTC.
    """

    def __init__(self, store: NodeStore, policy: NodePolicy, now: int) -> None:
        self._store = store
        self._policy = policy
        self._now = now

    def question(self, round_id: str, offer: str, measures: str) -> Decision:
        """What there is to decide; ``offer`` and ``measures`` are digests, hexadecimal."""
        return Decision(
            time=self._now,
            round_id=round_id,
            offer=offer,
            policy=self._policy.digest,
            measures=measures,
            outcome=decisions.REFUSED,
        )

    def was_refused(self, question: Decision) -> bool:
        """Whether this very question was answered with no before."""
        last = self._store.decisions.last(question.round_id)
        return (
            last is not None and last.outcome == decisions.REFUSED and last.same_question(question)
        )

    def reason_to_wait(
        self, plan: Plan, question: Decision, approval: Approval | None, version: int
    ) -> str | None:
        """That the owner has to say something first; None if not."""
        if _is_approved(plan, question, approval, version):
            return None
        if version == 1 and self._policy.approval is Approver.AUTOMATIC:
            return None
        return (
            "keeps the policy and waits for your word: cefed node preview DIR --round "
            f"{plan.round_id}, then cefed node approve"
        )

    def admit(
        self,
        plan: Plan,
        own: OwnMeasures,
        question: Decision,
        approval: Approval | None,
        version: int,
    ) -> Sent:
        """Commit to the plan, look at the values, and write down that they are about to leave.

        :returns: what leaves; from now on these are the figures of this version.
        :raises PlanRefused: another plan or round stands against it, or the values do.
        :raises IntakeRefused: the own row has findings.
        :raises NodeStoreError: it cannot be written down, so nothing may leave.
        """
        approved = _is_approved(plan, question, approval, version)
        replacing = approved and approval is not None and approval.replace_plan
        reason = reason_against(self._store, self._policy, plan)
        if reason is not None and not replacing:
            raise PlanRefused(plan.round_id, [reason])
        # From here on it shows at the coordinator what the own values are compared with.
        self._store.commitments.commit(plan, self._now, replace=replacing)
        require_usable(own)
        check_values(plan, own)
        check_repeats(self._store, self._policy, plan, own)
        accepted = replace(question, outcome=decisions.ACCEPTED, backend=backend_of(plan).value)
        self._store.decisions.add(accepted)
        sent = Sent.of(plan, own, version, self._now)
        self._store.contributed.add(sent)
        return sent

    def refuse(
        self, folder: RoundFolder, question: Decision, error: Exception, plan: Plan | None
    ) -> Event:
        """Write down that the plan is refused, and forget that the owner approved it."""
        reasons = error.reasons if isinstance(error, PlanRefused) else (str(error),)
        backend = "" if plan is None else backend_of(plan).value
        self._store.decisions.add(
            replace(question, outcome=decisions.REFUSED, reasons=reasons, backend=backend)
        )
        folder.drop("approval.json")
        return Event(events.REFUSED, "; ".join(reasons), folder.round_id)


def reason_against(store: NodeStore, policy: NodePolicy, plan: Plan) -> str | None:
    """What this node remembers of other rounds that stands against a plan. Looks at no value.

    The owner may overrule it, knowing more; used by steps, previews and the status.
    """
    asked = reason_to_ask(store, policy, plan)
    # Of all that was ever sent: that a round with trustees was cancelled is the coordinator's word,
    # which it may give to this member alone, and nobody compares its release with totals.
    return asked or reason_by_totals(store.contributed.all(), plan)


def _is_approved(plan: Plan, question: Decision, approval: Approval | None, version: int) -> bool:
    """Whether the owner approved this plan, with these records, as this version."""
    return (
        approval is not None
        and approval.version == version
        and approval.plan_hash == plan.hash.hex()
        and approval.measures == question.measures
    )
