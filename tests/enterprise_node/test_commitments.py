"""One plan a period: the answers of a node to many plans would give a value away bit by bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from enterprise_node.errors import NodeStoreError, PlanRefused
from enterprise_node.node import Node
from protocols.plan import Plan
from tests.enterprise_node.scene import ROUND, Scene, quiet_scene, serving

NEXT = "region-a-2020-again"


def with_bound(plan: Plan, bound: int, **changes: object) -> Plan:
    """The plan with another bound of the output, and so with another answer of the node."""
    measures = tuple(
        replace(measure, bound=bound) if measure.name == "output" else measure
        for measure in plan.measures
    )
    return replace(plan, measures=measures, **changes)  # type: ignore[arg-type]


def sent(made: Scene) -> list[str]:
    """The kinds of everything that left the node, in order."""
    return [entry.kind for entry in made.store.ledger.entries()]


def test_a_coordinator_cannot_halve_a_bound_until_it_knows_the_value(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    low, high = 1, 10**11
    answers = []
    for number in range(4):
        middle = (low + high) // 2
        made.plan = with_bound(made.plan, middle, round_id=f"probe-{number}")
        folder = tmp_path / str(number)
        folder.mkdir()
        with serving(made, folder):
            try:
                Node(made.store, made.address).run(made.plan.round_id)
                answers.append("contributed")
                high = middle
            except PlanRefused as error:
                answers.append("another plan" if "another plan" in str(error) else "values")
                low = middle
    assert answers == ["contributed", "another plan", "another plan", "another plan"]
    assert sent(made).count("contribution") == 1


def test_a_refusal_for_the_values_is_the_owners_only_and_binds_the_node(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    fitting = replace(made.plan, round_id=NEXT)
    made.plan = with_bound(made.plan, 10)
    with serving(made, tmp_path):
        with pytest.raises(PlanRefused, match="over the plan's bound"):
            Node(made.store, made.address).run(ROUND)
        with pytest.raises(PlanRefused, match="over the plan's bound"):
            Node(made.store, made.address).run(ROUND)
    made.plan = fitting
    second = tmp_path / "second"
    second.mkdir()
    with serving(made, second), pytest.raises(PlanRefused, match="--replace-plan"):
        Node(made.store, made.address).run(NEXT)
    assert set(sent(made)) == {"describe"}


def test_the_same_plan_again_is_fine(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    with serving(made, tmp_path):
        Node(made.store, made.address).run(ROUND)
        assert Node(made.store, made.address).run(ROUND).already
    assert len(made.store.commitments.all()) == 1


def test_the_owner_can_accept_another_plan_and_that_is_recorded(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    first = made.plan
    made.store.commitments.commit(first, 1_600_000_000)
    made.plan = replace(first, round_id=NEXT)
    with serving(made, tmp_path):
        node = Node(made.store, made.address)
        with pytest.raises(PlanRefused, match=ROUND):
            node.run(NEXT)
        assert node.run(NEXT, replace_plan=True).index == 1
    old, new = made.store.commitments.all()
    assert (old.plan_hash, old.time, old.by_owner) == (first.hash.hex(), 1_600_000_000, False)
    assert (new.plan_hash, new.by_owner) == (made.plan.hash.hex(), True)
    assert new.time > old.time
    held = made.store.commitments.held("2020")
    assert held == new
    with pytest.raises(PlanRefused):
        made.store.commitments.commit(first, 1_700_000_000)


def test_another_period_has_its_own_plan(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    made.store.commitments.commit(made.plan, 1)
    made.store.commitments.commit(replace(made.plan, period="2021", round_id=NEXT), 2)
    assert [item.period for item in made.store.commitments.all()] == ["2020", "2021"]


def test_a_plan_refused_for_other_reasons_does_not_bind(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path, cohort="steel")
    with serving(made, tmp_path), pytest.raises(PlanRefused, match="steel"):
        Node(made.store, made.address).run(ROUND)
    assert made.store.commitments.all() == ()


def test_a_preview_binds_to_nothing_and_tells_the_owner_alone(tmp_path: Path) -> None:
    made = quiet_scene(tmp_path)
    fitting = made.plan
    with serving(made, tmp_path):
        assert Node(made.store, made.address).preview(ROUND).held_against is None
    assert made.store.commitments.all() == ()
    made.plan = with_bound(fitting, 10, round_id="tight")
    tight = tmp_path / "tight"
    tight.mkdir()
    with serving(made, tight), pytest.raises(PlanRefused, match="over the plan's bound"):
        Node(made.store, made.address).preview("tight")
    assert made.store.commitments.all() == ()
    made.store.commitments.commit(fitting, 1)
    made.plan = replace(fitting, round_id=NEXT)
    other = tmp_path / "other"
    other.mkdir()
    with serving(made, other):
        seen = Node(made.store, made.address).preview(NEXT)
    assert "--replace-plan" in (seen.held_against or "")
    assert any("REFUSED" in line for line in seen.lines())
    assert set(sent(made)) == {"describe"}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": "cefed.node-plans/1", "plans": [{"period": "2020"}]}']
)
def test_a_damaged_list_of_plans_lets_no_plan_in(tmp_path: Path, content: str) -> None:
    made = quiet_scene(tmp_path)
    made.store.commitments.path.write_text(content)
    with pytest.raises(NodeStoreError, match=r"plans\.json"):
        made.store.commitments.commit(made.plan, 1)


def test_the_plan_is_written_before_the_values_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = quiet_scene(tmp_path)
    seen: list[str] = []

    def look(plan: Plan, own: object) -> None:
        document = json.loads(made.store.commitments.path.read_text())
        seen.append(document["plans"][-1]["plan_hash"])
        raise PlanRefused(plan.round_id, ["stop here"])

    monkeypatch.setattr("enterprise_node.node.check_values", look)
    with serving(made, tmp_path), pytest.raises(PlanRefused, match="stop here"):
        Node(made.store, made.address).run(ROUND)
    assert seen == [made.plan.hash.hex()]
