"""Tables in the report: what is withheld, why, and how much is still covered."""

from __future__ import annotations

import copy
import json
import re
from fractions import Fraction
from typing import Any

import pytest

from coordinator import coverage
from coordinator.coverage import Covered
from coordinator.documents import read_cohort
from coordinator.errors import DocumentError
from coordinator.report import render_report
from coordinator.texts import Texts
from tests.coordinator import sample
from tests.plain_round import play
from tests.tables import table_members, table_plan

HOSTILE = "<script>alert(1)</script>"


def document() -> dict[str, Any]:
    """What a round of the tables' example publishes; "food" and "textiles" are withheld."""
    members, leaves = table_members()
    found: dict[str, Any] = json.loads(
        json.dumps(play(table_plan(), members, categories=leaves).document)
    )
    return found


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_coverage_of_leaves_is_counted_by_hand() -> None:
    found = coverage.of_cohort(read_cohort(document()))
    assert found.cells == Covered(2, 4)
    assert found.members == Covered(15, 22)
    steel, other = sum(range(1000, 1700, 100)), sum(range(2000, 2800, 100))
    whole = steel + other + 500 + sum(range(900, 1500, 100))
    assert whole == 35_300
    assert found.measures["emissions"].share == Fraction(steel + other, whole)
    assert found.measures["output"].share == Fraction(steel + other, whole)


def test_levels_count_shallow_leaves_too() -> None:
    cohort = read_cohort(document())
    first, second = coverage.levels(cohort)
    assert [cell.path for cell in first] == ["metals", "food", "textiles"]
    assert [cell.path for cell in second] == ["metals/steel", "metals/other", "food", "textiles"]
    assert coverage.of_cells(cohort, first).cells == Covered(1, 3)


def test_an_empty_cell_is_neither_covered_nor_lost() -> None:
    members, leaves = table_members()
    moved = ["textiles" if leaf == "food" else leaf for leaf in leaves]
    cohort = read_cohort(play(table_plan(), members, categories=moved).document)
    assert coverage.of_cohort(cohort).cells == Covered(3, 3)
    assert coverage.of_cohort(cohort).members.share == 1


def test_bands_cover_their_cohort_and_a_withheld_one_nothing() -> None:
    banded = read_cohort(sample.document(sample.members_of(sample.REGION_A)))
    found = coverage.of_cohort(banded)
    assert found.members.share == 1
    assert found.measures["emissions"].share == 1
    gone = {"cohort": "c", "title": "t", "n": 12, "withheld": "because", "measures": {}}
    assert coverage.of_cohort(read_cohort(gone)) == coverage.Coverage(
        Covered(0, 1), Covered(0, 12), {}
    )


def test_a_single_band_covers_nothing_below_the_total() -> None:
    one = read_cohort(sample.document(sample.synthetic_members(9, 1), least=5))
    assert one.totals_only
    found = coverage.of_cohort(one)
    assert found.cells == Covered(0, 1)
    assert found.members == Covered(0, 9)
    assert found.measures["output"].share == 0


def test_a_withheld_cohorts_total_cannot_be_worked_out() -> None:
    banded = read_cohort(sample.document(sample.members_of(sample.REGION_A)))
    gone = read_cohort({"cohort": "c", "title": "t", "n": None, "withheld": "w", "measures": {}})
    published, found = coverage.together([banded, gone])
    assert published == Covered(1, 2)
    assert found.members == Covered(72, 76, at_most=True)
    # Of published totals: the withheld one is in no whole.
    total = coverage.of_cohort(banded).measures["emissions"].whole
    assert found.measures["emissions"] == Covered(total or 0, total)
    assert found.measures["output"].share == 1
    sized = read_cohort({"cohort": "d", "title": "t", "n": 8, "withheld": "w", "measures": {}})
    assert coverage.together([banded, sized])[1].members == Covered(72, 80)

    gone_too = sample.withheld("b", "B", "fewer than 5 enterprises took part")
    page = render_report(
        [sample.region_a(), gone_too], run={}, extras={"b": {"total output": "1234567"}}
    )
    english = text_of(page.split('id="edition-zh"')[0]).replace("\u202f", " ")
    assert "72 / at most 76" in english
    assert "at least 94.7 %" in english
    assert "1234567" not in page
    left = english.split("How much is still published")[1].split("A cohort counts by")[0]
    assert "Output value, of the published cohorts – 100 %" in " ".join(left.split())


def test_the_page_shows_cells_reasons_and_the_loss_in_both_languages() -> None:
    page = render_report([document()], run={})
    english = text_of(page.split('id="edition-zh"')[0])
    assert "Totals by cell: Sector" in english
    assert "Fewer than 5 enterprises" in english
    assert "Withheld so that &#x27;food&#x27; cannot be found by subtraction" in english
    assert "cell: textiles" in english
    assert "68.2 %" in english
    assert "2 / 4" in english
    chinese = text_of(page.split('id="edition-zh"')[1])
    assert "分类合计：行业" in chinese
    assert "为避免通过相减得出“food”而不公布" in chinese
    assert "原文" not in chinese


def test_a_table_shows_no_strategies_and_no_missing_ranking() -> None:
    english = text_of(render_report([document()], run={}).split('id="edition-zh"')[0])
    assert "Strategies for a reduction" not in english
    assert "No strategies" not in english
    assert "not ranked in the cohort" not in english


def test_a_path_is_somebody_elses_text() -> None:
    changed = document()
    changed["table"][1]["path"] = HOSTILE
    changed["table"][4]["withheld"] = HOSTILE
    assert HOSTILE not in render_report([changed], run={})


@pytest.mark.parametrize(
    "cell",
    [
        {"n": 5, "withheld": "because"},
        {"n": None, "withheld": None},
        {"n": -1, "withheld": None},
        {"n": "5", "withheld": None},
        {"path": 7},
    ],
)
def test_a_cell_that_departs_from_the_schema_is_refused(cell: dict[str, Any]) -> None:
    changed = copy.deepcopy(document())
    changed["table"][1] |= cell
    with pytest.raises(DocumentError, match="table 2"):
        read_cohort(changed)


def test_an_empty_cell_says_so() -> None:
    members, leaves = table_members()
    moved = ["textiles" if leaf == "food" else leaf for leaf in leaves]
    page = render_report([play(table_plan(), members, categories=moved).document], run={})
    assert "no enterprise took part" in page


@pytest.mark.parametrize(
    ("reason", "chinese"),
    [
        ("fewer than 5 enterprises", "少于 5 家企业"),
        ("withheld so that 'a', 'b' and 2 more cannot be found by subtraction", "避免通过相减"),
        ("even as one cell: one enterprise dominates output: x than 10 % of the largest", "主导"),
    ],
)
def test_reasons_of_cells_are_translated(reason: str, chinese: str) -> None:
    found = Texts("zh").reason(reason)
    assert chinese in found
    assert "原文" not in found
