"""What a profile publishes is counted as the decision makes it, and cells as the exact rules do."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path

import pytest

from accounting.measures import compute_file
from coordinator.deciding import Member, decide, tentative_members
from coordinator.errors import DocumentError
from coordinator.profile_costs import Cost, Rate, add_cohort
from coordinator.profile_section import extra
from coordinator.report import render_report
from coordinator.texts import Texts
from protocols.encoding import size_class
from protocols.layout import Layout
from protocols.plan import Level, Plan
from protocols.policy import check_cell
from protocols.profiles import PROFILES, profile
from protocols.template import PlanTemplate
from tests.coordinator import sample
from tests.coordinator.test_report import words
from tests.strategies import UNLIMITED, frame

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "region_a"


@pytest.fixture(scope="module")
def region() -> tuple[Plan, list[Member]]:
    plan = PlanTemplate.load(EXAMPLE / "plan.toml").instantiate(**frame())
    rows = compute_file(EXAMPLE / "region_a.csv", EXAMPLE / "mapping.toml").enterprises
    return plan, [row.integers for row in rows if row.excluded is None]


def exactly(name: str, values: list[int]) -> bool:
    """The profiles as they are worded."""
    ordered = sorted(values, reverse=True)
    total, contributors = sum(ordered), sum(value > 0 for value in values)
    if contributors < (15 if name == "fifteen" else 5):
        return False
    if 10 * (total - sum(ordered[:2])) < ordered[0]:
        return False
    if name == "nk":
        return 100 * sum(ordered[:2]) <= 85 * total
    return 100 * ordered[0] <= {"fifteen": 15, "safety-zone": 25}.get(name, 100) * total


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_costs_on_region_a(region: tuple[Plan, list[Member]], name: str) -> None:
    plan, members = region
    cost = Cost(profile(name))
    add_cohort(cost, plan, 3072, members)
    own = replace(plan, policy=profile(name))
    layout = Layout(own, 3072)

    decided = decide(own, layout, members)
    assert cost.published == (not decided.withheld)
    assert cost.covered == (0 if decided.withheld else 72)
    assert cost.band_count == len(decided.ranking("cef"))
    assert cost.measures["output"][0] == sum(member["output"] for member in members)
    assert cost.measures["output"][1] == (cost.measures["output"][0] if cost.published else 0)

    groups = tentative_members(own, layout, members)
    sets = [list(chain(*groups[a:b])) for a, b in combinations(range(len(groups) + 1), 2)]
    band_level = [m.name for m in plan.measures_at(Level.BAND)]
    safe = sum(exactly(name, [m[n] for m in inside]) for inside in sets for n in band_level)
    assert cost.runs.cells == len(sets) * len(band_level)
    assert cost.runs.safe == safe
    assert cost.bands.cells == len(groups) * len(band_level)
    json.dumps(cost.as_document())


def test_stricter_profiles_cost_more(region: tuple[Plan, list[Member]]) -> None:
    covered = []
    for policy in PROFILES.values():
        cost = Cost(policy)
        add_cohort(cost, *_with_bits(region), cells=False)
        covered.append(cost.covered)
        assert cost.runs == Rate()
    assert covered == sorted(covered)
    assert covered[0] == 0
    assert covered[-1] == 72


def _with_bits(region: tuple[Plan, list[Member]]) -> tuple[Plan, int, list[Member]]:
    return region[0], 3072, region[1]


def test_a_passed_cell_that_is_unsafe_is_a_defect() -> None:
    rate = Rate()
    rate.count(True, True)
    rate.count(True, False)
    rate.count(False, False)
    assert rate.as_document() == {
        "cells": 3,
        "safe": 2,
        "refused_safe": 1,
        "refused_percent": "50.0",
    }
    with pytest.raises(AssertionError, match="the exact rules refuse"):
        rate.count(False, True)


def test_the_report_shows_what_each_profile_would_publish() -> None:
    costs = {"profile statistical": "72 72 11", "profile safety-zone": "72 0 0"}
    page = render_report([sample.region_a()], run={}, extras={"region-a": costs})

    english = words(page, "en")
    assert "What other disclosure profiles would publish" in english
    assert "statistical: 5 enterprises, p% rule with p = 10" in english
    assert english.index("statistical: 5") < english.index("safety-zone: also")
    assert "72 of 72" in english
    assert "0 of 72" in english
    assert "nk: also" not in english  # not counted for this cohort
    assert "披露规则" in words(page, "zh-CN")


def test_a_report_without_these_extras_has_no_such_table() -> None:
    assert "disclosure profiles" not in words(render_report([sample.region_a()], run={}), "en")


@pytest.mark.parametrize("text", ["72 72", "72 72 11 3", "-1 0 0", "72 72 x", "7,2 1 1"])
def test_extras_that_are_no_numbers_are_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="profile nk"):
        render_report([sample.region_a()], run={}, extras={"region-a": {"profile nk": text}})


def test_a_cohort_under_the_minimum_is_in_no_sum_over_cohorts() -> None:
    documents = [sample.region_a(), sample.withheld("b", "B", "fewer than 5 enterprises")]
    extras = {"region-a": {"profile nk": "72 72 11"}, "b": {"profile nk": "4 0 0"}}
    english = words(render_report(documents, run={}, extras=extras), "en")
    assert "72 of 72" in english
    assert "of 76" not in english


def test_a_cost_becomes_an_extra(region: tuple[Plan, list[Member]]) -> None:
    cost = Cost(profile("statistical"))
    add_cohort(cost, *_with_bits(region), cells=False)
    assert extra(cost) == f"72 72 {cost.band_count}"


def test_the_report_says_every_rule_that_applied() -> None:
    document = sample.region_a()
    document["policy"] = replace(profile("safety-zone"), top_count=3, top_share_percent=60)
    document["policy"] = document["policy"].as_document()
    page = render_report([document], run={})
    assert "no enterprise holds more than 25 % of a published sum" in words(page, "en")
    assert "the 3 largest together hold at most 60 %" in words(page, "en")
    assert "任何一家不超过公布总和的 25%" in words(page, "zh-CN")
    plain = words(render_report([sample.region_a()], run={}), "en")
    assert "largest share" not in plain


def test_reasons_of_every_rule_are_translated() -> None:
    for name, values in {
        "safety-zone": [26, 25, 25, 24, 1],
        "nk": [60, 60, 4, 4, 4],
        "fifteen": [8] * 14,
    }.items():
        policy = profile(name)
        sizes = [size_class(value, policy.classes_per_octave) for value in values]
        histogram = [sizes.count(size) for size in range(max(sizes) + 1)]
        for prefix in ("", "even as one band: "):
            (violation,) = check_cell({"sales": histogram}, policy, UNLIMITED)
            chinese = Texts("zh").reason(prefix + violation.text)
            assert "原文" not in chinese
            assert "“销售额”" in chinese
            assert "可公布" in chinese
