"""The terms of a round, which every party checks for itself before it does anything.

A coordinator hands out a :class:`Description`; :func:`read_terms` believes none of it. Coordinator,
trustees and nodes call the same function and then add what only they can ask: a trustee its own
ceremony, a node its place on the roster, both their own limits. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from protocols.ceremony import Ceremony
from protocols.dominance import DominanceRule
from protocols.encoding import RESOLUTIONS
from protocols.errors import InvalidSignature, PlanError
from protocols.layout import Layout
from protocols.plan import MAX_PLAN_BYTES, Plan
from protocols.privacy_loss import LIMIT_DELTA, epsilon_of, read_limit
from protocols.profiles import Policy, rule_text
from protocols.profiles import profile as named_profile
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
    ``dominance_percent``: least p of the p% rule; a plan with a smaller p is looser even where its
    other rules imply this one, because p also sets how narrow bins may be. ``minimum_threshold``:
    least number of trustees who have to join to open anything; with one, that trustee alone could
    read every contribution. ``profile``: name of a profile whose rules all have to be kept; "" asks
    for none. ``largest_share_percent``, ``top_count``, ``top_share_percent``: further rules, 0 for
    none, as in :class:`protocols.profiles.Policy`. ``most_classes_per_octave``: how finely trustees
    may see the sizes of the enterprises behind a figure. ``most_epsilon``: what all releases
    of the same data may tell of one enterprise, as a decimal number for delta = 1e-6, so that every
    plan needs noise and a budget within it (:mod:`protocols.privacy_loss`); "" for no such limit.
    """

    minimum_cohort: int = 5
    dominance_percent: int = 10
    minimum_threshold: int = field(default=2, kw_only=True)
    profile: str = field(default="", kw_only=True)
    largest_share_percent: int = field(default=0, kw_only=True)
    top_count: int = field(default=0, kw_only=True)
    top_share_percent: int = field(default=0, kw_only=True)
    most_classes_per_octave: int = field(default=RESOLUTIONS[-1], kw_only=True)
    most_epsilon: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """:raises PlanError: an unknown profile, half an (n,k) rule, or no usable epsilon."""
        self._demanded()
        read_limit(self.most_epsilon)

    def reasons_against(self, plan: Plan) -> list[str]:
        """Why ``plan`` is looser than these limits, each with its rule; empty if it is not."""
        policy, reasons = plan.policy, []
        profile, rules = self._demanded()
        least = max(self.minimum_cohort, profile.minimum_cohort if profile else 0)
        if policy.minimum_cohort < least:
            reasons.append(
                f"the plan publishes figures of {policy.minimum_cohort} enterprises, the own "
                f"limit is at least {least}"
            )
        if policy.dominance_percent < self.dominance_percent:
            reasons.append(
                f"the plan's p% rule has p = {policy.dominance_percent}, the own limit is at "
                f"least {self.dominance_percent}"
            )
        reasons += [
            f"the plan's rules do not ensure the own limit: {rule_text(rule)}"
            for rule in rules
            if not policy.implies(rule)
        ]
        if policy.classes_per_octave > self.most_classes_per_octave:
            reasons.append(
                f"the plan shows trustees {policy.classes_per_octave} size classes an octave, the "
                f"own limit is at most {self.most_classes_per_octave}"
            )
        return reasons + self._reasons_by_loss(plan)

    def _reasons_by_loss(self, plan: Plan) -> list[str]:
        most = read_limit(self.most_epsilon)
        if most is None:
            return []
        if plan.noise is None:
            return ["the plan adds no noise, and the own limit on privacy loss asks for it"]
        if plan.noise.budget <= most:
            return []
        return [
            "the plan lets releases tell of one enterprise as much as epsilon = "
            f"{epsilon_of(plan.noise.budget, LIMIT_DELTA)}, the own limit is {self.most_epsilon}"
        ]

    def _demanded(self) -> tuple[Policy | None, tuple[DominanceRule, ...]]:
        """The named profile, and every dominance rule demanded beside the p% rule above."""
        profile = named_profile(self.profile) if self.profile else None
        own = Policy(
            largest_share_percent=self.largest_share_percent,
            top_count=self.top_count,
            top_share_percent=self.top_share_percent,
        )
        rules = (*(profile.rules if profile else ()), *own.rules[1:])
        return profile, tuple(dict.fromkeys(rules))

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
