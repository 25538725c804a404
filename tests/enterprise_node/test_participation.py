"""Every reason for which a node refuses a plan, each on its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from enterprise_node.errors import PlanRefused
from enterprise_node.private.participation import check_values, describe_terms, examine
from enterprise_node.private.settings import Settings
from protocols.plan import Measure, Plan, Policy
from protocols.signing import VerifyKey
from protocols.terms import Description, Limits, Terms
from tests import keys
from tests.enterprise_node.scene import ROUND, Scene, quiet_scene, roster_with


def judge(made: Scene, description: Description | None = None, **changes: object) -> Terms:
    arguments: dict[str, object] = {
        "member": made.store.key().public,
        "coordinator": made.coordinator.public,
        "settings": made.store.settings(),
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


def test_the_plan_is_judged_without_a_look_at_values(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    made.plan = replace(made.plan, measures=with_measure(made.plan, "output", bound=10**6))
    assert judge(made).plan == made.plan


def test_a_value_over_its_bound_is_not_shown(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    made.plan = replace(made.plan, measures=with_measure(made.plan, "output", bound=10**6))
    with pytest.raises(PlanRefused) as caught:
        check_values(made.plan, made.store.own())
    (reason,) = caught.value.reasons
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


def under(made: Scene, held: keys.Trustees) -> Description:
    """The scene's round with the key of another ceremony."""
    made.plan = replace(made.plan, key_id=held.ceremony.key_id)
    return made.description(held)


def pinning(made: Scene, *trustees: VerifyKey, **limits: int) -> Settings:
    """The node's settings with these trustees pinned."""
    return replace(made.store.settings(), trustees=trustees, limits=Limits(**limits))


def test_a_coordinator_that_brings_its_own_trustees(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    strangers = keys.hold_ceremony(role="puppet", threshold=2)
    reason = refusal(made, under(made, strangers))
    assert strangers.signing[0].public.fingerprint in reason
    assert made.store.settings().trustees[0].fingerprint in reason


def test_a_coordinator_that_is_its_own_and_only_trustee(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    alone = keys.hold_ceremony(role="puppet", threshold=1, quorum=1, count=1)
    with pytest.raises(PlanRefused) as caught:
        judge(made, under(made, alone))
    different, opened = caught.value.reasons
    assert "trustee_keys in node.toml" in different
    assert "1 of 1 trustees" in opened


@pytest.mark.parametrize("count", [3, 5])
def test_a_trustee_more_or_less_than_pinned(tmp_path: Path, count: int) -> None:
    made = quiet_scene(tmp_path)
    other = keys.hold_ceremony(count=count, quorum=count)
    assert "pinned" in refusal(made, under(made, other))


def test_a_threshold_under_the_own_limit(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    loose = keys.hold_ceremony(threshold=1, quorum=1, count=1)
    one = pinning(made, loose.signing[0].public)
    assert "1 of 1 trustees can open" in refusal(made, under(made, loose), settings=one)
    pinned = made.store.settings().trustees
    strict = pinning(made, *pinned, minimum_threshold=3)
    told = under(made, keys.trustees())
    assert "at least 3" in refusal(made, told, settings=strict)


def test_the_coordinator_among_the_trustees(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    made.coordinator = keys.trustees().signing[0]
    assert "coordinator's key" in refusal(made, coordinator=made.coordinator.public)


def test_the_coordinator_as_the_dealer(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    made.coordinator = keys.trustees().dealer
    assert "dealt the key" in refusal(made, coordinator=made.coordinator.public)


def test_a_node_that_pinned_nobody_refuses_and_says_how_to(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    reason = refusal(made, settings=pinning(made))
    assert "trustee_keys" in reason
    assert "--trustee" in reason


def test_the_owner_is_told_who_can_open_in_this_rounds_own_numbers(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    terms = describe_terms(judge(made))
    assert "3 of 4 trustees must certify" in terms["opening"]
    assert "2 of them must join" in terms["opening"]
    assert terms["coordinator"] == made.coordinator.public.fingerprint
    for trustee in made.store.settings().trustees:
        assert trustee.fingerprint in terms["trustees"]
    single = keys.hold_ceremony(threshold=1, quorum=1, count=1)
    one = pinning(made, single.signing[0].public, minimum_threshold=1)
    alone = judge(made, under(made, single), settings=one)
    assert "ALONE" in describe_terms(alone)["opening"]
