"""Whether this node takes part in a round of totals: all that a member can check of its plan.

As :mod:`enterprise_node.private.participation`, which rounds with trustees go through; there are no
trustees whose key, votes and notices could be checked. Looks at no value.
"""

from __future__ import annotations

from collections.abc import Mapping

from enterprise_node.errors import PlanRefused
from enterprise_node.private.backends import NO_DOMINANCE, NOT_VERIFIABLE, Backend, opened_by
from enterprise_node.private.events import moment
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.participation import (
    CLOCK_TOLERANCE_SECONDS,
    fit_reasons,
    place_reasons,
)
from enterprise_node.private.policy import FILE, YEAR_SECONDS, NodePolicy
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.store import NodeStore
from protocols.errors import ProtocolError
from protocols.federated.offer import TotalsDescription, TotalsTerms, read_totals_terms
from protocols.federated.terms import Aggregation
from protocols.signing import SigningKey, VerifyKey


def read_totals_offer(
    description: TotalsDescription, policy: NodePolicy, round_id: str
) -> TotalsTerms:
    """The terms of a description that the policy's coordinator signed.

    :raises PlanRefused: they do not hold, or there is no policy.
    """
    coordinator = policy.coordinator_key
    if coordinator is None:
        raise PlanRefused(round_id, [f"{FILE} names no coordinator, so every plan is refused"])
    try:
        return read_totals_terms(description, coordinator, round_id)
    except ProtocolError as error:
        raise PlanRefused(round_id, [str(error)]) from error


def examine_totals(
    description: TotalsDescription,
    own: OwnMeasures,
    *,
    member: VerifyKey,
    policy: NodePolicy,
    round_id: str,
) -> TotalsTerms:
    """Accept the plan or refuse it with every reason at once. Looks at no value of the node.

    :param member: the node's own signing key.
    :raises PlanRefused: with all reasons; nothing may be sent then.
    """
    terms = read_totals_offer(description, policy, round_id)
    plan = terms.plan
    reasons = place_reasons(terms.place, member)
    reasons += policy.reasons_against(plan, None)
    reasons += fit_reasons(plan, own)
    if reasons:
        raise PlanRefused(round_id, reasons)
    return terms


def accept_totals(
    store: NodeStore,
    policy: NodePolicy,
    key: SigningKey,
    folder: RoundFolder,
    offer: TotalsDescription,
    own: OwnMeasures,
    now: int,
) -> TotalsTerms:
    """The terms of a plan that keeps the whole policy. Used by a step and by a preview.

    :raises PlanRefused: with every reason.
    """
    terms = examine_totals(offer, own, member=key.public, policy=policy, round_id=folder.round_id)
    earlier = store.commitments.rounds_since(now - YEAR_SECONDS, folder.round_id)
    reason = policy.reason_against_another(earlier)
    if reason is not None:
        raise PlanRefused(folder.round_id, [reason])
    return terms


def reason_to_wait_for_totals(terms: TotalsTerms, now: int) -> str | None:
    """Why accepted terms are not answered now; None if they are.

    :param now: seconds since 1970-01-01 UTC, by a clock that may be wrong by an hour.
    """
    until = terms.aggregation.until
    if now > until + CLOCK_TOLERANCE_SECONDS:
        return (
            f"the round ended on {moment(until)} (UTC): ask the coordinator for a new round; your "
            "data stays as it is"
        )
    if now < terms.plan.opens_at - CLOCK_TOLERANCE_SECONDS:
        return f"the round opens on {moment(terms.plan.opens_at)} (UTC)"
    return None


def _who_could_open(aggregation: Aggregation) -> str:
    """The two ways to one member's figures: SPEC.md section 11.3, points 1 to 3."""
    threshold, neighbours = aggregation.threshold, aggregation.neighbours
    signers = 2 * aggregation.quorum - aggregation.committee
    return (
        f"your figures stay hidden unless {threshold} of your {neighbours} neighbours in the round "
        f"join with the coordinator, or {signers} of the {aggregation.committee} who sign the list "
        f"of survivors, if {2 * threshold - neighbours} of your neighbours join as well"
    )


def describe_totals(terms: TotalsTerms) -> Mapping[str, str]:
    """The terms of a plan of totals in words, for the owner."""
    plan, aggregation = terms.plan, terms.aggregation
    return {
        "cohort": f"{plan.cohort}: {plan.title}",
        "period": plan.period,
        "members": str(plan.participants),
        "backend": Backend.TOTALS.value,
        "published": (
            "totals of the whole cohort, if at least "
            f"{plan.policy.minimum_cohort} members stay to the end"
        ),
        "coordinator": terms.coordinator.fingerprint,
        "trustees": "none",
        "opening": opened_by(Backend.TOTALS),
        "colluding": _who_could_open(aggregation),
        "dominance": NO_DOMINANCE,
        "verification": NOT_VERIFIABLE,
        "closes": moment(aggregation.until) + " UTC",
    }
