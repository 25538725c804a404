"""The terms of a round, which every party checks for itself before it does anything.

A coordinator hands out a description, and nobody believes it. Coordinator and trustees, who have
the roster (:class:`Description`), call :func:`read_terms`; a node, which has its own place on it
(:class:`MemberDescription`), :func:`read_common_terms` and :func:`read_member_terms`. Each adds
what only it can ask: a trustee its own ceremony, a node that the place is its own, both their own
limits. Rounds of ``totals`` have terms of their own (:mod:`protocols.federated.offer`). SPEC.md
section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from protocols.ceremony import Ceremony
from protocols.dominance import DominanceRule
from protocols.encoding import RESOLUTIONS
from protocols.errors import InvalidSignature, PlanError
from protocols.layout import Layout
from protocols.places import Place
from protocols.plan import MAX_PLAN_BYTES, Mode, Plan
from protocols.privacy_loss import LIMIT_DELTA, epsilon_of, read_limit
from protocols.profiles import Policy, rule_text
from protocols.profiles import profile as named_profile
from protocols.roster import Roster
from protocols.signing import VerifyKey, open_signed

PLANS_KEPT = 16
"""Plans that a process need not read and check again."""

MAX_SIGNED_PLAN_BYTES = MAX_PLAN_BYTES + 1024

CeremonyReader = Callable[[bytes], Ceremony]
"""Reads a signed ceremony record; a parameter so that a cache, or a test, may stand in."""


@dataclass(frozen=True)
class Description:
    """A round as its coordinator describes it to trustees, in the bytes that came."""

    plan: bytes
    roster: bytes
    ceremony: bytes
    countersignatures: tuple[bytes, ...]


@dataclass(frozen=True)
class MemberDescription:
    """A round as its coordinator describes it to a member, in the bytes that came.

    ``place``: see :class:`protocols.places.Place`.
    """

    plan: bytes
    place: bytes
    ceremony: bytes
    countersignatures: tuple[bytes, ...]


@dataclass(frozen=True)
class CommonTerms:
    """What every party to a round knows: plan and ceremony belong together and are signed."""

    plan: Plan
    layout: Layout
    ceremony: Ceremony
    coordinator: VerifyKey


@dataclass(frozen=True)
class Terms(CommonTerms):
    """A description that holds, for who has the roster: it is the plan's."""

    roster: Roster
    description: Description


@dataclass(frozen=True)
class MemberTerms(CommonTerms):
    """A description that holds, for a node: the place is on the plan's roster."""

    place: Place
    description: MemberDescription


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
    common = read_common_terms(
        description.plan,
        description.ceremony,
        description.countersignatures,
        coordinator,
        round_id=round_id,
        read_ceremony=read_ceremony,
    )
    roster = read_roster(description.roster, common.plan)
    return Terms(
        common.plan, common.layout, common.ceremony, common.coordinator, roster, description
    )


def read_member_terms(description: MemberDescription, common: CommonTerms) -> MemberTerms:
    """A description with a place in it; whether that is its own is the node's to see.

    :param common: what :func:`read_common_terms` made of the description's other parts.
    :raises PlanError: the place is not on the plan's roster.
    :raises ProtocolError: it is malformed.
    """
    place = Place.from_bytes(description.place)
    place.check(common.plan)
    return MemberTerms(
        common.plan, common.layout, common.ceremony, common.coordinator, place, description
    )


def read_common_terms(
    plan: bytes,
    ceremony: bytes,
    countersignatures: tuple[bytes, ...],
    coordinator: VerifyKey,
    *,
    round_id: str | None = None,
    read_ceremony: CeremonyReader = Ceremony.from_signed,
) -> CommonTerms:
    """Check signed plan and ceremony record against each other, as :func:`read_terms` says."""
    found = read_plan(plan, coordinator, round_id)
    if found.mode is Mode.TOTALS:
        raise PlanError(
            f"round {found.round_id} is one of totals, which has no trustees: it is run by the "
            "federated backend only"
        )
    held = read_ceremony(ceremony)
    held.check_countersignatures(countersignatures)
    held.check_apart_from(coordinator)
    if found.key_id != held.key_id:
        raise PlanError("the plan names another ceremony's key")
    if found.period != held.period:
        raise PlanError(f"the key is for period {held.period}, the plan for {found.period}")
    return CommonTerms(found, Layout(found, held.key.public.bits), held, coordinator)


def read_plan(data: bytes, coordinator: VerifyKey, round_id: str | None = None) -> Plan:
    """The coordinator's signed plan, of a round that was asked for, if one was.

    :raises PlanError: it cannot be run, or names another round.
    :raises ProtocolError: malformed, or signed by another key.
    """
    statement = open_signed(data, "plan", MAX_SIGNED_PLAN_BYTES)
    if statement.signer != coordinator:
        raise InvalidSignature(
            f"the plan is signed by {statement.signer.fingerprint}, not by the coordinator "
            f"{coordinator.fingerprint} that is known here"
        )
    plan = _plan_of(statement.payload)
    if round_id is not None and plan.round_id != round_id:
        raise PlanError(f"the plan names round {plan.round_id!r}, not {round_id[:64]!r}")
    return plan


@lru_cache(maxsize=PLANS_KEPT)
def _plan_of(payload: bytes) -> Plan:
    """Equal bytes are equal plans: a node reads its own at every step of a round."""
    return Plan.from_bytes(payload)


def read_roster(data: bytes, plan: Plan) -> Roster:
    """The roster that a plan names. :raises PlanError: another, or of another size."""
    roster = Roster.from_bytes(data)
    if roster.hash != plan.roster_hash:
        raise PlanError("the plan names another roster")
    if len(roster.members) != plan.participants:
        raise PlanError(
            f"the plan is for {plan.participants} members, the roster has {len(roster.members)}"
        )
    return roster
