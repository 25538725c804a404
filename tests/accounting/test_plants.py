"""Several plants of one enterprise: summed exactly, rounded once, and never in part."""

from __future__ import annotations

import pytest

from accounting.chosen_factors import Factors
from accounting.errors import RecordsError
from accounting.mapping import parse_mapping
from accounting.measures import Intake, compute_intake
from accounting.plants import sum_plants
from accounting.records import parse_records
from tests.accounting.test_mapping import BASE

HEADER = "id,state,power,gas,sales\n"


def intake(rows: str, plants_of: str | None = "a", mapping: str = BASE) -> Intake:
    parsed = parse_mapping(mapping.encode(), "test.toml")
    records = parse_records((HEADER + rows).encode(), "data.csv")
    return compute_intake(records, parsed, Factors(parsed), plants_of=plants_of)


def test_exact_values_are_summed_and_the_sum_is_rounded_once() -> None:
    rows = "a,OH,1,0,5\nb,OH,7,7,7\na,OH,1,0,5\na,OH,1,0,5\n"
    read = intake(rows)
    parts = [row.values["emissions"] for row in read.enterprises if row.enterprise == "a"]
    total = sum_plants(read, "a", 3)
    assert total.values["emissions"].exact == sum(part.exact for part in parts)
    assert total.integers["emissions"] == round(sum(part.exact for part in parts))
    assert (total.integers["emissions"], [part.integer for part in parts]) == (1, [0, 0, 0])
    assert total.values["emissions"].unit == parts[0].unit
    assert total.excluded is None
    assert "rows 2, 4, 5" in total.notes[0]
    assert [e.enterprise for e in read.included] == ["a", "b", "a", "a"]


def test_memos_are_summed() -> None:
    read = intake("a,OH,1000,10,5\na,OH,500,5,5\n")
    one, two = read.enterprises
    total = sum_plants(read, "a", 2)
    assert total.memo == {name: one.memo[name] + two.memo[name] for name in one.memo}
    assert total.memo


def test_one_plants_finding_excludes_the_enterprise_and_is_shown() -> None:
    total = sum_plants(intake("a,OH,1000,10,5\na,OH,,10,5\n"), "a", 2)
    assert total.values == {}
    assert total.memo == {}
    assert total.excluded is not None
    assert "row 3" in total.excluded
    assert "no value" in total.excluded
    assert [finding.row for finding in total.findings] == [3]


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_plants_than_was_said(count: int) -> None:
    with pytest.raises(RecordsError, match=r"are 2 \(rows: 2, 3\)"):
        sum_plants(intake("a,OH,1000,10,5\na,OH,1,1,5\n"), "a", count)


def test_an_enterprise_that_is_not_there() -> None:
    with pytest.raises(RecordsError, match="are 0"):
        sum_plants(intake("b,OH,1000,10,5\n"), "a", 2)


def test_several_rows_of_anybody_else_stay_a_finding() -> None:
    read = intake("a,OH,1,1,1\na,OH,1,1,1\nb,OH,1,1,1\nb,OH,1,1,1\n")
    assert [e.enterprise for e in read.excluded] == ["b", "b"]
    nobody = intake("a,OH,1,1,1\na,OH,1,1,1\n", plants_of=None)
    assert [e.enterprise for e in nobody.excluded] == ["a", "a"]


def test_plants_of_different_cohorts_are_no_one_member() -> None:
    mapping = BASE.replace('cohort = { value = "c" }', 'cohort = { column = "state" }')
    assert mapping != BASE
    total = sum_plants(intake("a,OH,1,1,1\na,NY,1,1,1\n", mapping=mapping), "a", 2)
    assert total.excluded is not None
    assert "different cohorts: NY, OH" in total.excluded
    assert total.values == {}
