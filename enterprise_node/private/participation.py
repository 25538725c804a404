"""Whether this node takes part in a round: every check of the plan that a member can make.

Pure functions. :func:`examine` goes from what the coordinator describes and the node's own policy
to accepted terms or to all reasons against them, and looks at no value. :func:`reason_to_wait`
says why accepted terms are not answered just now. :func:`check_values` looks at the values, and is
called for one plan a period (:mod:`enterprise_node.private.commitments`). The coordinator runs
checks of its own; a node does not rely on them (SPEC.md section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from enterprise_node.errors import PlanRefused
from enterprise_node.private.backends import backend_of, opened_by
from enterprise_node.private.events import moment
from enterprise_node.private.intake import (
    OwnMeasures,
    category_reasons,
    meaning_reasons,
    period_reasons,
    relation_reasons,
    value_reasons,
)
from enterprise_node.private.policy import FILE, NodePolicy
from enterprise_node.private.rounds import Offer
from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature, ProtocolError, QuorumMissing
from protocols.notices import Notices, roster_tally
from protocols.places import Place
from protocols.plan import Plan
from protocols.privacy_loss import describe
from protocols.signing import VerifyKey
from protocols.terms import (
    CommonTerms,
    MemberTerms,
    read_common_terms,
    read_member_terms,
)

CLOCK_TOLERANCE_SECONDS = 3600
"""By how much the own clock may be wrong. The coordinator's decides what came in time."""


def read_offer_terms(offer: Offer, policy: NodePolicy, round_id: str) -> MemberTerms:
    """The terms of an offer, whose parts fit together and are signed by the policy's coordinator.

    :raises PlanRefused: they do not, or there is no policy.
    """
    coordinator = policy.coordinator_key
    if coordinator is None:
        raise PlanRefused(round_id, [f"{FILE} names no coordinator, so every plan is refused"])
    try:
        told = offer.description
        parts = (told.plan, told.ceremony, told.countersignatures)
        return read_member_terms(told, _common(*parts, coordinator, round_id))
    except ProtocolError as error:
        raise PlanRefused(round_id, [str(error)]) from error


def examine(
    offer: Offer,
    own: OwnMeasures,
    *,
    member: VerifyKey,
    policy: NodePolicy,
    round_id: str,
) -> MemberTerms:
    """Accept the plan or refuse it with every reason at once. Looks at no value of the node.

    :param member: the node's own signing key.
    :raises PlanRefused: with all reasons; nothing may be sent then.
    """
    terms = read_offer_terms(offer, policy, round_id)
    plan = terms.plan
    reasons = place_reasons(terms.place, member)
    reasons += policy.reasons_against(plan, terms.ceremony)
    reasons += fit_reasons(plan, own)
    if reasons:
        raise PlanRefused(round_id, reasons)
    return terms


def fit_reasons(plan: Plan, own: OwnMeasures) -> list[str]:
    """Why a plan is not about what this node's measures mean; looks at no value."""
    reasons = []
    if plan.cohort != own.cohort:
        reasons.append(
            f"the plan is for cohort {plan.cohort!r}, this enterprise belongs to {own.cohort!r}: "
            "ask the coordinator for the round of your cohort"
        )
    reasons += period_reasons(own, plan.period)
    return reasons + meaning_reasons(own, plan.measures, plan.definitions)


def reason_to_wait(offer: Offer, terms: CommonTerms, now: int) -> str | None:
    """Why accepted terms are not answered now; None if they are.

    :param now: seconds since 1970-01-01 UTC. What it says is worth an hour more or less: the
        coordinator's clock decides, and its ``state`` is taken as a hint that can only delay.
    """
    plan = terms.plan
    try:
        notices = Notices.read(offer.notices, plan, terms.coordinator)
    except ProtocolError as error:
        return f"an announcement of the round does not hold: {error}"
    if notices.cancelled is not None:
        return f"cancelled by the coordinator: {notices.cancelled}"
    if now > notices.deadline + CLOCK_TOLERANCE_SECONDS:
        return (
            f"the round ended on {moment(notices.deadline)} (UTC): ask the coordinator for a new "
            "round; your data stays as it is"
        )
    if now < plan.opens_at - CLOCK_TOLERANCE_SECONDS:
        return f"the round opens on {moment(plan.opens_at)} (UTC)"
    try:
        roster_tally(offer.roster_votes, plan, terms.ceremony)
    except QuorumMissing as error:
        return f"not enough trustees have countersigned the roster yet ({error})"
    except ProtocolError as error:
        return f"the trustees' votes for the roster do not hold: {error}"
    if offer.state != "open":
        return f"the coordinator takes no contributions now (the round is {offer.state!r})"
    return None


def check_values(plan: Plan, own: OwnMeasures) -> None:
    """Whether the own values fit the plan's bounds and ratios.

    The answer is the owner's alone: nothing is sent when it is no.

    :raises PlanRefused: with all reasons, none of which holds a value.
    """
    reasons = value_reasons(own.integers, plan.measures, plan.indicators)
    reasons += category_reasons(own, plan.table) + relation_reasons(own, plan.relations)
    if reasons:
        raise PlanRefused(plan.round_id, reasons)


def place_reasons(place: Place, member: VerifyKey) -> list[str]:
    """Why a place on the roster is not this node's."""
    try:
        place.member(member)
    except InvalidSignature:
        return [
            f"the coordinator shows no place of this node ({member.fingerprint}) on the roster: "
            "ask it to enter its signing key"
        ]
    return []


# A process that hosts several nodes reads the same public bytes for each of them; what was derived
# from equal bytes is equal, so it is kept. Nothing of a node's own is kept here.


@lru_cache(maxsize=4)
def _common(
    plan: bytes,
    ceremony: bytes,
    countersignatures: tuple[bytes, ...],
    coordinator: VerifyKey,
    round_id: str,
) -> CommonTerms:
    return read_common_terms(
        plan,
        ceremony,
        countersignatures,
        coordinator,
        round_id=round_id,
        read_ceremony=_ceremony,
    )


@lru_cache(maxsize=4)
def _ceremony(record: bytes) -> Ceremony:
    return Ceremony.from_signed(record)


def describe_terms(accepted: CommonTerms) -> Mapping[str, str]:
    """The terms of an accepted plan in words, for the owner."""
    plan, ceremony = accepted.plan, accepted.ceremony
    noise = {"noise": describe(plan.noise)} if plan.noise is not None else {}
    backend = backend_of(plan)
    return {
        "cohort": f"{plan.cohort}: {plan.title}",
        "period": plan.period,
        "members": str(plan.participants),
        "policy": plan.policy.describe(),
        **noise,
        "coordinator": accepted.coordinator.fingerprint,
        "trustees": ", ".join(f"{t.name} ({t.signing_key.fingerprint})" for t in ceremony.trustees),
        "opening": _who_can_open(ceremony),
        "backend": backend.value,
        "sums": opened_by(backend),
        "closes": moment(plan.deadline) + " UTC",
    }


def _who_can_open(ceremony: Ceremony) -> str:
    """What t, q and n of this key mean for the owner, in words."""
    count, needed = len(ceremony.trustees), ceremony.key.threshold
    certify = f"{ceremony.closing_quorum} of {count} trustees must certify the round first"
    if needed == 1:
        return f"{certify}, but each trustee ALONE is able to open your contribution"
    return (
        f"{certify}; {needed} of them must join to open a sum, and {needed} who broke the rules "
        f"together could open your contribution, {needed - 1} could not"
    )
