"""Strategies over bands, and targets.csv."""

from __future__ import annotations

import csv
import itertools
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator import choices, targets
from coordinator.choices import Goal, choose, ladder_of
from coordinator.documents import read_cohort
from coordinator.errors import DocumentError, GoalError, OutputError
from tests.coordinator import sample


def ladder(document: sample.Document) -> choices.Ladder:
    found = ladder_of(read_cohort(document))
    assert found is not None
    return found


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def rates(rows: list[dict[str, str]], strategy: str) -> list[Fraction]:
    return [Fraction(row["r"]) for row in rows if row["strategy"] == strategy]


def test_two_bands_by_hand() -> None:
    document = sample.document([(10, 10, 1)] * 5 + [(90, 30, 1)] * 5, least=5)
    steps = ladder(document)
    assert [(int(y), int(c)) for y, c in steps.items] == [(50, 50), (450, 150)]
    worst, all_bands = choices.opt_out_curve(steps)
    assert worst == choices.Point(Fraction(1, 4), Fraction(1000))
    assert all_bands == choices.Point(Fraction(1), Fraction(2500))
    front = choices.front_and_tail_curve(steps, Fraction(1, 2))[0]
    assert front.trr == Fraction(50 + 75, 200)
    assert front.acc == Fraction(1000 * (50 + 225), 50 + 75)


def test_goal_is_met_by_the_printed_figures(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    document = sample.region_a()
    targets.write_targets([document], path)
    rows = read(path)
    emissions = [int(band["measures"]["emissions"]["value"]) for band in document["bands"]]
    assert len(rows) == 3 * len(emissions)
    for strategy in ("opt_out", "cas1", "cas2"):
        r = rates(rows, strategy)
        cut = sum(rate * burden for rate, burden in zip(r, emissions, strict=True))
        assert cut / sum(emissions) >= Fraction(1, 10)
        if strategy != "opt_out":
            assert cut / sum(emissions) < Fraction(1, 10) + Fraction(1, 10**5)
            assert all(0 < b < a for a, b in itertools.pairwise(r))
    opt_out = rates(rows, "opt_out")
    assert set(opt_out) == {0, 1}
    assert opt_out == sorted(opt_out, reverse=True)


def test_columns_follow_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    document = sample.region_a()
    targets.write_targets([document, sample.withheld("b", "B", "fewer than 5")], path)
    assert path.read_text(encoding="utf-8").splitlines()[0] == (
        "cohort,band,lower,upper,members,share_of_cohort,strategy,r"
    )
    rows = read(path)
    first, last = rows[0], rows[len(document["bands"]) - 1]
    assert (first["cohort"], first["band"], first["lower"]) == ("region-a", "1", "")
    assert first["upper"] == document["bands"][0]["upper"]
    assert (first["members"], first["share_of_cohort"]) == ("6", "0.083333")
    assert last["upper"] == ""
    assert {row["cohort"] for row in rows} == {"region-a"}
    assert not list(tmp_path.glob("*.partial"))


def test_whole_cohort_decay_keeps_its_cost() -> None:
    steps = ladder(sample.region_a())
    chosen = {(c.strategy, c.reading): c for c in choose(steps)}
    moderate, severe = chosen["cas1", "whole_cohort"], chosen["cas2", "whole_cohort"]
    for choice, decay in ((moderate, Fraction(3, 4)), (severe, Fraction(9, 10))):
        limit = choices.whole_cohort_limit(steps, decay)
        assert abs(choice.point.acc / limit.acc - 1) < Fraction(1, 10**4)
    assert chosen["opt_out", "whole_bands"].point.acc < moderate.point.acc < severe.point.acc


def test_goal_out_of_reach_is_said() -> None:
    steps = ladder(sample.region_a())
    goal = Goal(reduction=Fraction(9, 10))
    chosen = {(c.strategy, c.reading): c for c in choose(steps, goal)}
    assert not chosen["cas1", "whole_cohort"].meets_goal
    assert chosen["cas1", "whole_cohort"].r[0] == 1
    assert chosen["opt_out", "whole_bands"].meets_goal
    assert chosen["cas2", "front_and_tail"].meets_goal


def test_one_band_has_no_strategy_and_no_target(tmp_path: Path) -> None:
    document = sample.document(sample.synthetic_members(9, 1), least=5)
    assert len(document["bands"]) == 1
    assert ladder_of(read_cohort(document)) is None
    targets.write_targets([document], tmp_path / "targets.csv")
    assert read(tmp_path / "targets.csv") == []


def test_lower_is_better_starts_at_the_last_band() -> None:
    document = sample.document([(10, 10, 1)] * 5 + [(90, 30, 1)] * 5, least=5)
    ranked = document["indicators"]["cef"]
    ranked.update(numerator="emissions", denominator="output", direction="lower", unit="kg/yuan")
    document["bands"].reverse()
    steps = ladder(document)
    assert steps.numbers == (2, 1)
    assert [(int(y), int(c)) for y, c in steps.items] == [(50, 50), (450, 150)]
    assert steps.unit == "yuan/kgCO2"
    assert choices.opt_out_curve(steps)[0] == choices.Point(Fraction(1, 4), Fraction(1))


@given(
    pairs=st.lists(
        st.tuples(st.integers(1, 10**12), st.integers(1, 10**12)), min_size=10, max_size=60
    ),
    reduction=st.fractions(Fraction(1, 1000), 1, max_denominator=1000),
)
def test_every_choice_is_in_range_and_ordered(
    pairs: list[tuple[int, int]], reduction: Fraction
) -> None:
    steps = ladder(sample.document([(y, c, 1) for y, c in pairs], least=5))
    for choice in choose(steps, Goal(reduction=reduction)):
        assert all(0 <= r <= 1 for r in choice.r)
        assert list(choice.r) == sorted(choice.r, reverse=True)
        assert choice.meets_goal == (choice.point.trr >= reduction)
        assert choice.meets_goal or choice.r[0] == 1
        assert choice.forgone * steps.scale == choice.point.acc * choice.reduced


@pytest.mark.parametrize(
    "values",
    [
        {"reduction": Fraction(0)},
        {"reduction": Fraction(11, 10)},
        {"moderate": Fraction(19, 20)},
        {"severe": Fraction(1)},
        {"moderate": Fraction(0)},
    ],
)
def test_goal_out_of_range(values: dict[str, Fraction]) -> None:
    with pytest.raises(GoalError):
        Goal(**values)


def test_bands_in_the_wrong_order_are_refused() -> None:
    document = sample.region_a()
    document["bands"].reverse()
    with pytest.raises(DocumentError, match="ascending"):
        ladder_of(read_cohort(document))


def test_cohort_without_sums_has_no_strategies() -> None:
    document = sample.region_a()
    del document["bands"][3]["measures"]["emissions"]
    assert ladder_of(read_cohort(document)) is None


def test_formula_in_a_name_is_defused(tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    document = sample.region_a()
    document["cohort"] = '=HYPERLINK("x")'
    targets.write_targets([document], path)
    assert read(path)[0]["cohort"] == '\'=HYPERLINK("x")'


def test_unwritable_path(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        targets.write_targets([sample.region_a()], tmp_path / "absent" / "targets.csv")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("n", "72", "whole number"),
        ("n", True, "whole number"),
        ("title", None, "title"),
        ("measures", {"output": {"unit": "yuan", "value": "1e9"}}, "plain decimal"),
        ("measures", {"output": {"unit": "yuan"}}, "missing"),
        ("bands", {"n": 3}, "list"),
        ("definitions", ["scope"], "object"),
    ],
)
def test_malformed_document(field: str, value: object, said: str) -> None:
    document = sample.region_a() | {field: value}
    with pytest.raises(DocumentError, match=said):
        read_cohort(document)


def test_not_a_document() -> None:
    with pytest.raises(DocumentError, match="object"):
        read_cohort([])  # type: ignore[arg-type]
