"""What a trustee checks about a round before it takes part: everything, itself.

The coordinator describes a round; nothing of it is believed. Plan, roster, ceremony and
countersignatures are checked against each other, against the coordinator key the trustee pinned,
against the ceremony it countersigned and against its own limits. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature, KeyRefused, PlanError, PolicyRefusal
from protocols.layout import Layout
from protocols.plan import MAX_PLAN_BYTES, Plan
from protocols.roster import Roster
from protocols.signing import VerifyKey, open_signed


@dataclass(frozen=True)
class Limits:
    """A trustee's own least terms; a plan may be stricter, never looser.

    ``refused_cohorts``: cohorts it takes no part in, its own sector among them.
    """

    minimum_cohort: int = 5
    dominance_percent: int = 10
    refused_cohorts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """A round as the coordinator describes it; bytes as they came."""

    plan: bytes
    roster: bytes
    ceremony: bytes
    countersignatures: Sequence[bytes]


@dataclass(frozen=True)
class Agreement:
    """The terms of a round that passed every check of :func:`agree`."""

    plan: Plan
    layout: Layout
    roster: Roster
    ceremony: Ceremony
    coordinator: VerifyKey
    signed_plan: bytes


def agree(
    round_id: str,
    description: Description,
    ceremony: Ceremony,
    coordinator: VerifyKey,
    limits: Limits,
) -> Agreement:
    """Check a round's description.

    :param ceremony: the one this trustee countersigned, from its own folder.
    :param coordinator: the key this trustee pinned.
    :raises ProtocolError: a subclass that names the first thing that does not hold.
    """
    statement = open_signed(description.plan, "plan", MAX_PLAN_BYTES + 1024)
    if statement.signer != coordinator:
        raise InvalidSignature("the plan is not signed by the pinned coordinator key")
    plan = Plan.from_bytes(statement.payload)
    if plan.round_id != round_id:
        raise PlanError(f"the plan names round {plan.round_id}, not {round_id[:64]!r}")
    if description.ceremony != ceremony.received or plan.key_id != ceremony.key_id:
        raise KeyRefused("the round uses another ceremony than the one this trustee accepted")
    ceremony.check_countersignatures(description.countersignatures)
    roster = Roster.from_bytes(description.roster)
    if roster.hash != plan.roster_hash or len(roster.members) != plan.participants:
        raise PlanError("the roster is not the one the plan names")
    _check_limits(plan, limits)
    return Agreement(
        plan,
        Layout(plan, ceremony.key.public.bits),
        roster,
        ceremony,
        coordinator,
        description.plan,
    )


def _check_limits(plan: Plan, limits: Limits) -> None:
    policy = plan.policy
    if policy.minimum_cohort < limits.minimum_cohort:
        raise PolicyRefusal(
            f"the plan allows cohorts of {policy.minimum_cohort}; this trustee's limit is "
            f"{limits.minimum_cohort}"
        )
    if policy.dominance_percent < limits.dominance_percent:
        raise PolicyRefusal(
            f"the plan's p% rule has p = {policy.dominance_percent}; this trustee's limit is "
            f"{limits.dominance_percent}"
        )
    if plan.cohort in limits.refused_cohorts:
        raise PolicyRefusal(f"this trustee takes no part in rounds of cohort {plan.cohort}")
