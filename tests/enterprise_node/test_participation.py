"""Every reason for which a node refuses a plan, each on its own."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from enterprise_node.errors import PlanRefused
from enterprise_node.private.participation import (
    check_values,
    describe_terms,
    examine,
    reason_to_wait,
)
from enterprise_node.private.policy import ANY, NodePolicy, TrusteeRules
from protocols.plan import Measure, Part, Plan, Policy, Relation
from protocols.signing import VerifyKey
from protocols.terms import Description, MemberTerms
from tests import keys
from tests.enterprise_node.scene import (
    COORDINATOR,
    ROUND,
    Scene,
    describe,
    describe_to,
    make_scene,
    policy_for,
    roster_with,
)


def judge(
    made: Scene,
    description: Description | None = None,
    policy: NodePolicy | None = None,
    place: VerifyKey | None = None,
    **changes: object,
) -> MemberTerms:
    """:param place: whose place the coordinator shows, by default the node's own."""
    key = place or made.store.key().public
    told = describe_to(key, description or describe(made.plan, made.roster))
    return examine(
        made.offer(description=told),
        made.store.own(),
        member=made.store.key().public,
        policy=policy or made.store.policy().model_copy(update=changes),
        round_id=ROUND,
    )


def refusal(
    made: Scene,
    description: Description | None = None,
    policy: NodePolicy | None = None,
    place: VerifyKey | None = None,
    **changes: object,
) -> str:
    with pytest.raises(PlanRefused) as caught:
        judge(made, description, policy, place, **changes)
    assert caught.value.exit_code == 4
    assert len(caught.value.reasons) == 1, caught.value.reasons
    return caught.value.reasons[0]


def with_measure(plan: Plan, name: str, **changes: object) -> tuple[Measure, ...]:
    return tuple(
        replace(m, **changes) if m.name == name else m  # type: ignore[arg-type]
        for m in plan.measures
    )


def test_a_fitting_plan_is_accepted(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    assert judge(made).plan == made.plan


def test_expired_and_not_open_yet_by_more_than_an_hour(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    terms = judge(made)
    assert reason_to_wait(made.offer(), terms, made.plan.deadline) is None
    late = reason_to_wait(made.offer(), terms, made.plan.deadline + 3601)
    assert "ended on" in (late or "")
    early = reason_to_wait(made.offer(), terms, made.plan.opens_at - 3601)
    assert "opens on" in (early or "")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"cohorts": ()}, "cohort 'region-a' is not among the cohorts"),
        ({"cohorts": ("region-b",)}, "cohort 'region-a' is not among the cohorts"),
        ({"indicators": ("cei",)}, "indicator 'cef' is not among the indicators"),
        ({"measures": ("output", "emissions", "electricity")}, "measure 'other_emissions'"),
        ({"coordinator_key": None}, "names no coordinator"),
        ({"minimum_cohort": 6}, "at least 6"),
        ({"dominance_percent": 11}, "at least 11"),
    ],
)
def test_each_rule_of_the_policy(tmp_path: Path, changes: dict[str, object], what: str) -> None:
    assert what in refusal(make_scene(tmp_path), **changes)


def test_a_node_without_a_policy_answers_nothing(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.store.policy_path.unlink()
    assert "names no coordinator" in refusal(made, policy=made.store.policy())


def test_a_policy_that_names_the_coordinator_only_answers_nothing(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    bare = NodePolicy(coordinator_key=COORDINATOR.public)
    with pytest.raises(PlanRefused) as caught:
        judge(made, policy=bare)
    assert len(caught.value.reasons) == 1 + 1 + len(made.plan.measures) + 1


def test_a_quorum_under_the_own_limit(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    rules = made.store.policy().trustees.model_copy(update={"minimum_quorum": 4})
    assert "3 trustees are enough to certify" in refusal(made, trustees=rules)


def test_another_sector(tmp_path: Path) -> None:
    made = make_scene(tmp_path, cohort="steel", policy_cohorts=(ANY,))
    assert "cohort 'steel'" in refusal(made)


def test_a_laxer_policy_than_the_owner_allows(tmp_path: Path) -> None:
    made = make_scene(tmp_path, policy=Policy(4, 10))
    assert "at least 5" in refusal(made)
    made.plan = replace(made.plan, policy=Policy(5, 5))
    assert "p = 5" in refusal(made)


def test_a_profile_stricter_than_the_plan(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    assert "nobody above 25 %" in refusal(made, profile="safety-zone")
    made.plan = replace(made.plan, policy=Policy(5, 10, largest_share_percent=20))
    assert judge(made, profile="safety-zone").plan.policy.largest_share_percent == 20


def test_classes_finer_than_the_owner_allows(tmp_path: Path) -> None:
    made = make_scene(tmp_path, policy=Policy(classes_per_octave=4))
    assert "4 size classes an octave" in refusal(made, most_classes_per_octave=2)


def test_not_on_the_roster(tmp_path: Path) -> None:
    """The coordinator can show no place but another member's."""
    made = make_scene(tmp_path)
    made.roster = roster_with()
    made.plan = replace(made.plan, roster_hash=made.roster.hash, participants=5)
    reason = refusal(made, place=made.roster.members[2].key)
    assert "no place of this node" in reason
    assert "on the roster" in reason


def test_a_roster_of_another_size(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.plan = replace(made.plan, participants=made.plan.participants + 1)
    assert "another size" in refusal(made)


def test_another_roster_than_the_plan_was_signed_with(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    swapped = roster_with(made.store.key().public, keys.signing_key(77).public)
    made.plan = replace(made.plan, participants=len(swapped.members))
    assert "roster" in refusal(
        made, replace(describe(made.plan, made.roster), roster=swapped.to_bytes())
    )


def test_signed_by_somebody_else(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    forged = keys.signing_key(9).sign("plan", made.plan.to_bytes())
    assert "not by the coordinator" in refusal(
        made, replace(describe(made.plan, made.roster), plan=forged)
    )


def test_another_ceremony(tmp_path: Path) -> None:
    made = make_scene(tmp_path, key_id=bytes(32))
    assert "ceremony" in refusal(made)


def test_a_missing_countersignature(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    told = describe(made.plan, made.roster)
    told = replace(told, countersignatures=told.countersignatures[:-1])
    assert "not countersigned by trustee-4" in refusal(made, told)


def test_another_unit(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.plan = replace(made.plan, measures=with_measure(made.plan, "output", unit="1e4 yuan"))
    reason = refusal(made)
    assert "in yuan by the mapping" in reason
    assert "1e4 yuan" in reason


def test_another_definition(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    changed = tuple((n, v if n != "scope" else "scope 1 only") for n, v in made.plan.definitions)
    made.plan = replace(made.plan, definitions=changed)
    assert "scope 1 only" in refusal(made)


def test_the_plan_is_judged_without_a_look_at_values(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.plan = replace(made.plan, measures=with_measure(made.plan, "output", bound=10**6))
    assert judge(made).plan == made.plan


def test_a_value_over_its_bound_is_not_shown(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.plan = replace(made.plan, measures=with_measure(made.plan, "output", bound=10**6))
    with pytest.raises(PlanRefused) as caught:
        check_values(made.plan, made.store.own())
    (reason,) = caught.value.reasons
    assert "bound of 1000000 yuan" in reason
    assert str(made.store.own().integers["output"]) not in reason


def test_a_relation_that_the_own_values_contradict(tmp_path: Path) -> None:
    """The guard would not be the figure that a reader can compute."""
    made = make_scene(tmp_path)
    check_values(made.plan, made.store.own())
    wrong = Relation("emissions", (Part("electricity", Fraction("0.5")),), "other_emissions")
    made.plan = replace(made.plan, relations=(wrong,))
    with pytest.raises(PlanRefused) as caught:
        check_values(made.plan, made.store.own())
    (reason,) = caught.value.reasons
    assert "'emissions' is not the sum of 'electricity' and 'other_emissions'" in reason
    assert not re.search(r"\d", reason)


def test_a_measure_that_the_mapping_does_not_yield(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    extra = Measure("floor_area", "m2", 10**6)
    made.plan = replace(made.plan, measures=(*made.plan.measures, extra))
    assert "no measure 'floor_area'" in refusal(made)


def test_all_reasons_come_at_once(tmp_path: Path) -> None:
    made = make_scene(tmp_path, cohort="steel", policy=Policy(3, 1))
    with pytest.raises(PlanRefused) as caught:
        judge(made)
    assert len(caught.value.reasons) == 4


def under(made: Scene, held: keys.Trustees) -> Description:
    """The scene's round with the key of another ceremony."""
    made.plan = replace(made.plan, key_id=held.ceremony.key_id)
    return describe(made.plan, made.roster, held)


def pinning(*trustees: VerifyKey, minimum_threshold: int = 2) -> NodePolicy:
    """The node's policy with these trustees."""
    rules = TrusteeRules(keys=trustees, minimum_threshold=minimum_threshold, minimum_quorum=1)
    return policy_for(trustees=rules)


def test_a_coordinator_that_brings_its_own_trustees(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    strangers = keys.hold_ceremony(role="puppet", threshold=2)
    reason = refusal(made, under(made, strangers))
    assert strangers.signing[0].public.fingerprint in reason
    assert made.store.policy().trustees.keys[0].fingerprint in reason


def test_a_coordinator_that_is_its_own_and_only_trustee(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    alone = keys.hold_ceremony(role="puppet", threshold=1, quorum=1, count=1)
    with pytest.raises(PlanRefused) as caught:
        judge(made, under(made, alone))
    different, certify, opened = caught.value.reasons
    assert "exactly the trustees of policy.toml" in different
    assert "1 trustees are enough to certify" in certify
    assert "1 of 1 trustees" in opened


@pytest.mark.parametrize("count", [3, 5])
def test_a_trustee_more_or_less_than_pinned(tmp_path: Path, count: int) -> None:
    made = make_scene(tmp_path)
    other = keys.hold_ceremony(count=count, quorum=count)
    assert "exactly the trustees" in refusal(made, under(made, other))


def test_a_threshold_under_the_own_limit(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    loose = keys.hold_ceremony(threshold=1, quorum=1, count=1)
    one = pinning(loose.signing[0].public)
    assert "1 of 1 trustees can open" in refusal(made, under(made, loose), policy=one)
    pinned = made.store.policy().trustees.keys
    strict = pinning(*pinned, minimum_threshold=3)
    told = under(made, keys.trustees())
    assert "at least 3" in refusal(made, told, policy=strict)


def test_the_coordinator_among_the_trustees(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    own = keys.trustees().signing[0]
    told = describe(made.plan, made.roster, coordinator=own)
    assert "coordinator's key" in refusal(made, told, coordinator_key=own.public)


def test_the_coordinator_as_the_dealer(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    dealer = keys.trustees().dealer
    told = describe(made.plan, made.roster, coordinator=dealer)
    assert "dealt the key" in refusal(made, told, coordinator_key=dealer.public)


def test_a_node_that_pinned_nobody_refuses_and_says_how_to(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    reason = refusal(made, policy=pinning())
    assert "names no trustees" in reason


def test_the_owner_is_told_who_can_open_in_this_rounds_own_numbers(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    terms = describe_terms(judge(made))
    assert "3 of 4 trustees must certify" in terms["opening"]
    assert "2 of them must join" in terms["opening"]
    assert terms["coordinator"] == COORDINATOR.public.fingerprint
    for trustee in made.store.policy().trustees.keys:
        assert trustee.fingerprint in terms["trustees"]
    single = keys.hold_ceremony(threshold=1, quorum=1, count=1)
    one = pinning(single.signing[0].public, minimum_threshold=1)
    alone = judge(made, under(made, single), policy=one)
    assert "ALONE" in describe_terms(alone)["opening"]
