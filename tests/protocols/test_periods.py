"""How periods lie to each other, by their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.periods import Relation, follows, relation

NAMES = ("2025", "2025-H1", "2025-Q4", "2025-03", "2010-2019", "2026", "FY2025", "", "2025-13")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("2025", "2025", Relation.OVERLAPPING),
        ("2025", "2025-Q2", Relation.OVERLAPPING),
        ("2025-H1", "2025-06", Relation.OVERLAPPING),
        ("2010-2019", "2015", Relation.OVERLAPPING),
        ("2025", "2026", Relation.CONSECUTIVE),
        ("2025-H1", "2025-H2", Relation.CONSECUTIVE),
        ("2025-Q1", "2026-Q1", Relation.CONSECUTIVE),
        ("2025-01", "2026-01", Relation.CONSECUTIVE),
        ("2025-01", "2026-02", Relation.APART),
        ("2025-Q1", "2026-Q2", Relation.APART),
        ("2025", "2027", Relation.APART),
        ("2010-2019", "2021", Relation.APART),
        ("2019", "2019-2019", Relation.OVERLAPPING),
    ],
)
def test_relations(first: str, second: str, expected: Relation) -> None:
    assert relation(first, second) is expected
    assert relation(second, first) is expected


@pytest.mark.parametrize("name", ["FY2025", "", "2025-13", "2025-Q5", "2019-2010", "२०२५", " 2025"])
def test_a_name_that_says_nothing_overlaps_with_everything(name: str) -> None:
    """Another name must not be a way around the ledger."""
    assert all(relation(name, other) is Relation.OVERLAPPING for other in NAMES)


@given(st.integers(1900, 2100), st.integers(1, 12), st.integers(1900, 2100), st.integers(1, 12))
def test_months_against_arithmetic(year: int, month: int, other_year: int, other: int) -> None:
    distance = abs((12 * year + month) - (12 * other_year + other))
    expected = Relation.APART
    if distance <= 12:
        expected = Relation.CONSECUTIVE if distance else Relation.OVERLAPPING
    assert relation(f"{year}-{month:02d}", f"{other_year}-{other:02d}") is expected


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_a_period_follows_what_ended_before_it(first: str, second: str) -> None:
    assert not (follows(first, second) and follows(second, first))
    if follows(first, second):
        assert relation(first, second) is not Relation.OVERLAPPING


def test_which_periods_follow() -> None:
    assert follows("2026", "2025")
    assert follows("2025-Q2", "2025-Q1")
    assert follows("2030-01", "2010-2019")
    assert not follows("2025", "2026")
    assert not follows("2025-Q1", "2025")
    assert not follows("FY2026", "2025")
