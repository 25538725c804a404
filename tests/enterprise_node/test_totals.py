"""A node in rounds of totals: who takes part, in which order, and that every step is repeatable."""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from typer.testing import CliRunner

from enterprise_node.cli import app
from enterprise_node.errors import NodeStoreError, NodeUsageError, PlanRefused
from enterprise_node.exchange import Envelope, pack
from enterprise_node.private.backends import Backend
from enterprise_node.private.contributed import Sent
from enterprise_node.private.identity import begin_rotation
from enterprise_node.private.overlaps import reason_by_totals
from enterprise_node.private.policy import Approver, NodePolicy
from enterprise_node.private.position import position
from enterprise_node.private.published import read_release_file
from enterprise_node.private.side import approve_round, preview_round
from enterprise_node.private.status import status_document
from enterprise_node.private.totals_files import TotalsFiles
from protocols.federated.terms import Aggregation
from protocols.federated.totals.gathering import Gathering
from protocols.federated.totals.release import make_release
from protocols.federated.totals.setting import Setting
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.survivors import Survivors
from protocols.notices import make_cancellation
from protocols.plan import Plan
from tests.enterprise_node.circle import HOUR, MEMBERS, Circle, Node
from tests.enterprise_node.killing import killed_at_every_write
from tests.enterprise_node.scene import COORDINATOR, ROUND, make_scene
from tests.keys import signing_key

EVERYBODY = range(MEMBERS)
NEXT = "region-a-again"


@pytest.fixture
def circle(tmp_path: Path) -> Circle:
    """Six nodes whose owners allow totals."""
    return Circle(tmp_path)


def until(circle: Circle, stage: Stage) -> None:
    """The round up to a stage."""
    while circle.gathering.stage is not stage:
        circle.carry()
        circle.gathering.go_on()


def files(node: Node, round_id: str = ROUND) -> TotalsFiles:
    return TotalsFiles(node.store.round(round_id))


def another(circle: Circle, node: Node, **changes: object) -> tuple[Plan, bytes]:
    """The first step of another round of totals for a node."""
    plan = replace(circle.plan, round_id=NEXT, **changes)  # type: ignore[arg-type]
    gathering = Gathering(COORDINATOR.sign("plan", plan.to_bytes()), circle.roster, COORDINATOR)
    return plan, gathering.steps()[circle.roster.place(node.store.key().public)]


# What leaves, and who agreed to it


def test_totals_are_refused_unless_the_owner_lists_them(tmp_path: Path) -> None:
    circle = Circle(tmp_path, policy={"backends": NodePolicy().backends})
    node = circle.nodes[0]
    (event,) = node.bring(circle.gathering.steps()[0])
    assert event.kind == "refused"
    assert "'totals' is not among the backends" in event.text
    assert "DOMINANCE IS NOT CONTROLLED" in event.text
    assert node.answer() is None
    assert node.store.commitments.all() == ()
    assert node.step() == [], "a refused plan is not looked at again"
    decision = node.store.decisions.last(ROUND)
    assert decision is not None
    assert (decision.outcome, decision.backend) == ("refused", "totals")


def test_a_person_approves_first(tmp_path: Path) -> None:
    circle = Circle(tmp_path, policy={"approval": Approver.PERSON})
    node = circle.nodes[0]
    now = int(node.clock())
    (event,) = node.bring(circle.gathering.steps()[0])
    assert event.kind == "waiting"
    assert "waits for your word" in event.text
    assert node.answer() is None
    with pytest.raises(NodeUsageError, match="was not looked at yet"):
        approve_round(node.store, ROUND, now)
    text = "\n".join(preview_round(node.store, ROUND, now).lines())
    assert "DOMINANCE IS NOT CONTROLLED" in text
    assert "trustees      none" in text
    assert "does not leave: other_emissions" in text
    assert node.store.commitments.all() == (), "a preview binds to nothing"
    assert "unless 4 of your 5 neighbours" in text
    assert "or 4 of the 6 who sign the list of survivors, if 3 of your neighbours" in text
    approve_round(node.store, ROUND, now)
    assert [e.kind for e in node.step()] == ["totals"]
    answer = node.answer()
    assert answer is not None
    circle.gathering.receive(0, answer)
    with pytest.raises(NodeUsageError, match="cannot be corrected"):
        approve_round(node.store, ROUND, now, correct=True)


@pytest.mark.parametrize(
    ("policy", "plan", "reason"),
    [
        ({"cohorts": ()}, {}, "cohort 'region-a' is not among"),
        ({"measures": ("output",)}, {}, "measure 'emissions' is not among"),
        ({"minimum_cohort": 6}, {}, "the own limit is at least 6"),
        ({"rounds_a_year": 0}, {}, "rounds_a_year"),
        ({}, {"cohort": "region-b"}, "the plan is for cohort 'region-b'"),
        ({}, {"definitions": (("scope", "other"),)}, "mixed definitions"),
        ({"most_epsilon": "2"}, {}, "the plan adds no noise"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused(
    tmp_path: Path, policy: dict[str, object], plan: dict[str, object], reason: str
) -> None:
    circle = Circle(tmp_path, policy=policy, plan_changes=plan)
    if "cohort" in plan:
        policy["cohorts"] = ("region-b",)
    (event,) = circle.nodes[0].bring(circle.gathering.steps()[0])
    assert event.kind == "refused"
    assert reason in event.text
    assert circle.nodes[0].answer() is None


def test_the_plan_is_written_before_the_values_are_looked_at(
    circle: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = circle.nodes[0]
    seen: list[int] = []

    def look(*_: object) -> None:
        seen.append(len(node.store.commitments.all()))
        raise PlanRefused(ROUND, ["over the plan's bound"])

    monkeypatch.setattr("enterprise_node.private.admission.check_values", look)
    (event,) = node.bring(circle.gathering.steps()[0])
    assert "over the plan's bound" in event.text
    assert seen == [1]
    assert node.answer() is None
    assert node.store.contributed.all() == ()


def test_a_round_that_has_ended_or_is_not_open_waits(circle: Circle) -> None:
    node = circle.nodes[0]
    step = circle.gathering.steps()[0]
    for shift, words in ((-3 * HOUR, "opens on"), (4 * HOUR, "ended on")):
        late = Node(node.store, lambda shift=shift: node.clock() + shift)  # type: ignore[misc]
        (event,) = late.bring(step)
        assert event.kind == "waiting"
        assert words in event.text
    assert node.answer() is None


def test_the_commands_show_and_approve_a_plan_of_totals(tmp_path: Path) -> None:
    circle = Circle(tmp_path, policy={"approval": Approver.PERSON})
    node = circle.nodes[0]
    node.bring(circle.gathering.steps()[0])
    folder = str(node.store.folder)
    seen = CliRunner().invoke(app, ["preview", folder, "--round", ROUND, "--json"])
    document = json.loads(seen.stdout)
    assert (document["backend"], document["dominance_controlled"]) == ("totals", False)
    shown = CliRunner().invoke(app, ["preview", folder, "--round", ROUND]).stdout
    assert f"--plan {circle.plan.hash.hex()}" in shown
    named = ["--round", ROUND, "--plan", circle.plan.hash.hex()]
    assert CliRunner().invoke(app, ["approve", folder, *named]).exit_code == 0
    done = CliRunner().invoke(app, ["run", folder])
    assert "the answer to the step 'keys' is in the outbox" in done.stdout
    ledger = CliRunner().invoke(app, ["ledger", "show", folder]).stdout
    assert "a step of a totals round: keys, sealed shares, or figures under masks" in ledger
    status = CliRunner().invoke(app, ["status", folder]).stdout
    assert "takes part, last step: keys" in status
    assert "there are no trustees" in status


# The whole round


def test_the_whole_round_is_exact_and_shown_to_the_owner(circle: Circle) -> None:
    circle.play()
    release = circle.gathering.release
    assert release is not None
    node = circle.nodes[0]
    (event,) = node.bring(release, "release")
    assert event.kind == "release"
    assert "WARNING" not in event.text
    document = json.loads(node.store.round(ROUND).release_path.read_bytes())
    assert document["backend"] == "totals"
    assert document["dominance_controlled"] is False
    for measure in ("output", "emissions", "electricity"):
        total = circle.total(measure, EVERYBODY)
        assert document["measures"][measure]["value"] == str(total)
    kinds = [entry.kind for entry in node.store.ledger.entries()]
    assert kinds == ["pass", *["totals"] * 5]
    own = node.store.own()
    place = position(read_release_file(node.store.round(ROUND).release_path, "region-a"), own, None)
    (standing,) = place.standings
    mean = Fraction(circle.total("output", EVERYBODY), circle.total("emissions", EVERYBODY))
    away = float(100 * (Fraction(own.integers["output"], own.integers["emissions"]) / mean - 1))
    assert standing.to_cohort == f"{away:+.3g} %"
    text = "\n".join(place.lines())
    assert "no bands to find a place in" in text
    assert "from the cohort's mean" in text
    assert "DOMINANCE IS NOT CONTROLLED" in text


def test_members_who_leave_are_not_in_the_total_and_are_told(circle: Circle) -> None:
    circle.play({Stage.MASKING: {3}})
    release = circle.gathering.release
    assert release is not None
    stayed = [place for place in EVERYBODY if place != 3]
    (event,) = circle.nodes[0].bring(release, "release")
    document = json.loads(circle.nodes[0].store.round(ROUND).release_path.read_bytes())
    assert document["n"] == 5
    assert document["measures"]["output"]["value"] == str(circle.total("output", stayed))
    (event,) = circle.nodes[3].bring(release, "release")
    assert "does not count this node" in event.text


def test_the_figures_are_those_at_the_beginning(circle: Circle) -> None:
    circle.carry()
    circle.gathering.go_on()
    own = circle.nodes[0].store.own()
    expected = circle.total("output", EVERYBODY)
    more = {name: value + 1 for name, value in own.integers.items()}
    circle.nodes[0].store.save_import(replace(own, integers=more), b"", b"")
    circle.play()
    release = circle.gathering.release
    assert release is not None
    circle.nodes[1].bring(release, "release")
    document = json.loads(circle.nodes[1].store.round(ROUND).release_path.read_bytes())
    assert document["measures"]["output"]["value"] == str(expected)


@pytest.mark.parametrize("stage", list(Stage)[:5])
def test_a_step_that_is_killed_anywhere_sends_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, circle: Circle, stage: Stage
) -> None:
    """Every write of the folder in turn is the last one before the process dies."""
    until(circle, stage)
    place = next(iter(circle.gathering.steps()))
    node, step = circle.nodes[place], circle.gathering.steps()[place]
    earlier = node.answer()
    node.store.exchange().inbox.put(Envelope("totals", ROUND, step))
    for _ in killed_at_every_write(node.store.folder, node.step, monkeypatch, 4):
        left = node.answer()
        node.step()
        answer = node.answer()
        assert answer not in (None, earlier), "the step is answered"
        assert left in (None, earlier, answer), "what has left is what leaves again"
        assert node.store.ledger.verify(node.store.key().public) >= 2
    circle.play()
    assert circle.gathering.release is not None


def test_every_step_again_gets_the_same_bytes(circle: Circle) -> None:
    given: list[tuple[bytes, bytes]] = []
    while circle.gathering.stage is not Stage.DONE:
        step = circle.gathering.steps()[0]
        circle.carry()
        answer = circle.nodes[0].answer()
        assert answer is not None
        given.append((step, answer))
        circle.gathering.go_on()
    entries = len(circle.nodes[0].store.ledger.entries())
    for step, answer in given:
        circle.nodes[0].bring(step)
        assert circle.nodes[0].answer() == answer
    assert len(circle.nodes[0].store.ledger.entries()) > entries, "every one is in the ledger"


def test_a_folder_from_a_backup_answers_no_stage_twice(circle: Circle, tmp_path: Path) -> None:
    """It has forgotten an answer that the coordinator may have, and that lies in the outbox."""
    until(circle, Stage.SHARES)
    node = circle.nodes[0]
    shutil.copytree(
        node.store.folder, tmp_path / "backup", ignore=shutil.ignore_patterns("exchange")
    )
    until(circle, Stage.MASKING)
    step, answer = circle.gathering.steps()[0], node.answer()
    shutil.copytree(tmp_path / "backup", node.store.folder, dirs_exist_ok=True)
    (event,) = node.bring(step)
    assert event.kind == "refused"
    assert "restored from a backup" in event.text
    assert node.answer() == answer
    assert node.step() == []
    circle.play({Stage.MASKING: {0}})
    assert circle.gathering.release is not None


def test_secrets_are_the_owners_and_are_destroyed_with_the_round(circle: Circle) -> None:
    circle.play()
    node = circle.nodes[0]
    path = node.store.round(ROUND).folder / "totals-memory"
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    release = circle.gathering.release
    assert release is not None
    node.bring(release, "release")
    assert not path.exists()
    assert node.answer() is None
    assert node.step() == []


def test_secrets_are_destroyed_when_the_end_has_passed(circle: Circle) -> None:
    until(circle, Stage.MASKING)
    node = circle.nodes[0]
    late = Node(node.store, lambda: node.clock() + 4 * HOUR)
    assert late.step() == []
    assert files(node).memory() is None
    assert node.answer() is None


def test_what_a_crash_left_of_a_secret_is_destroyed_too(circle: Circle) -> None:
    until(circle, Stage.MASKING)
    node = circle.nodes[0]
    left = node.store.round(ROUND).folder / "totals-memory.0123456789abcdef.partial"
    left.write_bytes(b"half a secret")
    Node(node.store, lambda: node.clock() + 4 * HOUR).step()
    assert not left.exists()


def test_a_late_release_is_for_the_list_that_was_revealed_for(circle: Circle) -> None:
    """The secrets are gone by then; which list it was, is not."""
    circle.play()
    node = circle.nodes[0]
    late = Node(node.store, lambda: node.clock() + 4 * HOUR)
    late.step()
    assert files(node).memory() is None
    setting = Setting(circle.plan)
    others = range(1, MEMBERS)
    sums = {m.name: circle.total(m.name, others) for m in setting.vector.measures}
    false = make_release(setting, Survivors.of(setting, others), sums, COORDINATOR)
    (event,) = late.bring(false, "release")
    assert "another list of survivors" in event.text
    release = circle.gathering.release
    assert release is not None
    assert [event.kind for event in late.bring(release, "release")] == ["release"]


@pytest.mark.parametrize("name", ["totals-offer", "totals-answer"])
@pytest.mark.parametrize("content", [b"short", pack((b"one",)), pack((b"1", b"2", b"3"))])
def test_a_damaged_file_is_named(circle: Circle, name: str, content: bytes) -> None:
    circle.carry()
    node = circle.nodes[0]
    (node.store.round(ROUND).folder / name).write_bytes(content)
    with pytest.raises(NodeStoreError, match=f"{name}: damaged"):
        node.step()


def test_the_key_stays_while_the_round_runs(circle: Circle) -> None:
    until(circle, Stage.SHARES)
    node = circle.nodes[0]
    node.store.certificate_path.write_bytes(b"any")
    with pytest.raises(NodeUsageError, match="needs another statement by the present key"):
        begin_rotation(node.store)


# What does not hold


def test_steps_of_somebody_else_are_not_kept(circle: Circle) -> None:
    node = circle.nodes[0]
    other = signing_key(7, "stranger")
    gathering = Gathering(other.sign("plan", circle.plan.to_bytes()), circle.roster, other)
    (event,) = node.bring(gathering.steps()[0])
    assert event.kind == "refused"
    assert "not by the coordinator" in event.text
    assert files(node).offer() is None
    for payload in (b"", b"\xff", circle.gathering.steps()[0][:-1]):
        (event,) = node.bring(payload)
        assert event.kind == "refused"
    assert node.answer() is None


def test_a_place_of_another_member_is_refused(circle: Circle) -> None:
    (event,) = circle.nodes[0].bring(circle.gathering.steps()[1])
    assert "no place of this node" in event.text
    assert circle.nodes[0].answer() is None


def test_a_later_step_without_a_beginning(circle: Circle, tmp_path: Path) -> None:
    until(circle, Stage.SHARES)
    node, step = circle.nodes[0], circle.gathering.steps()[0]
    shutil.rmtree(node.store.round(ROUND).folder)
    (event,) = node.bring(step)
    assert "whose beginning never came" in event.text


def test_a_step_that_does_not_hold_is_told_and_the_right_one_is_answered(circle: Circle) -> None:
    until(circle, Stage.SHARES)
    node = circle.nodes[0]
    (event,) = node.bring(circle.gathering.steps()[1])  # another member's neighbours
    assert event.kind == "refused"
    assert "is not answered" in event.text
    (shown,) = status_document(node.store, int(node.clock()))["rounds"]
    assert shown["backend"] == "totals"
    assert shown["reasons"]
    assert [e.kind for e in node.bring(circle.gathering.steps()[0])] == ["totals"]


def test_another_plan_under_the_name_of_the_round(circle: Circle) -> None:
    circle.carry()
    node = circle.nodes[0]
    plan = replace(circle.plan, title="Region A, again")
    other = Gathering(COORDINATOR.sign("plan", plan.to_bytes()), circle.roster, COORDINATOR)
    (event,) = node.bring(other.steps()[0])
    assert "differently than when this node took part" in event.text
    offer = files(node).offer()
    assert offer is not None
    assert offer.plan == COORDINATOR.sign("plan", circle.plan.to_bytes())


def test_one_name_is_one_kind_of_round(circle: Circle, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "scene", policy_backends=tuple(Backend))
    scene.turn()
    step = circle.gathering.steps()[0]
    scene.exchange.inbox.put(Envelope("totals", ROUND, step))
    assert any("for a round that has trustees" in event.text for event in scene.step())
    node = circle.nodes[0]
    node.bring(step)
    described = scene.store.round(ROUND).offered()
    assert described is not None
    (event,) = node.bring(described, "round")
    assert "is one of totals" in event.text


def test_a_second_release_of_the_round_is_not_believed(circle: Circle, tmp_path: Path) -> None:
    circle.play()
    release = circle.gathering.release
    assert release is not None
    node = circle.nodes[0]
    for payload in (b"", release[:-1], COORDINATOR.sign("totals-release", b"")):
        (event,) = node.bring(payload, "release")
        assert event.kind == "refused"
    assert [e.kind for e in node.bring(release, "release")] == ["release"]
    assert node.bring(release, "release") == []
    other = Circle(tmp_path / "other")
    other.play()
    assert other.gathering.release is not None
    (event,) = node.bring(other.gathering.release, "release")
    assert event.kind == "refused"


# Other rounds over the same data


def test_no_second_round_of_totals_without_the_owner(circle: Circle) -> None:
    circle.carry()
    node = circle.nodes[0]
    quarter, step = another(circle, node, period="2020-Q1")
    (event,) = node.bring(step, round_id=NEXT)
    assert event.kind == "refused"
    assert "nobody compares them" in event.text
    assert node.answer(NEXT) is None
    now = int(node.clock())
    preview = preview_round(node.store, NEXT, now)
    assert preview.held_against is not None
    approve_round(node.store, NEXT, now, replace_plan=True)
    assert [e.kind for e in node.step() if e.round_id == NEXT] == ["totals"]
    assert node.answer(NEXT) is not None
    assert quarter.hash != circle.plan.hash


def test_another_year_is_free(circle: Circle) -> None:
    circle.carry()
    node = circle.nodes[0]
    own = node.store.own()
    grown = {name: value + 1 for name, value in own.integers.items()}
    _, step = another(circle, node, period="2021")
    node.store.save_import(replace(own, integers=grown), b"", b"")
    assert [e.kind for e in node.bring(step, round_id=NEXT)] == ["totals"]


def test_totals_after_a_round_with_trustees_and_the_reverse(circle: Circle) -> None:
    totals = replace(circle.plan, round_id=NEXT)
    plain = replace(totals, aggregation=None, key_id=bytes(32))
    first = Sent(ROUND, "2020", 1, 0, {}, {}, None)
    second = Sent(ROUND, "2020", 1, 0, {}, {}, None, Backend.TOTALS)
    assert reason_by_totals([first], replace(totals, period="2020-H1")) is not None
    assert reason_by_totals([second], plain) is not None
    assert reason_by_totals([first], plain) is None
    assert reason_by_totals([second], replace(totals, round_id=ROUND)) is None, "the same round"
    assert reason_by_totals([first], replace(totals, period="2021")) is None


def test_a_cancellation_opens_no_way_to_totals(circle: Circle, tmp_path: Path) -> None:
    """The coordinator may have told this member alone; nobody compares totals with the release."""
    scene = make_scene(tmp_path / "scene", policy_backends=tuple(Backend))
    scene.turn()
    scene.desk.notices = [make_cancellation(scene.plan, 1, "no", COORDINATOR)]
    assert any("cancelled by the coordinator" in event.text for event in scene.turn())
    terms = Aggregation.totals(len(scene.roster.members), int(scene.clock()) + 2 * HOUR)
    changes = {"round_id": NEXT, "period": "2020-H1", "key_id": b"", "aggregation": terms}
    plan = replace(scene.plan, **changes)
    gathering = Gathering(COORDINATOR.sign("plan", plan.to_bytes()), scene.roster, COORDINATOR)
    step = gathering.steps()[scene.roster.place(scene.store.key().public)]
    scene.exchange.inbox.put(Envelope("totals", NEXT, step))
    (event,) = (event for event in scene.step() if event.round_id == NEXT)
    assert event.kind == "refused"
    assert "nobody compares them" in event.text
