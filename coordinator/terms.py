"""The terms of a round: plan, roster and ceremony, read and checked against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from coordinator.store import RoundRecord
from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature, PlanError
from protocols.layout import Layout
from protocols.plan import MAX_PLAN_BYTES, Plan
from protocols.roster import Roster
from protocols.signing import VerifyKey, open_signed

MAX_SIGNED_PLAN = MAX_PLAN_BYTES + 1024

CeremonyReader = Callable[[bytes], Ceremony]
"""Reads a signed ceremony record; a parameter so that tests may use a short modulus."""


@dataclass(frozen=True)
class Terms:
    """Everything the parties agreed on before the first contribution."""

    plan: Plan
    layout: Layout
    roster: Roster
    ceremony: Ceremony
    coordinator: VerifyKey
    record: RoundRecord

    @classmethod
    def read(
        cls,
        record: RoundRecord,
        coordinator: VerifyKey,
        read_ceremony: CeremonyReader = Ceremony.from_signed,
    ) -> Terms:
        """Check the parts of a round against each other. Used when a round is created or loaded.

        :raises PlanError: roster, key or size differ from what the plan names.
        :raises ProtocolError: a part that is malformed or not signed by who has to sign it.
        """
        statement = open_signed(record.plan, "plan", MAX_SIGNED_PLAN)
        if statement.signer != coordinator:
            raise InvalidSignature("the plan is not signed by this coordinator's key")
        plan = Plan.from_bytes(statement.payload)
        roster = Roster.from_bytes(record.roster)
        if roster.hash != plan.roster_hash:
            raise PlanError("the plan names another roster")
        if len(roster.members) != plan.participants:
            raise PlanError(
                f"the plan is for {plan.participants} members, the roster has {len(roster.members)}"
            )
        ceremony = read_ceremony(record.ceremony)
        ceremony.check_countersignatures(record.countersignatures)
        if ceremony.key_id != plan.key_id:
            raise PlanError("the plan names another ceremony's key")
        layout = Layout(plan, ceremony.key.public.bits)
        return cls(plan, layout, roster, ceremony, coordinator, record)
