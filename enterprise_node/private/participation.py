"""Whether this node takes part in a round: every check of the plan that a member can make.

A pure function from what the coordinator describes, the node's own terms and the clock to an
accepted plan or to all reasons against it. The coordinator runs checks of its own; a node does not
rely on them (SPEC.md section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from enterprise_node.errors import PlanRefused
from enterprise_node.private.intake import OwnMeasures, meaning_reasons, value_reasons
from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature, PlanError, ProtocolError
from protocols.layout import Layout
from protocols.plan import MAX_PLAN_BYTES, Plan
from protocols.roster import Roster
from protocols.signing import VerifyKey, open_signed

T = TypeVar("T")

_FRAME_BYTES = 1024


@dataclass(frozen=True)
class Limits:
    """What the owner asks of every plan, whatever the coordinator's policy says.

    ``minimum_cohort``: least number of enterprises behind a published figure.
    ``dominance_percent``: least p of the p% rule.
    """

    minimum_cohort: int = 5
    dominance_percent: int = 10


@dataclass(frozen=True)
class Description:
    """A round as the coordinator describes it, in the bytes that came."""

    plan: bytes
    roster: bytes
    ceremony: bytes
    countersignatures: tuple[bytes, ...]


@dataclass(frozen=True)
class Accepted:
    """A plan that passed, with everything needed to contribute to it."""

    plan: Plan
    layout: Layout
    roster: Roster
    ceremony: Ceremony


def examine(
    description: Description,
    own: OwnMeasures,
    *,
    member: VerifyKey,
    coordinator: VerifyKey,
    limits: Limits,
    now: int | None,
    round_id: str,
) -> Accepted:
    """Accept the plan or refuse it with every reason at once.

    :param member: the node's own signing key.
    :param coordinator: the key that the owner pinned when the node was set up.
    :param now: seconds since 1970-01-01 UTC; None for a round that is read after it closed.
    :raises PlanRefused: with all reasons; nothing may be sent then.
    """
    reasons: list[str] = []
    plan = _attempt(reasons, lambda: _signed_plan(description.plan, coordinator))
    ceremony = _attempt(
        reasons, lambda: read_ceremony(description.ceremony, description.countersignatures)
    )
    roster = _attempt(reasons, lambda: _roster(description.roster))
    if plan is None or ceremony is None or roster is None:
        raise PlanRefused(round_id, reasons)
    if plan.round_id != round_id:
        reasons.append(f"the plan is for round {plan.round_id!r}")
    reasons += _frame_reasons(plan, roster, ceremony, member, now)
    reasons += _policy_reasons(plan, limits)
    if plan.cohort != own.cohort:
        reasons.append(
            f"the plan is for cohort {plan.cohort!r}, this enterprise belongs to {own.cohort!r}: "
            "ask the coordinator for the round of your cohort"
        )
    reasons += meaning_reasons(own, plan.measures, plan.definitions)
    reasons += value_reasons(own.integers, plan.measures, plan.indicators)
    layout = _attempt(reasons, lambda: _layout(plan.to_bytes(), ceremony.key.public.bits))
    if reasons or layout is None:
        raise PlanRefused(round_id, reasons)
    return Accepted(plan, layout, roster, ceremony)


def _frame_reasons(
    plan: Plan, roster: Roster, ceremony: Ceremony, member: VerifyKey, now: int | None
) -> list[str]:
    reasons = []
    if plan.roster_hash != roster.hash:
        reasons.append("the roster is not the one that the plan was signed with")
    if plan.participants != len(roster.members):
        reasons.append("the plan counts another number of members than its roster has")
    try:
        roster.member(member)
    except InvalidSignature:
        reasons.append(
            f"this node ({member.fingerprint}) is not on the roster: ask the coordinator to enter "
            "its signing key"
        )
    if plan.key_id != ceremony.key_id:
        reasons.append("the key ceremony is not the one that the plan names")
    elif plan.period != ceremony.period:
        reasons.append(f"the key is for period {ceremony.period}, the plan for {plan.period}")
    if now is None:
        return reasons
    if now > plan.deadline:
        reasons.append(
            f"the plan expired on {_moment(plan.deadline)} (UTC): ask the coordinator for a new "
            "round; your data stays as it is"
        )
    elif now < plan.opens_at:
        reasons.append(f"the round opens on {_moment(plan.opens_at)} (UTC): try again then")
    return reasons


def _policy_reasons(plan: Plan, limits: Limits) -> list[str]:
    reasons = []
    if plan.policy.minimum_cohort < limits.minimum_cohort:
        reasons.append(
            f"the plan publishes figures of {plan.policy.minimum_cohort} enterprises, this node "
            f"asks for at least {limits.minimum_cohort} (limits in node.toml)"
        )
    if plan.policy.dominance_percent < limits.dominance_percent:
        reasons.append(
            f"the plan's p% rule has p = {plan.policy.dominance_percent}, this node asks for at "
            f"least {limits.dominance_percent} (limits in node.toml)"
        )
    return reasons


def _attempt(reasons: list[str], step: Callable[[], T]) -> T | None:
    try:
        return step()
    except ProtocolError as error:
        reasons.append(str(error))
        return None


def _signed_plan(data: bytes, coordinator: VerifyKey) -> Plan:
    statement = open_signed(data, "plan", MAX_PLAN_BYTES + _FRAME_BYTES)
    if statement.signer != coordinator:
        raise PlanError(
            f"the plan is signed by {statement.signer.fingerprint}, not by the coordinator "
            f"{coordinator.fingerprint} that this node knows"
        )
    return _plan(statement.payload)


# A process that hosts several nodes reads the same public bytes for each of them; what was derived
# from equal bytes is equal, so it is kept. Nothing of a node's own is kept here.


@lru_cache(maxsize=4)
def read_ceremony(record: bytes, countersignatures: tuple[bytes, ...]) -> Ceremony:
    """A ceremony that the dealer signed and every trustee countersigned.

    :raises ProtocolError: a key that fails a check, or a countersignature that is missing.
    """
    ceremony = Ceremony.from_signed(record)
    ceremony.check_countersignatures(countersignatures)
    return ceremony


@lru_cache(maxsize=4)
def _roster(data: bytes) -> Roster:
    return Roster.from_bytes(data)


@lru_cache(maxsize=4)
def _plan(payload: bytes) -> Plan:
    return Plan.from_bytes(payload)


@lru_cache(maxsize=4)
def _layout(payload: bytes, modulus_bits: int) -> Layout:
    return Layout(_plan(payload), modulus_bits)


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"


def describe_terms(accepted: Accepted) -> Mapping[str, str]:
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
        "trustees": (
            f"{len(ceremony.trustees)} ({', '.join(t.name for t in ceremony.trustees)}); "
            f"{ceremony.closing_quorum} must certify the round, {ceremony.key.threshold} must "
            "join to open a sum, and no one of them can open your contribution alone"
        ),
        "closes": _moment(plan.deadline) + " UTC",
    }
