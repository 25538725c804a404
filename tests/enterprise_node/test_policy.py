"""``policy.toml``: comes back as it was written, denies by default, and says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from enterprise_node.errors import NodeStoreError
from enterprise_node.private.backends import Backend
from enterprise_node.private.policy import Approver, NodePolicy, TrusteeRules, problems
from protocols.federated.terms import Aggregation
from tests import keys
from tests.enterprise_node.scene import (
    COORDINATOR,
    ROUND,
    make_scene,
    own_of,
    plan_for,
    policy_for,
    roster_with,
)
from tests.keys import signing_key


@pytest.mark.parametrize(
    "policy",
    [
        NodePolicy(),
        policy_for(),
        policy_for(profile="safety-zone", top_count=2, top_share_percent=60),
        policy_for(largest_share_percent=40, most_classes_per_octave=2),
        policy_for(backends=(Backend.TOTALS,)),
        policy_for(backends=()),
        policy_for(cohorts=('a "quoted" one', "橡胶"), approval=Approver.PERSON, rounds_a_year=0),
    ],
)
def test_a_policy_comes_back(tmp_path: Path, policy: NodePolicy) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(policy.to_toml(), encoding="utf-8")
    read = NodePolicy.load(path)
    assert read == policy
    assert read.digest == policy.digest


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('aproval = "person"', "aproval"),
        ('approval = "nobody"', "approval"),
        ("minimum_cohort = 2", "minimum_cohort"),
        ('minimum_cohort = "5"', "minimum_cohort"),
        ("dominance_percent = 0", "dominance_percent"),
        ('backends = ["paillier", "sums"]', "backends.1"),
        ('backends = "totals"', "backends"),
        ('backends = ["*"]', "backends.0"),
        ('profile = "strict"', "no profile 'strict'"),
        ("top_count = 2", "needs both"),
        ("largest_share_percent = 100", "largest_share_percent"),
        ("most_classes_per_octave = 0", "most_classes_per_octave"),
        ('coordinator_key = "12ab"', "coordinator_key"),
        ('[trustees]\nkeys = ["12ab"]', "trustees.keys.0"),
        ("[trustees]\nminimum_threshold = 0", "trustees.minimum_threshold"),
        ('schema = "cefed.node-policy/9"', "schema"),
        ("cohorts = 3", "cohorts"),
        ("not toml", "not a policy"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_name(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text + "\n")
    with pytest.raises(NodeStoreError, match=what):
        NodePolicy.load(path)


def test_a_policy_that_can_answer_nothing_is_told() -> None:
    assert problems(policy_for(), True) == []
    assert len(problems(NodePolicy(), True)) == 5
    assert "no policy.toml" in problems(NodePolicy(), False)[0]
    key = keys.signing_key(1).public
    doubled = policy_for(trustees=policy_for().trustees.model_copy(update={"keys": (key, key)}))
    assert "are the same" in problems(doubled, True)[0]


def test_a_refused_plan_is_recorded_and_not_looked_at_until_the_policy_changes(
    tmp_path: Path,
) -> None:
    scene = make_scene(tmp_path, policy_indicators=())
    (event,) = scene.turn(2)
    assert event.kind == "refused"
    decision = scene.store.decisions.last(ROUND)
    assert decision is not None
    assert decision.reasons == ("indicator 'cef' is not among the indicators of policy.toml",)
    assert scene.turn(2) == []
    assert len(scene.store.decisions.all()) == 1
    scene.store.policy_path.write_text(policy_for().to_toml())
    assert [e.kind for e in scene.step()] == ["contributed"]
    assert [d.outcome for d in scene.store.decisions.all()] == ["refused", "accepted"]


def test_a_plan_refused_for_the_import_is_looked_at_after_the_next(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    own = scene.store.own()
    scene.store.save_import(replace(own, excluded="a reading is missing"), b"", b"")
    assert [e.kind for e in scene.turn()] == ["refused"]
    assert scene.turn() == []
    scene.store.save_import(own, b"", b"")
    assert [e.kind for e in scene.step()] == ["contributed"]


def test_the_years_rounds_are_counted(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, policy_rounds_a_year=1)
    earlier = replace(scene.plan, round_id="earlier", period="2019")
    now = int(scene.clock())
    scene.store.commitments.commit(earlier, now - 364 * 86_400)
    (event,) = scene.turn()
    assert event.kind == "refused"
    assert "1 rounds within a year" in event.text


def test_the_same_round_and_rounds_of_the_year_before_do_not_count(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, policy_rounds_a_year=1)
    earlier = replace(scene.plan, round_id="earlier", period="2019")
    scene.store.commitments.commit(earlier, int(scene.clock()) - 366 * 86_400)
    scene.store.commitments.commit(scene.plan, int(scene.clock()) - 100)
    assert "contributed" in [e.kind for e in scene.turn()]


def test_a_policy_whose_coordinator_is_another(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, policy_coordinator_key=keys.signing_key(9).public)
    events = scene.turn()
    assert [e.kind for e in events] == ["notice"], "its pass is for somebody else"
    assert COORDINATOR.public != keys.signing_key(9).public
    assert scene.store.rounds() == []


def test_the_backends_that_need_trustees_are_answered_unless_the_owner_says_otherwise() -> None:
    assert NodePolicy().backends == (Backend.PAILLIER, Backend.CERTIFIED)
    plan = plan_for(roster_with(signing_key(9).public), own_of())
    masked = replace(plan, aggregation=Aggregation.certified(6, plan.deadline + 60))
    totals = replace(plan, aggregation=Aggregation.totals(6, plan.deadline + 60), key_id=b"")
    ceremony = keys.trustees().ceremony
    assert policy_for().reasons_against(masked, ceremony) == []
    (reason,) = policy_for(backends=(Backend.PAILLIER,)).reasons_against(masked, ceremony)
    assert reason == "backend 'certified' is not among the backends of policy.toml"
    (reason,) = policy_for().reasons_against(totals, None)
    assert "nobody who took no part can verify the release" in reason
    assert policy_for(backends=(Backend.TOTALS,)).reasons_against(totals, None) == []


def test_a_policy_for_totals_alone_needs_no_trustees() -> None:
    alone = policy_for(backends=(Backend.TOTALS,), trustees=TrusteeRules())
    assert problems(alone, True) == []
    both = policy_for(backends=tuple(Backend), trustees=TrusteeRules())
    assert "[trustees] keys is empty" in problems(both, True)[0]
    assert "backends is empty" in problems(policy_for(backends=()), True)[0]
