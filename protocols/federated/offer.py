"""The terms of a ``totals`` round, which has no trustees and no ceremony.

A node reads what the coordinator tells it with :func:`read_totals_terms`, the coordinator reads its
own plan and roster with :func:`read_gathering_terms`. Both believe none of it. SPEC.md section 11.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import PlanError
from protocols.places import Place
from protocols.plan import Aggregation, Mode, Plan
from protocols.roster import Roster
from protocols.signing import VerifyKey
from protocols.terms import read_plan, read_roster


@dataclass(frozen=True)
class TotalsDescription:
    """A ``totals`` round as its coordinator describes it to a member, in the bytes that came.

    ``plan``: signed by the coordinator; ``place``: see :class:`protocols.places.Place`.
    """

    plan: bytes
    place: bytes


@dataclass(frozen=True)
class TotalsTerms:
    """A description that holds, for a node: the place is on the plan's roster."""

    plan: Plan
    place: Place
    coordinator: VerifyKey
    description: TotalsDescription

    @property
    def aggregation(self) -> Aggregation:
        """The plan's, which such a plan has."""
        return _aggregation(self.plan)


@dataclass(frozen=True)
class GatheringTerms:
    """Plan and roster that belong together, for the coordinator."""

    plan: Plan
    roster: Roster
    coordinator: VerifyKey
    signed_plan: bytes

    @property
    def aggregation(self) -> Aggregation:
        """The plan's, which such a plan has."""
        return _aggregation(self.plan)


def read_totals_terms(
    description: TotalsDescription, coordinator: VerifyKey, round_id: str | None = None
) -> TotalsTerms:
    """Check the parts of a description; whether the place is its own is the caller's to see.

    :param coordinator: the key that the node pinned.
    :param round_id: the round that was asked for, if one was.
    :raises PlanError: not a plan of totals, one that cannot be run or names another round, or the
        place is not on its roster.
    :raises ProtocolError: a part that is malformed, or not signed by the coordinator.
    """
    plan = _plan(description.plan, coordinator, round_id)
    place = Place.from_bytes(description.place)
    place.check(plan)
    return TotalsTerms(plan, place, coordinator, description)


def read_gathering_terms(
    signed_plan: bytes, roster: bytes, coordinator: VerifyKey, round_id: str | None = None
) -> GatheringTerms:
    """Check a plan and the whole roster.

    :raises PlanError: not a plan of totals, or one that names another round or roster.
    :raises ProtocolError: a part that is malformed, or not signed by the coordinator.
    """
    plan = _plan(signed_plan, coordinator, round_id)
    return GatheringTerms(plan, read_roster(roster, plan), coordinator, signed_plan)


def _plan(data: bytes, coordinator: VerifyKey, round_id: str | None) -> Plan:
    plan = read_plan(data, coordinator, round_id)
    if plan.mode is not Mode.TOTALS:
        raise PlanError(
            f"round {plan.round_id} is run with trustees: its values are not gathered without them"
        )
    return plan


def _aggregation(plan: Plan) -> Aggregation:
    if plan.aggregation is None:
        raise PlanError(f"round {plan.round_id} is not one of totals")
    return plan.aggregation
