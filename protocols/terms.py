"""The terms of a round, which every party checks for itself before it does anything.

A coordinator hands out a :class:`Description`; :func:`read_terms` believes none of it. Coordinator,
trustees and nodes call the same function and then add what only they can ask: a trustee its own
ceremony, a node its place on the roster, both their own limits. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature, PlanError
from protocols.layout import Layout
from protocols.plan import MAX_PLAN_BYTES, Plan
from protocols.roster import Roster
from protocols.signing import VerifyKey, open_signed

MAX_SIGNED_PLAN_BYTES = MAX_PLAN_BYTES + 1024

CeremonyReader = Callable[[bytes], Ceremony]
"""Reads a signed ceremony record; a parameter so that a cache, or a test, may stand in."""


@dataclass(frozen=True)
class Description:
    """A round as its coordinator describes it, in the bytes that came."""

    plan: bytes
    roster: bytes
    ceremony: bytes
    countersignatures: tuple[bytes, ...]


@dataclass(frozen=True)
class Terms:
    """A description that holds: plan, roster and ceremony belong together and are signed."""

    plan: Plan
    layout: Layout
    roster: Roster
    ceremony: Ceremony
    coordinator: VerifyKey
    description: Description


@dataclass(frozen=True)
class Limits:
    """A party's own least terms; a plan may be stricter, never looser.

    ``minimum_cohort``: least number of enterprises behind a published figure.
    ``dominance_percent``: least p of the p% rule. ``minimum_threshold``: least number of trustees
    who have to join to open anything; with one, that trustee alone could read every contribution.
    """

    minimum_cohort: int = 5
    dominance_percent: int = 10
    minimum_threshold: int = field(default=2, kw_only=True)

    def reasons_against(self, plan: Plan) -> list[str]:
        """Why ``plan`` is looser than these limits; empty if it is not."""
        reasons = []
        if plan.policy.minimum_cohort < self.minimum_cohort:
            reasons.append(
                f"the plan publishes figures of {plan.policy.minimum_cohort} enterprises, the own "
                f"limit is at least {self.minimum_cohort}"
            )
        if plan.policy.dominance_percent < self.dominance_percent:
            reasons.append(
                f"the plan's p% rule has p = {plan.policy.dominance_percent}, the own limit is at "
                f"least {self.dominance_percent}"
            )
        return reasons

    def reasons_against_ceremony(self, ceremony: Ceremony) -> list[str]:
        """Why the key that ``ceremony`` made is held more loosely than these limits allow."""
        threshold = ceremony.key.threshold
        if threshold >= self.minimum_threshold:
            return []
        return [
            f"with this key {threshold} of {len(ceremony.trustees)} trustees can open any "
            f"contribution, the own limit is at least {self.minimum_threshold}"
        ]


def read_terms(
    description: Description,
    coordinator: VerifyKey,
    *,
    round_id: str | None = None,
    read_ceremony: CeremonyReader = Ceremony.from_signed,
) -> Terms:
    """Check the parts of a description against each other.

    :param coordinator: the key that the caller pinned, or the coordinator's own.
    :param round_id: the round that was asked for, if one was.
    :raises PlanError: the plan cannot be run, or names another round, roster, key or period.
    :raises ProtocolError: a part that is malformed or not signed by who has to sign it.
    """
    statement = open_signed(description.plan, "plan", MAX_SIGNED_PLAN_BYTES)
    if statement.signer != coordinator:
        raise InvalidSignature(
            f"the plan is signed by {statement.signer.fingerprint}, not by the coordinator "
            f"{coordinator.fingerprint} that is known here"
        )
    plan = Plan.from_bytes(statement.payload)
    if round_id is not None and plan.round_id != round_id:
        raise PlanError(f"the plan names round {plan.round_id!r}, not {round_id[:64]!r}")
    ceremony = read_ceremony(description.ceremony)
    ceremony.check_countersignatures(description.countersignatures)
    ceremony.check_apart_from(coordinator)
    if plan.key_id != ceremony.key_id:
        raise PlanError("the plan names another ceremony's key")
    if plan.period != ceremony.period:
        raise PlanError(f"the key is for period {ceremony.period}, the plan for {plan.period}")
    roster = Roster.from_bytes(description.roster)
    if roster.hash != plan.roster_hash:
        raise PlanError("the plan names another roster")
    if len(roster.members) != plan.participants:
        raise PlanError(
            f"the plan is for {plan.participants} members, the roster has {len(roster.members)}"
        )
    layout = Layout(plan, ceremony.key.public.bits)
    return Terms(plan, layout, roster, ceremony, coordinator, description)
