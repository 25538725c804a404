"""A plan run dry decides as the round does, can be repeated, and says what is withheld."""

from __future__ import annotations

import dataclasses
import json
import random
from fractions import Fraction
from pathlib import Path

import pytest

from coordinator import rehearsal, synthetic
from coordinator.deciding import LEAF, covered, decide, published_members
from coordinator.errors import SettingsError
from protocols.layout import Layout
from protocols.plan import Measure, Plan
from protocols.plan_terms import Policy
from protocols.profiles import PROFILES
from protocols.suppression import NO_SUBTRACTION
from protocols.table import Table
from protocols.template import PlanTemplate
from tests.cohort import Scene, values
from tests.coordinator.acting import Acting
from tests.coordinator.conftest import Opened
from tests.coordinator.test_openings import work
from tests.strategies import frame, plain_plan

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


def test_a_single_band_covers_nobody(plan: Plan) -> None:
    few = dataclasses.replace(plan, participants=9)
    report = rehearsal.rehearse(few, 2048, synthetic.made_up(few), described="x", trials=20)
    assert report.document["published_trials"] > 0
    assert report.document["rankings"]["cef"]["bands"]["most"] == 1
    assert report.document["coverage"] == {"median": "0", "least": "0"}
    large = dataclasses.replace(plan, participants=200)
    covers = rehearsal.rehearse(large, 2048, synthetic.made_up(large), described="x", trials=2)
    assert "totals" in "".join(report.lines())
    assert "totals" not in "".join(covers.lines())


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


def test_every_profile_is_tried_on_the_same_members(plan: Plan) -> None:
    rows = synthetic.read_sample(EXAMPLE / "region_a.csv", EXAMPLE / "mapping.toml")
    template = PlanTemplate.load(EXAMPLE / "plan.toml")
    region = template.instantiate(**frame())
    source = synthetic.redrawn(region, rows)
    report = rehearsal.rehearse(region, 3072, source, described="x", trials=6)

    profiles = report.document["profiles"]
    assert set(profiles) == set(PROFILES)
    own = next(name for name in PROFILES if PROFILES[name] == region.policy)
    for name, found in profiles.items():
        assert found["trials"] == (6 if name == own else rehearsal.PROFILE_TRIALS)
    # The plan's own policy and the profile of the same words say the same.
    assert profiles[own]["coverage"] == report.document["coverage"]
    assert any(f"under profile {own}, the same trials" in line for line in report.lines())
    assert any("safety-zone, the first 5 of the trials" in line for line in report.lines())
    shares = [float(profiles[name]["coverage"]["median"]) for name in PROFILES]
    assert shares == sorted(shares)  # from the strictest to the default
    assert shares[0] == 0  # Region A's largest enterprise is too large for 15/15
    assert shares[-1] == 1


def test_a_profile_that_the_bins_do_not_allow_is_said(plan: Plan) -> None:
    ranked = dataclasses.replace(
        plan.indicators[0], edges=tuple(100 * Fraction(106, 100) ** n for n in range(4))
    )
    narrow = dataclasses.replace(plan, indicators=(ranked,), policy=Policy(5, 5))
    source = synthetic.made_up(narrow)
    report = rehearsal.rehearse(narrow, 2048, source, described="x", trials=1)

    assert "narrower than 10 %" in report.document["profiles"]["statistical"]["refused"]
    assert any("narrower than 10 %" in line for line in report.lines())


TABLE = Table("sector", ("a", "b", "c"))


def test_a_table_is_rehearsed_by_leaf() -> None:
    plan = tabulated(TABLE)
    drawn = rehearsal.rehearse(plan, 2048, synthetic.made_up(plan), described="x", trials=4)
    assert 0 < float(drawn.document["coverage"]["median"]) <= 1

    values = {m.name: 1000 for m in plan.measures}
    members = [{**values, LEAF: leaf} for leaf in (0,) * 7 + (1,) * 6 + (2,) * 5]
    layout = Layout(plan, 2048)
    everything = decide(plan, layout, members)
    assert covered(plan, everything) == 18
    assert [cell.members for cell in everything.table] == [18, 7, 6, 5]
    # One leaf of two: it is withheld, and another with it.
    fewer = decide(plan, layout, members[:15])
    assert covered(plan, fewer) == 7
    measure = plan.measures[0]
    assert published_members(plan, fewer, measure, members[:15]) == members[:7]


def test_a_table_of_tiny_leaves_says_why_nothing_is_left() -> None:
    plan = tabulated(Table("sector", tuple(f"leaf {number}" for number in range(40))))
    report = rehearsal.rehearse(plan, 2048, synthetic.made_up(plan), described="x", trials=4)

    assert report.document["coverage"]["median"] == "0"
    assert report.document["cells"]["cells"] == 41
    withheld = report.document["withheld_cells"]
    assert {item["reason"] for item in withheld} == {"fewer than 5 enterprises"}
    assert all(0 < item["trials"] <= 4 for item in withheld)
    lines = report.lines()
    assert any("cells published: 1 of 41" in line for line in lines)
    assert any("is in a published leaf cell" in line for line in lines)
    told = [line for line in lines if line.endswith("): fewer than 5 enterprises")]
    assert len(told) == 1
    assert f"{len(withheld)} cells ('leaf " in told[0]
    assert f"and {len(withheld) - rehearsal.NAMED} more" in told[0]


def test_cells_withheld_for_others_are_counted_together() -> None:
    plan = tabulated(TABLE)
    values = {m.name: 1000 for m in plan.measures}
    drawn = iter([{**values, LEAF: leaf} for leaf in [*[0] * 9, *[1] * 7, *[2] * 2] * 2])
    report = rehearsal.rehearse(plan, 2048, lambda _: next(drawn), described="x", trials=2)
    assert report.document["withheld_cells"] == [
        {"path": "b", "reason": NO_SUBTRACTION, "trials": 2},
        {"path": "c", "reason": "fewer than 5 enterprises", "trials": 2},
    ]


def test_dropped_rows_of_a_sample_are_told_with_the_first_reason(plan: Plan) -> None:
    table = Table("sector", ("nowhere", "else"))
    with pytest.raises(SettingsError, match=r"the first: .*is no leaf of table 'sector'"):
        synthetic.sample_of(EXAMPLE / "region_a.csv", EXAMPLE / "mapping.toml", table=table)
    rows, dropped = synthetic.sample_of(EXAMPLE / "region_a.csv", EXAMPLE / "mapping.toml")
    assert not dropped
    large = {**rows[0], "output": plan.measure("output").bound + 1}
    why = synthetic.why_unfit(plan, large)
    assert why == "its output is not from 1 to 1000000 yuan"
    assert synthetic.why_unfit(plan, {"output": 1}).startswith("it has no ")
    assert synthetic.lost([], []) == []
    told = synthetic.lost(["A1: no date"], [why, why])
    assert (
        told[0] == "1 of the sample's rows are not usable and are left out; the first: A1: no date"
    )
    assert told[1].startswith("2 of the sample's rows do not fit the plan")


def tabulated(table: Table) -> Plan:
    measures = (Measure("output", "t", bound=10**6), Measure("workers", "people", bound=10**6))
    return plain_plan(
        measures=measures,
        indicators=(),
        table=table,
        relations=(),
        unrelated=(),
        participants=18,
    )
