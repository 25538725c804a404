"""Every reason for which a node refuses a plan, each on its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from enterprise_node.errors import PlanRefused
from enterprise_node.private.participation import examine
from protocols.plan import Measure, Plan, Policy
from protocols.terms import Description, Limits, Terms
from tests import keys
from tests.enterprise_node.scene import ROUND, Scene, quiet_scene, roster_with


def judge(made: Scene, description: Description | None = None, **changes: object) -> Terms:
    arguments: dict[str, object] = {
        "member": made.store.key().public,
        "coordinator": made.coordinator.public,
        "limits": Limits(),
        "now": made.plan.opens_at + 1,
        "round_id": ROUND,
    }
    arguments |= changes
    return examine(
        description or made.description(),
        made.store.own(),
        **arguments,  # type: ignore[arg-type]
    )


def refusal(made: Scene, description: Description | None = None, **changes: object) -> str:
    with pytest.raises(PlanRefused) as caught:
        judge(made, description, **changes)
    assert caught.value.exit_code == 4
    assert len(caught.value.reasons) == 1, caught.value.reasons
    return caught.value.reasons[0]


def with_measure(plan: Plan, name: str, **changes: object) -> tuple[Measure, ...]:
    return tuple(
        replace(m, **changes) if m.name == name else m  # type: ignore[arg-type]
        for m in plan.measures
    )


def test_a_fitting_plan_is_accepted(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    assert judge(made).plan == made.plan


def test_expired(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    assert "expired" in refusal(made, now=made.plan.deadline + 1)


def test_not_open_yet(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    assert "opens on" in refusal(made, now=made.plan.opens_at - 1)


def test_another_sector(tmp_path: Path) -> None:
    assert "cohort 'steel'" in refusal(quiet_scene(tmp_path, cohort="steel"))


def test_a_laxer_policy_than_the_owner_allows(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path, policy=Policy(4, 10))
    assert "at least 5" in refusal(made)
    made.plan = replace(made.plan, policy=Policy(5, 5))
    assert "p = 5" in refusal(made)


def test_not_on_the_roster(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    made.roster = roster_with()
    made.plan = replace(made.plan, roster_hash=made.roster.hash, participants=5)
    assert "not on the roster" in refusal(made)


def test_another_roster_than_the_plan_was_signed_with(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    swapped = roster_with(made.store.key(), keys.signing_key(77))
    made.plan = replace(made.plan, participants=len(swapped.members))
    assert "roster" in refusal(made, replace(made.description(), roster=swapped.to_bytes()))


def test_signed_by_somebody_else(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    forged = keys.signing_key(9).sign("plan", made.plan.to_bytes())
    assert "not by the coordinator" in refusal(made, replace(made.description(), plan=forged))


def test_another_ceremony(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path, key_id=bytes(32))
    assert "ceremony" in refusal(made)


def test_a_missing_countersignature(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    told = made.description()
    told = replace(told, countersignatures=told.countersignatures[:-1])
    assert "not countersigned by trustee-4" in refusal(made, told)


def test_another_unit(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    made.plan = replace(made.plan, measures=with_measure(made.plan, "emissions", unit="tCO2"))
    reason = refusal(made)
    assert "kgCO2 by the mapping" in reason
    assert "tCO2" in reason


def test_another_definition(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    changed = tuple((n, v if n != "scope" else "scope 1 only") for n, v in made.plan.definitions)
    made.plan = replace(made.plan, definitions=changed)
    assert "scope 1 only" in refusal(made)


def test_a_value_over_its_bound_is_not_shown(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    made.plan = replace(made.plan, measures=with_measure(made.plan, "output", bound=10**6))
    reason = refusal(made)
    assert "bound of 1000000 yuan" in reason
    assert str(made.store.own().integers["output"]) not in reason


def test_a_measure_that_the_mapping_does_not_yield(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    extra = Measure("floor_area", "m2", 10**6)
    made.plan = replace(made.plan, measures=(*made.plan.measures, extra))
    assert "no measure 'floor_area'" in refusal(made)


def test_all_reasons_come_at_once(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path, cohort="steel", policy=Policy(3, 1))
    with pytest.raises(PlanRefused) as caught:
        judge(made, now=made.plan.deadline + 1)
    assert len(caught.value.reasons) == 4
