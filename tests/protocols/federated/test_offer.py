"""Terms of a round of totals: what a node, and what the coordinator, believes of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from protocols.errors import InvalidSignature, MalformedMessage, PlanError
from protocols.federated.offer import (
    TotalsDescription,
    read_gathering_terms,
    read_totals_terms,
)
from protocols.places import place_of
from protocols.plan import Aggregation, Plan
from protocols.roster import Roster
from protocols.terms import read_common_terms, read_terms
from tests.cohort import COORDINATOR, Scene, member_key
from tests.keys import signing_key

SCENE = Scene()
KEY = member_key(3).public


def totals_plan() -> Plan:
    """The scene's plan without its trustees."""
    until = SCENE.plan.deadline + 3600
    aggregation = Aggregation.totals(SCENE.plan.participants, until)
    return dataclasses.replace(SCENE.plan, aggregation=aggregation, key_id=b"")


def told(plan: Plan | None = None, **changes: Any) -> TotalsDescription:
    """What a coordinator says about it."""
    data = COORDINATOR.sign("plan", (plan or totals_plan()).to_bytes())
    description = TotalsDescription(data, place_of(SCENE.roster, KEY).to_bytes())
    return dataclasses.replace(description, **changes)


def test_a_node_reads_plan_and_place() -> None:
    terms = read_totals_terms(told(), COORDINATOR.public, SCENE.round_id)
    assert terms.plan == totals_plan()
    assert terms.place.member(KEY).key == KEY
    assert terms.aggregation == totals_plan().aggregation
    assert terms.description == told()


def test_the_coordinator_reads_plan_and_roster() -> None:
    signed = told().plan
    terms = read_gathering_terms(signed, SCENE.roster.to_bytes(), COORDINATOR.public)
    assert (terms.plan, terms.roster) == (totals_plan(), SCENE.roster)
    assert terms.signed_plan == signed
    assert terms.aggregation == totals_plan().aggregation


def test_a_plan_of_another_round_or_another_coordinator() -> None:
    with pytest.raises(PlanError, match="names round 'round-1'"):
        read_totals_terms(told(), COORDINATOR.public, "round-2")
    with pytest.raises(InvalidSignature, match="not by the coordinator"):
        read_totals_terms(told(), signing_key(9).public)
    with pytest.raises(InvalidSignature, match="not by the coordinator"):
        read_gathering_terms(told().plan, SCENE.roster.to_bytes(), signing_key(9).public)


def test_a_place_or_a_roster_that_the_plan_does_not_name() -> None:
    shorter = Roster(SCENE.roster.members[1:])
    with pytest.raises(PlanError, match="not on the plan's roster"):
        read_totals_terms(told(place=place_of(shorter, KEY).to_bytes()), COORDINATOR.public)
    with pytest.raises(MalformedMessage):
        read_totals_terms(told(place=b"\xff"), COORDINATOR.public)
    with pytest.raises(PlanError, match="another roster"):
        read_gathering_terms(told().plan, shorter.to_bytes(), COORDINATOR.public)


def certified_plan() -> Plan:
    """The scene's plan in the other federated mode."""
    until = SCENE.plan.deadline + 3600
    aggregation = Aggregation.certified(SCENE.plan.participants, until)
    return dataclasses.replace(SCENE.plan, aggregation=aggregation)


@pytest.mark.parametrize("plan", [SCENE.plan, certified_plan()])
def test_a_round_with_trustees_is_none_of_totals(plan: Plan) -> None:
    with pytest.raises(PlanError, match="run with trustees"):
        read_totals_terms(told(plan), COORDINATOR.public)
    with pytest.raises(PlanError, match="run with trustees"):
        read_gathering_terms(told(plan).plan, SCENE.roster.to_bytes(), COORDINATOR.public)


def test_a_round_of_totals_is_none_with_trustees() -> None:
    record = dataclasses.replace(SCENE.record, plan=told().plan)
    reader = SCENE.read_ceremony
    with pytest.raises(PlanError, match="one of totals, which has no trustees"):
        read_terms(record, COORDINATOR.public, read_ceremony=reader)
    with pytest.raises(PlanError, match="one of totals, which has no trustees"):
        read_common_terms(
            record.plan,
            record.ceremony,
            record.countersignatures,
            COORDINATOR.public,
            read_ceremony=reader,
        )
