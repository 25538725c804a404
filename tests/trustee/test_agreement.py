"""A trustee checks the terms of a round itself."""

from __future__ import annotations

import dataclasses

import pytest

from protocols.errors import (
    InvalidSignature,
    KeyRefused,
    PlanError,
    PolicyRefusal,
)
from protocols.plan import Policy
from protocols.terms import Description
from tests.keys import hold_ceremony
from tests.trustee.scene import (
    COORDINATOR,
    Scene,
    member_key,
)
from trustee.agreement import TrusteeLimits, agree


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def description(scene: Scene, **changes: object) -> Description:
    record = scene.record
    fields = {
        "plan": record.plan,
        "roster": record.roster,
        "ceremony": record.ceremony,
        "countersignatures": record.countersignatures,
    }
    return Description(**{**fields, **changes})  # type: ignore[arg-type]


def test_terms_that_a_trustee_refuses(scene: Scene) -> None:
    own, pinned, limits = scene.held.ceremony, COORDINATOR.public, TrusteeLimits()

    def refused(error: type[Exception], text: str, **changes: object) -> None:
        with pytest.raises(error, match=text):
            agree(scene.round_id, description(scene, **changes), own, pinned, limits)

    agree(scene.round_id, description(scene), own, pinned, limits)
    refused(PlanError, "roster", roster=Scene(members=11).record.roster)
    refused(KeyRefused, "another ceremony", ceremony=hold_ceremony(small=True).ceremony.received)
    refused(InvalidSignature, "not countersigned", countersignatures=())
    forged = member_key(1).sign("plan", scene.plan.to_bytes())
    refused(InvalidSignature, "not by the coordinator", plan=forged)
    looser = dataclasses.replace(scene.plan, policy=Policy(4, 10))
    refused(PolicyRefusal, "figures of 4", plan=COORDINATOR.sign("plan", looser.to_bytes()))
    looser = dataclasses.replace(scene.plan, policy=Policy(5, 9))
    refused(PolicyRefusal, "p = 9", plan=COORDINATOR.sign("plan", looser.to_bytes()))
    with pytest.raises(PolicyRefusal, match="nobody above 25 % of a published sum"):
        agree(
            scene.round_id,
            description(scene),
            own,
            pinned,
            TrusteeLimits(profile="safety-zone"),
        )
    with pytest.raises(PlanError, match="names round"):
        agree("round-9", description(scene), own, pinned, limits)
    with pytest.raises(PolicyRefusal, match="takes no part"):
        agree(
            scene.round_id,
            description(scene),
            own,
            pinned,
            TrusteeLimits(refused_cohorts=("cohort-1",)),
        )
