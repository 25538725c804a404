"""A plan run dry decides as the round does, can be repeated, and says what is withheld."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import pytest

from coordinator import rehearsal, synthetic
from coordinator.errors import SettingsError
from protocols.plan import Plan
from protocols.plan_terms import Policy
from tests.cohort import Scene, values
from tests.coordinator.acting import Acting
from tests.coordinator.conftest import Opened
from tests.coordinator.test_openings import work

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "region_a"


@pytest.fixture
def plan(scene: Scene) -> Plan:
    return scene.plan


def test_it_decides_as_the_trustees_do(scene: Scene, opened: Opened) -> None:
    board = opened.board(scene)
    for number in range(1, scene.members + 1):
        scene.submit(board, number)
    work(board)
    acting = Acting(scene, board)
    certified = acting._certificate(acting.counted())

    members = [values(number) for number in range(1, scene.members + 1)]
    decided = rehearsal.decide(scene.plan, scene.layout, members)

    assert decided.rankings == certified.rankings
    assert decided.cohort_measures == certified.cohort_measures
    assert decided.withheld_measures == certified.withheld_measures


def test_the_same_seed_gives_the_same_report(plan: Plan) -> None:
    def report(seed: int) -> bytes:
        source = synthetic.made_up(plan)
        return rehearsal.rehearse(plan, 2048, source, described="x", seed=seed).to_bytes()

    assert report(1) == report(1)
    assert report(1) != report(2)


def test_the_report_counts(plan: Plan) -> None:
    large = dataclasses.replace(plan, participants=200)
    report = rehearsal.rehearse(large, 2048, synthetic.made_up(large), described="x", turnout=50)

    document = json.loads(report.to_bytes())
    assert document["members"] == 100
    assert document["participants"] == 200
    bands = document["rankings"]["cef"]
    assert sum(band["members"] for band in bands["first_trial"]) in (0, 100)
    assert float(document["coverage"]["median"]) <= 0.5
    assert report.publishes
    assert any("50 %" in line for line in report.lines())


def test_what_is_withheld_is_said_with_its_reason(plan: Plan) -> None:
    strict = dataclasses.replace(plan, policy=Policy(minimum_cohort=100))
    report = rehearsal.rehearse(strict, 2048, synthetic.made_up(strict), described="x", trials=3)

    assert not report.publishes
    assert report.document["withheld"] == [
        {"what": "cohort", "reason": "fewer than 100 enterprises took part", "trials": 3}
    ]
    assert report.document["coverage"] == {"median": "0", "least": "0"}


def test_made_up_members_keep_to_the_plan(plan: Plan) -> None:
    draw, chance = synthetic.made_up(plan), random.Random(1)
    for _ in range(300):
        member = draw(chance)
        for measure in plan.measures:
            assert measure.minimum <= member[measure.name] <= measure.bound
        assert member["emissions"] > 0


def test_redrawn_members_keep_the_samples_ratios(plan: Plan) -> None:
    sample = [values(number) for number in range(1, 13)]
    ratios = [member["output"] / member["emissions"] for member in sample]
    draw, chance = synthetic.redrawn(plan, sample), random.Random(1)
    for _ in range(100):
        member = draw(chance)
        ratio = member["output"] / member["emissions"]
        assert min(abs(ratio / known - 1) for known in ratios) < 0.01


def test_a_sample_is_read_by_its_mapping(plan: Plan) -> None:
    rows = synthetic.read_sample(EXAMPLE / "region_a.csv", EXAMPLE / "mapping.toml")

    assert len(rows) == 72
    with pytest.raises(SettingsError, match="no record of the sample"):
        synthetic.redrawn(plan, [{"output": 1}])
    with pytest.raises(SettingsError, match="no usable row"):
        synthetic.read_sample(EXAMPLE / "region_a.csv", EXAMPLE / "mapping.toml", "nowhere")


def test_too_many_members_are_refused(plan: Plan) -> None:
    with pytest.raises(SettingsError, match="take too long"):
        rehearsal.rehearse(
            dataclasses.replace(plan, participants=1_000_000),
            2048,
            synthetic.made_up(plan),
            described="x",
        )
