"""A row's category comes from its records in the table's words, or is missing with a finding."""

from __future__ import annotations

import re

import pytest

from accounting.chosen_factors import Factors
from accounting.errors import MappingError
from accounting.findings import Code, Severity
from accounting.mapping import parse_mapping
from accounting.measures import EnterpriseMeasures, Intake, compute_intake
from accounting.plants import sum_plants
from accounting.records import parse_records
from tests.accounting.test_mapping import BASE

HEADER = "id,state,power,gas,sales,branch\n"
SECTOR = BASE.replace("[factors]", 'category = { column = "branch" }\n[factors]')
NAMED = SECTOR.replace(
    "[factors]", '[categories]\n"steel works" = "metals/steel"\n"ＩＣＴ" = "ict"\n[factors]'
)


def intake(rows: str, mapping: str, plants_of: str | None = None) -> Intake:
    parsed = parse_mapping(mapping.encode(), "test.toml")
    records = parse_records((HEADER + rows).encode(), "data.csv")
    return compute_intake(records, parsed, Factors(parsed), plants_of=plants_of)


def one(branch: str, mapping: str) -> EnterpriseMeasures:
    (row,) = intake(f"a,OH,1,0,5,{branch}\n", mapping).enterprises
    return row


def test_a_mapping_without_a_category_gives_none() -> None:
    row = one("steel works", BASE)
    assert row.category is None
    assert not row.findings


def test_the_records_words_are_taken_as_they_are() -> None:
    assert one(" metals/steel ", SECTOR).category == "metals/steel"


@pytest.mark.parametrize(("branch", "leaf"), [("steel works", "metals/steel"), ("ICT", "ict")])
def test_words_are_translated_after_normalising(branch: str, leaf: str) -> None:
    assert one(branch, NAMED).category == leaf


def test_a_constant_is_a_category_too() -> None:
    mapping = BASE.replace("[factors]", 'category = { value = "food" }\n[factors]')
    assert one("", mapping).category == "food"


@pytest.mark.parametrize(
    ("branch", "mapping", "code", "message"),
    [
        ("", SECTOR, Code.MISSING, "category is blank"),
        ("steel work", NAMED, Code.UNKNOWN_CATEGORY, "did you mean steel works"),
        ("metals/steel", NAMED, Code.UNKNOWN_CATEGORY, r"not in \[categories\]"),
    ],
)
def test_an_unknown_category_is_a_finding_and_no_guess(
    branch: str, mapping: str, code: Code, message: str
) -> None:
    row = one(branch, mapping)
    assert row.category is None
    (finding,) = row.findings
    assert (finding.code, finding.column) == (code, "branch")
    assert finding.severity is Severity.WARNING
    assert re.search(message, finding.message)
    assert row.excluded is None, "a round without a table takes the row"
    assert row.integers


def test_the_column_has_to_be_there() -> None:
    with pytest.raises(MappingError, match="'trade' of the mapping is not in the file"):
        one("x", SECTOR.replace('"branch"', '"trade"'))


def test_plants_of_one_category_keep_it_and_others_have_none() -> None:
    same = intake("a,OH,1,0,5,food\na,OH,1,0,5,food\n", SECTOR, "a")
    assert sum_plants(same, "a", 2).category == "food"
    mixed = sum_plants(intake("a,OH,1,0,5,food\na,OH,1,0,5,ict\n", SECTOR, "a"), "a", 2)
    assert mixed.category is None
    assert any("different categories" in note for note in mixed.notes)
    assert mixed.excluded is None
