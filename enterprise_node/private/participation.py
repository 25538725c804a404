"""Whether this node takes part in a round: every check of the plan that a member can make.

Two pure functions. :func:`examine` goes from what the coordinator describes, the node's own terms
and the clock to an accepted plan or to all reasons against it, and looks at no value.
:func:`check_values` looks at the values, and is called for one plan a period
(:mod:`enterprise_node.private.commitments`). The coordinator runs checks of its own; a node does
not rely on them (SPEC.md section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from enterprise_node.errors import PlanRefused
from enterprise_node.private.intake import OwnMeasures, meaning_reasons, value_reasons
from enterprise_node.private.settings import Settings
from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature, ProtocolError
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.signing import VerifyKey
from protocols.terms import Description, Terms, read_terms


def examine(
    description: Description,
    own: OwnMeasures,
    *,
    member: VerifyKey,
    coordinator: VerifyKey,
    settings: Settings,
    now: int | None,
    round_id: str,
) -> Terms:
    """Accept the plan or refuse it with every reason at once. Looks at no value of the node.

    :param member: the node's own signing key.
    :param coordinator: the key that the owner pinned when the node was set up.
    :param settings: the trustees that the owner pinned, and the own limits.
    :param now: seconds since 1970-01-01 UTC; None for a round that is read after it closed.
    :raises PlanRefused: with all reasons; nothing may be sent then.
    """
    try:
        terms = _terms(description, coordinator, round_id)
    except ProtocolError as error:
        raise PlanRefused(round_id, [str(error)]) from error
    plan = terms.plan
    reasons = [*_place_reasons(terms.roster, member), *_time_reasons(plan, now)]
    reasons += settings.reasons_against(terms.ceremony)
    limits = settings.limits
    reasons += [f"{reason} (limits in node.toml)" for reason in limits.reasons_against(plan)]
    if plan.cohort != own.cohort:
        reasons.append(
            f"the plan is for cohort {plan.cohort!r}, this enterprise belongs to {own.cohort!r}: "
            "ask the coordinator for the round of your cohort"
        )
    reasons += meaning_reasons(own, plan.measures, plan.definitions)
    if reasons:
        raise PlanRefused(round_id, reasons)
    return terms


def check_values(plan: Plan, own: OwnMeasures) -> None:
    """Whether the own values fit the plan's bounds and ratios.

    The answer is the owner's alone: nothing is sent when it is no.

    :raises PlanRefused: with all reasons, none of which holds a value.
    """
    reasons = value_reasons(own.integers, plan.measures, plan.indicators)
    if reasons:
        raise PlanRefused(plan.round_id, reasons)


def _place_reasons(roster: Roster, member: VerifyKey) -> list[str]:
    try:
        roster.member(member)
    except InvalidSignature:
        return [
            f"this node ({member.fingerprint}) is not on the roster: ask the coordinator to enter "
            "its signing key"
        ]
    return []


def _time_reasons(plan: Plan, now: int | None) -> list[str]:
    if now is not None and now > plan.deadline:
        return [
            f"the plan expired on {_moment(plan.deadline)} (UTC): ask the coordinator for a new "
            "round; your data stays as it is"
        ]
    if now is not None and now < plan.opens_at:
        return [f"the round opens on {_moment(plan.opens_at)} (UTC): try again then"]
    return []


# A process that hosts several nodes reads the same public bytes for each of them; what was derived
# from equal bytes is equal, so it is kept. Nothing of a node's own is kept here.


@lru_cache(maxsize=4)
def _terms(description: Description, coordinator: VerifyKey, round_id: str) -> Terms:
    return read_terms(description, coordinator, round_id=round_id, read_ceremony=_ceremony)


@lru_cache(maxsize=4)
def _ceremony(record: bytes) -> Ceremony:
    return Ceremony.from_signed(record)


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"


def describe_terms(accepted: Terms) -> Mapping[str, str]:
    """The terms of an accepted plan in words, for the owner."""
    plan, ceremony = accepted.plan, accepted.ceremony
    return {
        "cohort": f"{plan.cohort}: {plan.title}",
        "period": plan.period,
        "members": str(plan.participants),
        "policy": (
            f"at least {plan.policy.minimum_cohort} enterprises behind a figure, p% rule with "
            f"p = {plan.policy.dominance_percent}"
        ),
        "coordinator": accepted.coordinator.fingerprint,
        "trustees": ", ".join(f"{t.name} ({t.signing_key.fingerprint})" for t in ceremony.trustees),
        "opening": _who_can_open(ceremony),
        "closes": _moment(plan.deadline) + " UTC",
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
