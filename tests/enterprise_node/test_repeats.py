"""A further round over the same data takes the same integers, or this node takes no part in it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enterprise_node.errors import NodeStoreError, PlanRefused
from enterprise_node.private import repeats
from enterprise_node.private.contributed import Contributed, Sent
from enterprise_node.private.decisions import REFUSED, Decision
from enterprise_node.private.rounds import Refusal
from enterprise_node.private.side import approve_round, preview_round
from enterprise_node.private.status import status_document, status_lines
from protocols.keyfiles import save_signing_key
from protocols.notices import make_cancellation, roster_vote
from protocols.plan import Measure, Plan
from protocols.signing import SigningKey
from tests import keys
from tests.enterprise_node.scene import (
    COORDINATOR,
    MAPPING,
    RECORDS,
    ROUND,
    Desk,
    Scene,
    describe,
    make_scene,
)
from tests.enterprise_node.test_commitments import NEXT, outcome, sent

NOW = 1_700_000_000


def contributed(tmp_path: Path, **changes: object) -> Scene:
    """A node that has contributed to a round and holds the receipt."""
    scene = make_scene(tmp_path, policy_rounds_a_year=9, **changes)
    assert "ciphertexts" in outcome(scene)
    assert scene.store.round(ROUND).receipts() == [1]
    return scene


def correct(scene: Scene, **values: int) -> None:
    """Import figures that differ in these measures; other_emissions follows from the two."""
    own = scene.store.own()
    changed: Mapping[str, int] = {**own.integers, **values}
    scene.store.save_import(
        replace(own, integers=changed), RECORDS.read_bytes(), MAPPING.read_bytes()
    )


def larger(scene: Scene) -> dict[str, int]:
    """A correction by a thousandth, far inside a size class and a bin."""
    output = scene.store.own().integers["output"]
    return {"output": output + output // 1000}


def again(scene: Scene, period: str = "2020") -> Scene:
    """The node is offered another round, over the same period or one under another ceremony."""
    held = keys.trustees(period=period)
    plan = replace(scene.plan, round_id=NEXT, period=period, key_id=held.ceremony.key_id)
    votes = tuple(roster_vote(plan, scene.roster, key) for key in held.signing[:3])
    description = describe(plan, scene.roster, held)
    desk = Desk(plan.round_id, description, votes, {scene.store.key().public})
    other = replace(scene, plan=plan, desk=desk)
    other.turn()
    return other


def approve(scene: Scene) -> None:
    """The owner accepts the scene's plan in the place of the period's earlier one."""
    plan = scene.plan
    named = plan.hash.hex()
    approve_round(scene.store, plan.round_id, int(time.time()), replace_plan=True, plan=named)


def test_the_same_figures_again_are_contributed(tmp_path: Path) -> None:
    second = again(contributed(tmp_path))
    approve(second)
    assert "ciphertexts" in outcome(second)
    assert [item.round_id for item in second.store.contributed.all()] == [ROUND, NEXT]


def test_corrected_figures_are_not_contributed_for_the_same_period(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    correct(scene, **larger(scene))
    second = again(scene)
    with pytest.raises(PlanRefused, match="figures of 2020 were contributed") as caught:
        approve(second)
    assert f"to round {ROUND} before, with other values (output)" in str(caught.value)
    assert "difference of the two releases" in str(caught.value)
    assert "takes effect with the next period" in str(caught.value)
    assert all(str(value) not in str(caught.value) for value in scene.store.own().integers.values())
    with pytest.raises(PlanRefused, match="with other values"):
        preview_round(scene.store, NEXT, int(time.time()))


def test_a_step_compares_too_whatever_was_approved_before_the_import(tmp_path: Path) -> None:
    """An overlapping period of another name has a plan of its own: nobody is asked."""
    scene = contributed(tmp_path)
    correct(scene, **larger(scene))
    second = again(scene, period="2020-Q1")
    assert second.store.contributed.all()[-1].round_id == ROUND
    (decision,) = [d for d in second.store.decisions.all() if d.round_id == NEXT]
    assert "figures of 2020 were contributed" in decision.reasons[0]
    assert sent(scene).count("contribution") == 1


def test_once_the_figures_are_the_old_ones_again_it_takes_part(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    before = scene.store.own()
    correct(scene, **larger(scene))
    second = again(scene, period="2019-2020")
    assert sent(scene).count("contribution") == 1
    scene.store.save_import(before, RECORDS.read_bytes(), MAPPING.read_bytes())
    assert "ciphertexts" in outcome(second)


def test_the_next_period_takes_the_corrected_figures(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    correct(scene, **larger(scene))
    again(scene, period="2021")
    assert sent(scene).count("contribution") == 2


def test_a_correction_inside_an_open_round_is_free_and_binds_from_then_on(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    before = scene.store.own()
    correct(scene, **larger(scene))
    approve_round(scene.store, ROUND, int(time.time()), correct=True)
    scene.turn(2)
    assert scene.store.round(ROUND).receipts() == [1, 2]
    second = again(scene)
    approve(second)
    assert "ciphertexts" in outcome(second)
    scene.store.save_import(before, RECORDS.read_bytes(), MAPPING.read_bytes())
    with pytest.raises(PlanRefused, match="with other values"):
        approve_round(scene.store, ROUND, int(time.time()), correct=True)


def test_a_correction_that_came_too_late_does_not_bind(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    before = scene.store.own()
    correct(scene, **larger(scene))
    approve_round(scene.store, ROUND, int(time.time()), correct=True)
    scene.desk.refusing = "the round is CLOSED: after the closing a correction needs a new round"
    scene.turn(2)
    second = again(scene)
    with pytest.raises(PlanRefused, match="with other values"):
        approve(second)
    scene.store.save_import(before, RECORDS.read_bytes(), MAPPING.read_bytes())
    approve(second)
    assert "ciphertexts" in outcome(second)


def test_figures_that_are_still_on_their_way_bind(tmp_path: Path) -> None:
    """Which of two versions will be counted is open, so no third round may hold either alone."""
    scene = contributed(tmp_path)
    before = scene.store.own()
    correct(scene, **larger(scene))
    approve_round(scene.store, ROUND, int(time.time()), correct=True)
    scene.step()
    second = again(scene, period="2020-12")
    assert sent(second).count("contribution") == 2
    scene.store.save_import(before, RECORDS.read_bytes(), MAPPING.read_bytes())
    second.step()
    assert sent(second).count("contribution") == 2


def test_a_refusal_without_a_receipt_is_not_believed(tmp_path: Path) -> None:
    """It is not signed: the round may count what it claims to refuse."""
    scene = make_scene(tmp_path, policy_rounds_a_year=9)
    scene.desk.refusing = "the round is full"
    scene.turn(2)
    assert isinstance(scene.store.round(ROUND).refusal(), Refusal)
    correct(scene, **larger(scene))
    again(scene, period="2020-H1")
    assert sent(scene).count("contribution") == 1


def test_a_cancelled_round_binds_nobody(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    correct(scene, **larger(scene))
    scene.desk.state = "cancelled"
    scene.desk.notices = [make_cancellation(scene.plan, 1, "wrong factor set", COORDINATOR)]
    scene.turn(2)
    second = again(scene)
    approve(second)
    assert "ciphertexts" in outcome(second)


def test_a_cancellation_of_a_released_round_is_not_believed(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    scene.desk.notices = [make_cancellation(scene.plan, 1, "wrong factor set", COORDINATOR)]
    scene.turn(2)
    scene.store.round(ROUND).keep("release.json", b"{}")
    correct(scene, **larger(scene))
    with pytest.raises(PlanRefused, match="with other values"):
        approve(again(scene))


def test_it_survives_another_key(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    scene.store.key_path.unlink()
    save_signing_key(scene.store.key_path, SigningKey.generate())
    correct(scene, **larger(scene))
    proposed = Sent.of(scene.plan, scene.store.own(), 1, NOW)
    proposed = replace(proposed, round_id=NEXT)
    assert repeats.reasons_against(repeats.binding(scene.store, scene.store.policy()), proposed)


def test_a_folder_from_before_the_contribution_asks_its_owner(tmp_path: Path) -> None:
    """It cannot know what it sent; that the round was released to it says that it may have."""
    scene = make_scene(tmp_path, policy_rounds_a_year=9)
    backup = tmp_path / "backup"
    shutil.copytree(scene.store.folder, backup)
    assert "ciphertexts" in outcome(scene)
    shutil.rmtree(scene.store.folder)
    shutil.copytree(backup, scene.store.folder)
    scene.desk.state = "closed"
    scene.turn()
    assert scene.store.contributed.all() == ()
    scene.store.round(ROUND).keep("release.json", b"{}")
    correct(scene, **larger(scene))
    second = again(scene, period="2020-H2")
    assert "contribution" not in sent(second)
    (decision,) = [d for d in second.store.decisions.all() if d.round_id == NEXT]
    assert "restored from an old backup" in decision.reasons[0]
    assert "--replace-plan" in decision.reasons[0]
    seen = preview_round(second.store, NEXT, int(time.time()))
    assert "restored from an old backup" in (seen.held_against or "")
    approve(second)
    assert "ciphertexts" in outcome(second)


def test_who_refused_the_earlier_round_is_not_asked(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, policy_rounds_a_year=9)
    scene.desk.state = "closed"
    scene.turn()
    scene.store.round(ROUND).keep("release.json", b"{}")
    scene.store.decisions.add(Decision(NOW, ROUND, "", "", "", REFUSED, ("no",)))
    again(scene, period="2020-H2")
    assert sent(scene).count("contribution") == 1


def test_figures_that_were_not_kept_are_asked_for(tmp_path: Path) -> None:
    """As after an update of a node that kept none, or where somebody removed the file."""
    scene = contributed(tmp_path)
    scene.store.contributed.path.unlink()
    again(scene, period="2020-H2")
    assert sent(scene).count("contribution") == 1


@pytest.mark.parametrize("content", ["{}\n", "[]\n", '{"round_id": 3}\n', "no\n"])
def test_a_damaged_file_stops_the_node(tmp_path: Path, content: str) -> None:
    scene = contributed(tmp_path)
    scene.store.contributed.path.write_text(content)
    with pytest.raises(NodeStoreError, match=r"contributed\.jsonl"):
        again(scene, period="2020-H2")
    assert sent(scene).count("contribution") == 1


def test_the_status_says_what_was_contributed_and_what_differs_now(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    scene.store.round(ROUND).keep("release.json", b"{}")
    document = status_document(scene.store, NOW)
    assert document["contributed"] == [{"period": "2020", "round_id": ROUND, "version": 1}]
    assert document["corrected_since"] == []
    correct(scene, **larger(scene))
    document = status_document(scene.store, NOW)
    (text,) = document["corrected_since"]
    assert "other figures of 2020" in text
    assert "(output)" in text
    assert f"corrected      {text}" in status_lines(document)
    assert str(scene.store.own().integers["output"]) not in "\n".join(status_lines(document))


MEASURES = ("a", "b", "c")
held = st.dictionaries(st.sampled_from(MEASURES), st.integers(0, 3), min_size=1)
unit = st.sampled_from(["kWh", "MWh"])


@given(held, held, unit, unit)
def test_what_both_plans_have_is_compared_and_nothing_else(
    one: dict[str, int], other: dict[str, int], mine: str, theirs: str
) -> None:
    first = Sent("one", "2020", 1, 0, one, dict.fromkeys(one, mine), None)
    second = Sent("two", "2020", 1, 0, other, dict.fromkeys(other, theirs), "steel")
    found = set(first.differences(second))
    assert found == {
        name for name in one.keys() & other.keys() if mine != theirs or one[name] != other[name]
    }
    assert first.differences(second) == second.differences(first)
    assert bool(repeats.reasons_against([first], second)) == bool(found)
    assert not repeats.reasons_against([first], replace(second, round_id="one"))
    assert not repeats.reasons_against([first], replace(second, period="2021"))


def test_another_place_in_the_table_is_another_figure() -> None:
    first = Sent("one", "2020", 1, 0, {"a": 1}, {"a": "kWh"}, "metals/steel")
    assert first.differences(replace(first, category="metals/copper")) == ("category",)
    assert first.differences(replace(first, category=None)) == ()
    assert "1" not in repr(replace(first, integers={"a": 111_111})).replace("version 1", "")


def test_what_is_kept_is_the_plans_measures_alone(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    own = scene.store.own()
    plan: Plan = scene.plan
    assert {m.name for m in plan.measures} < set(own.integers) | {"x"}
    sent_ = Sent.of(plan, own, 1, NOW)
    assert set(sent_.integers) == {m.name for m in plan.measures}
    assert all(isinstance(m, Measure) and sent_.units[m.name] == m.unit for m in plan.measures)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2**70)), max_size=6))
def test_of_each_version_the_last_line_holds(versions: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = Contributed(Path(folder) / "contributed.jsonl")
        for version, value in versions:
            kept.add(Sent("one", "2020", version, NOW, {"a": value}, {"a": "kWh"}, None))
        assert {s.version: s.integers["a"] for s in kept.all()} == dict(versions)


def test_the_figures_of_one_period_are_not_contributed_for_another(tmp_path: Path) -> None:
    """Nothing else ties a period's name to the data, and periods that lie apart are compared by
    no ledger."""
    second = again(contributed(tmp_path), period="2022")
    assert sent(second).count("contribution") == 1
    (decision,) = [d for d in second.store.decisions.all() if d.round_id == NEXT]
    (reason,) = decision.reasons
    assert f"the figures are those of 2020, which were contributed to round {ROUND}" in reason
    assert "import the records of 2022" in reason
    assert all(str(value) not in reason for value in second.store.own().integers.values())


def test_equal_figures_are_taken_where_the_owner_says_whose_they_are(tmp_path: Path) -> None:
    second = again(contributed(tmp_path), period="2022")
    stated = replace(second.store.own(), period="2022")
    second.store.save_import(stated, RECORDS.read_bytes(), MAPPING.read_bytes())
    assert second.store.own().period == "2022"
    assert "ciphertexts" in outcome(second)


def test_a_plan_of_another_period_than_the_mapping_says_is_refused(tmp_path: Path) -> None:
    scene = contributed(tmp_path)
    correct(scene, **larger(scene))
    stated = replace(scene.store.own(), period="2020")
    scene.store.save_import(stated, RECORDS.read_bytes(), MAPPING.read_bytes())
    second = again(scene, period="2022")
    (decision,) = [d for d in second.store.decisions.all() if d.round_id == NEXT]
    assert decision.reasons == (
        "the figures are those of '2020' by the mapping, and the plan is for '2022': import the "
        "records of that period, with period in the mapping",
    )


@given(st.data())
def test_figures_are_those_of_another_period_if_all_are_equal(data: st.DataObject) -> None:
    names = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4)
    mine, theirs = data.draw(names), data.draw(names)
    periods = data.draw(st.sampled_from([("2020", "2022"), ("2020", "2021"), ("2020", "2020-Q1")]))
    earlier = Sent("one", periods[0], 1, 0, mine, dict.fromkeys(mine, "t"), None)
    later = Sent("two", periods[1], 1, 0, theirs, dict.fromkeys(theirs, "t"), None)
    shared = mine.keys() & theirs.keys()
    same = all(mine[name] == theirs[name] for name in shared) and any(mine[n] for n in shared)
    refused = same and periods[1] != "2020-Q1"
    assert bool(repeats.stale_reasons([earlier], later)) is refused
    other_unit = Sent("two", periods[1], 1, 0, theirs, dict.fromkeys(theirs, "kt"), None)
    assert repeats.stale_reasons([earlier], other_unit) == []
