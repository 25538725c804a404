"""Every contribution has the same positions, is one-hot, and sums decode to sums."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import (
    BoundExceeded,
    ContributionRefused,
    OpeningInconsistent,
    PackingError,
    PlanError,
)
from protocols.layout import Layout
from protocols.plan import Level, Measure, Plan, Policy, Ranking, Unrelated
from tests.plain_round import play, sparse_plaintexts
from tests.strategies import (
    PLAIN_INDICATORS,
    PLAIN_MEASURES,
    class_histograms,
    plain_plan,
    plans_with_members,
)

PLAN = plain_plan()
LAYOUT = Layout(PLAN, 2048)
MEMBER = {
    "output": 5000,
    "emissions": 100,  # 50 yuan/kg: bin 3
    "fuel": 0,
    "electricity": 2500,  # 0.5 kWh/yuan: bin 2
    "heat": 1,
    "other": 7,
}

Drawn = tuple[Plan, list[dict[str, int]]]


def test_labels_are_in_the_order_of_the_specification() -> None:
    bins = [f"{kind}/{index}#0" for index in range(8) for kind in "KV"]
    cohort = ["KC#0", "VC/electricity#0", "VC/heat#0"]
    assert list(LAYOUT.labels) == ["N/cef#0", "N/intensity#0", *bins, *cohort]


def test_long_sections_take_several_chunks() -> None:
    """A band's 79 classes of 20 bits each, 25 slots a chunk; two sums of 50 and 44 bits."""
    labels = Layout(plain_plan(participants=2**20 - 1), 512).labels
    first_bin = [label for label in labels if label.startswith(("K/0", "V/0"))]
    assert first_bin == ["K/0#0", "K/0#1", "K/0#2", "K/0#3", "V/0#0"]
    assert [x for x in labels if x.startswith("KC")] == ["KC#0", "KC#1", "KC#2", "KC#3"]


def test_a_plan_without_bands_has_no_bins() -> None:
    measures = tuple(dataclasses.replace(m, level=Level.COHORT) for m in PLAIN_MEASURES[:2])
    layout = Layout(plain_plan(measures=measures, indicators=()), 2048)
    assert layout.labels == ("KC#0", "VC/output#0", "VC/emissions#0")
    for label in ("K/[0:1]#0", "V/[0:1]#0"):
        with pytest.raises(OpeningInconsistent):
            layout.factors(label)
    assert layout.decode_classes(Level.BAND, [], {}) == {}
    assert layout.decode_sums([], {}) == {}


def test_a_measure_without_room_is_refused_with_the_plan() -> None:
    large = dataclasses.replace(PLAIN_MEASURES[0], bound=(1 << 200) - 1)
    plan = plain_plan(measures=(large, *PLAIN_MEASURES[1:]))
    with pytest.raises(PlanError, match="lower the bound of the measure"):
        Layout(plan, 200)
    assert Layout(plan, 512).labels


def test_more_chunks_than_a_label_can_name_are_refused() -> None:
    measures = tuple(
        Measure(f"m{index}", "pieces", (1 << 200) - 1, level=Level.COHORT) for index in range(128)
    )
    plan = plain_plan(
        measures=measures,
        indicators=(),
        relations=(),
        unrelated=(Unrelated(tuple(m.name for m in measures), "a test"),),
        policy=Policy(5, 9, classes_per_octave=8),
        participants=2**20 - 1,
    )
    with pytest.raises(PlanError, match="fewer classes an octave"):
        Layout(plan, 2048)
    coarse = dataclasses.replace(plan, policy=Policy())
    assert "KC#252" in Layout(coarse, 2048).labels


def test_a_member_by_hand() -> None:
    plaintexts = dict(zip(LAYOUT.labels, LAYOUT.encode(MEMBER), strict=True))
    bit = PLAN.participants.bit_length()
    assert plaintexts["N/cef#0"] == 1 << 3 * bit
    assert plaintexts["N/intensity#0"] == 1 << 2 * bit
    output, emissions = (PLAN.measure(name) for name in ("output", "emissions"))
    slots = [(5000).bit_length(), LAYOUT.classes(output) + (100).bit_length()]
    slots.append(LAYOUT.classes(output) + LAYOUT.classes(emissions))  # fuel is zero: class 0
    assert plaintexts["K/3#0"] == sum(1 << slot * bit for slot in slots)
    width = (PLAN.participants * output.bound).bit_length()
    assert plaintexts["V/3#0"] == 5000 | 100 << width
    assert plaintexts["VC/electricity#0"] == 2500
    assert plaintexts["VC/heat#0"] == 1
    others = [plaintexts[f"{kind}/{i}#0"] for kind in "KV" for i in range(8) if i != 3]
    assert others == [0] * 14
    assert not any("other" in label or "fuel" in label for label in LAYOUT.labels)


@settings(max_examples=40)
@given(plans_with_members(), st.sampled_from([512, 2048]))
def test_every_contribution_is_what_the_specification_says(drawn: Drawn, bits: int) -> None:
    plan, members = drawn
    layout = Layout(plan, bits)
    for values in members:
        plaintexts = layout.encode(values)
        assert len(plaintexts) == len(layout.labels)
        assert all(0 <= x < 2 ** (bits - 1) for x in plaintexts)
        found = {x: v for x, v in zip(layout.labels, plaintexts, strict=True) if v}
        assert found == sparse_plaintexts(plan, bits, values)


@settings(max_examples=40)
@given(plans_with_members())
def test_sums_decode_to_sums(drawn: Drawn) -> None:
    plan, members = drawn
    played = play(plan, members, 512)
    layout = played.layout
    for indicator in plan.ranked_indicators:
        opened = played.open(layout.count_labels())
        counts = layout.decode_counts(indicator.name, opened)
        bins = [layout.bins_of(values)[indicator.name] for values in members]
        assert counts == tuple(bins.count(index) for index in range(indicator.bins))
    labels = layout.cohort_class_labels()
    assert layout.decode_classes(Level.COHORT, labels, played.open(labels)) == class_histograms(
        plan, Level.COHORT, members
    )
    for measure in plan.measures_at(Level.COHORT, published=True):
        opened = played.open(layout.cohort_sum_labels(measure.name))
        expected = sum(values[measure.name] for values in members)
        assert layout.decode_cohort_sum(measure.name, opened) == expected
    ranked = plan.sums_indicator
    for first, end in ((0, layout.bins), (0, 1), (1, layout.bins)) if ranked else ():
        inside = [v for v in members if first <= layout.bins_of(v)[ranked.name] < end]
        labels = layout.class_labels(first, end)
        assert layout.decode_classes(Level.BAND, labels, played.open(labels)) == class_histograms(
            plan, Level.BAND, inside
        )
        labels = layout.sum_labels(first, end)
        assert layout.decode_sums(labels, played.open(labels)) == {
            m.name: sum(v[m.name] for v in inside)
            for m in plan.measures_at(Level.BAND, published=True)
        }


def test_everybody_at_every_bound_decodes() -> None:
    values = {m.name: m.bound for m in PLAN.measures}
    played = play(PLAN, [values] * PLAN.participants)
    labels = played.layout.sum_labels(0, 8)
    sums = played.layout.decode_sums(labels, played.open(labels))
    assert sums == {"output": 40 * 10**9, "emissions": 40 * 10**7}
    one_more = play(PLAN, [values] * (PLAN.participants + 1))
    with pytest.raises(PackingError):
        one_more.layout.decode_sums(labels, one_more.open(labels))


def test_positions_behind_an_opening_label() -> None:
    position = {label: index for index, label in enumerate(LAYOUT.labels)}
    assert LAYOUT.factors("N/cef#0") == [0]
    assert LAYOUT.factors("KC#0") == [position["KC#0"]]
    assert LAYOUT.factors("VC/heat#0") == [position["VC/heat#0"]]
    assert LAYOUT.factors("K/[2:3]#0") == [position["K/2#0"]]
    assert LAYOUT.factors("V/[5:8]#0") == [position[f"V/{i}#0"] for i in (5, 6, 7)]


@pytest.mark.parametrize(
    "label",
    [
        "",
        "X",
        "K/[03:5]#0",
        "K/[3:05]#0",
        "V/[5:3]#0",
        "V/[3:3]#0",
        "K/[0:9]#0",
        "K/[0:99]#0",
        "K/[0:100]#0",
        "K/[-1:3]#0",
        "K/[+1:3]#0",
        "K/[1:3]#00",
        "K/[1:3]#1",
        "K/[1:3]#",
        "K/[1:3]",
        "K/[1:3]#0 ",
        "K/[1:3]#0\n",
        " K/[1:3]#0",
        "K/[1: 3]#0",
        "K/[１:3]#0",
        "k/[1:3]#0",
        "K/3#0",
        "V/3#0",
        "N/[0:3]#0",
        "N/cei#0",
        "N/cef",
        "N/cef#1",
        "KC#1",
        "VC/output#0",
        "VC/other#0",
        "VC/electricity#01",
    ],
)
def test_only_canonical_opening_labels_stand_for_something(label: str) -> None:
    with pytest.raises(OpeningInconsistent):
        LAYOUT.factors(label)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"heat": None}, ContributionRefused, "the plan needs heat as an integer in MJ"),
        ({"heat": 1.0}, ContributionRefused, "heat as an integer"),
        ({"heat": True}, ContributionRefused, "heat as an integer"),
        ({"heat": np.int64(4)}, ContributionRefused, "heat as an integer"),
        ({"other": "7"}, ContributionRefused, "other as an integer in kgCO2"),
        ({"fuel": -1}, BoundExceeded, r"fuel is outside 0\.\.10000000 MJ"),
        ({"output": 10**9 + 1}, BoundExceeded, r"output is outside 0\.\.1000000000 yuan"),
        ({"emissions": 0}, ContributionRefused, "emissions is zero, so cef is not defined"),
        ({"output": 0}, ContributionRefused, "output is zero, so intensity is not defined"),
    ],
)
def test_members_that_cannot_take_part(
    change: dict[str, Any], error: type[ContributionRefused], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        LAYOUT.encode({**MEMBER, **change})
    assert caught.value.exit_code == 3
    assert str(10**9 + 1) not in str(caught.value)


def test_a_missing_measure_is_never_taken_as_zero() -> None:
    for name in MEMBER:
        rest = {key: value for key, value in MEMBER.items() if key != name}
        with pytest.raises(ContributionRefused, match=f"the plan needs {name}"):
            LAYOUT.encode(rest)


def test_a_value_below_the_minimum_is_refused() -> None:
    measures = (dataclasses.replace(PLAIN_MEASURES[0], minimum=5001), *PLAIN_MEASURES[1:])
    with pytest.raises(BoundExceeded, match=r"5001\.\."):
        Layout(plain_plan(measures=measures), 2048).encode(MEMBER)


def test_the_denominator_of_an_unranked_ratio_may_be_zero() -> None:
    """Only sums are divided: one enterprise without electricity does not undefine the cohort's."""
    assert PLAIN_INDICATORS[2].ranking is Ranking.NONE
    assert LAYOUT.encode({**MEMBER, "electricity": 0})
