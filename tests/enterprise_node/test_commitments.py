"""One plan a period: the answers of a node to many plans would give a value away bit by bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from enterprise_node.errors import NodeStoreError, PlanRefused
from enterprise_node.private.side import approve_round, preview_round
from protocols.notices import roster_vote
from protocols.plan import Plan
from tests import keys
from tests.enterprise_node.scene import ROUND, Desk, Scene, describe, make_scene

NEXT = "region-a-2020-again"


def with_bound(plan: Plan, bound: int, **changes: object) -> Plan:
    """The plan with another bound of the output, and so with another answer of the node."""
    measures = tuple(
        replace(measure, bound=bound) if measure.name == "output" else measure
        for measure in plan.measures
    )
    return replace(plan, measures=measures, **changes)  # type: ignore[arg-type]


def offer(scene: Scene, plan: Plan) -> Scene:
    """The same node, offered another plan by its coordinator."""
    votes = tuple(roster_vote(plan, scene.roster, key) for key in keys.trustees().signing[:3])
    members = {scene.store.key().public}
    desk = Desk(plan.round_id, describe(plan, scene.roster), votes, members)
    return replace(scene, plan=plan, desk=desk)


def sent(scene: Scene) -> list[str]:
    """The kinds of everything that left the node, in order."""
    return [entry.kind for entry in scene.store.ledger.entries()]


def outcome(scene: Scene) -> str:
    """What the node did about the scene's round."""
    for event in scene.turn(2):
        if event.round_id == scene.plan.round_id and event.kind in ("contributed", "refused"):
            return event.text
    return "nothing"


def test_a_coordinator_cannot_halve_a_bound_until_it_knows_the_value(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    low, high = 1, 10**11
    answers = []
    for number in range(4):
        middle = (low + high) // 2
        text = outcome(offer(scene, with_bound(scene.plan, middle, round_id=f"probe-{number}")))
        if "ciphertexts" in text:
            answers.append("contributed")
            high = middle
        else:
            answers.append("another plan" if "another plan" in text else text)
            low = middle
    assert answers == ["contributed", "another plan", "another plan", "another plan"]
    assert sent(scene).count("contribution") == 1


def test_a_refusal_for_the_values_is_the_owners_only_and_binds_the_node(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    tight = offer(scene, with_bound(scene.plan, 10))
    assert "over the plan's bound" in outcome(tight)
    assert outcome(tight) == "nothing"
    assert "--replace-plan" in outcome(offer(scene, replace(scene.plan, round_id=NEXT)))
    assert set(sent(scene)) == {"pass"}


def test_the_owner_can_accept_another_plan_and_that_is_recorded(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    first = scene.plan
    scene.store.commitments.commit(first, 1_600_000_000)
    again = offer(scene, replace(first, round_id=NEXT))
    assert f"round {ROUND}" in outcome(again)
    named = again.plan.hash.hex()
    approve_round(scene.store, NEXT, int(scene.clock()), replace_plan=True, plan=named)
    assert "ciphertexts" in outcome(again)
    old, new = scene.store.commitments.all()
    assert (old.plan_hash, old.time, old.by_owner) == (first.hash.hex(), 1_600_000_000, False)
    assert (new.plan_hash, new.by_owner) == (again.plan.hash.hex(), True)
    assert new.time > old.time
    assert scene.store.commitments.held("2020") == new
    with pytest.raises(PlanRefused):
        scene.store.commitments.commit(first, 1_700_000_000)


def test_another_period_has_its_own_plan(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.store.commitments.commit(scene.plan, 1)
    scene.store.commitments.commit(replace(scene.plan, period="2021", round_id=NEXT), 2)
    assert [item.period for item in scene.store.commitments.all()] == ["2020", "2021"]


def test_a_plan_refused_for_other_reasons_does_not_bind(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, cohort="steel")
    assert "steel" in outcome(scene)
    assert scene.store.commitments.all() == ()


def test_a_preview_binds_to_nothing_and_tells_the_owner_alone(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, policy_rounds_a_year=9)
    now = int(scene.clock())
    waiting = offer(scene, scene.plan)
    waiting.desk.state = "proposed"
    waiting.turn()
    assert preview_round(scene.store, ROUND, now).held_against is None
    tight = offer(scene, with_bound(scene.plan, 10, round_id="tight"))
    tight.desk.state = "proposed"
    tight.turn()
    with pytest.raises(PlanRefused, match="over the plan's bound"):
        preview_round(scene.store, "tight", now)
    assert scene.store.commitments.all() == ()
    scene.store.commitments.commit(scene.plan, 1)
    again = offer(scene, replace(scene.plan, round_id=NEXT))
    again.desk.state = "proposed"
    again.turn()
    seen = preview_round(scene.store, NEXT, now)
    assert "--replace-plan" in (seen.held_against or "")
    assert any("REFUSED" in line for line in seen.lines())
    assert set(sent(scene)) == {"pass"}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": "cefed.node-plans/1", "plans": [{"period": "2020"}]}']
)
def test_a_damaged_list_of_plans_lets_no_plan_in(tmp_path: Path, content: str) -> None:
    made = make_scene(tmp_path)
    made.store.commitments.path.write_text(content)
    with pytest.raises(NodeStoreError, match=r"plans\.json"):
        made.store.commitments.commit(made.plan, 1)


def test_the_plan_is_written_before_the_values_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_scene(tmp_path)
    seen: list[str] = []

    def look(plan: Plan, own: object) -> None:
        document = json.loads(made.store.commitments.path.read_text())
        seen.append(document["plans"][-1]["plan_hash"])
        raise PlanRefused(plan.round_id, ["stop here"])

    monkeypatch.setattr("enterprise_node.private.admission.check_values", look)
    assert outcome(made) == "stop here"
    assert seen == [made.plan.hash.hex()]
