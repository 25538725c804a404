"""A table is a tree of ranges; every other list of leaves is refused with what to change."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import ContributionRefused, PlanError
from protocols.table import MAX_LEAVES, Cell, Table, runs
from tests.tables import tables

TREE = Table(
    "sector",
    ("metals/steel", "metals/other", "food", "textiles/a/1", "textiles/a/2", "textiles/b"),
)


def test_cells_come_before_their_parts_and_are_ranges_of_leaves() -> None:
    assert TREE.cells == (
        Cell("", 0, 0, 6, (1, 4, 5)),
        Cell("metals", 1, 0, 2, (2, 3)),
        Cell("metals/steel", 2, 0, 1, ()),
        Cell("metals/other", 2, 1, 2, ()),
        Cell("food", 1, 2, 3, ()),
        Cell("textiles", 1, 3, 6, (6, 9)),
        Cell("textiles/a", 2, 3, 5, (7, 8)),
        Cell("textiles/a/1", 3, 3, 4, ()),
        Cell("textiles/a/2", 3, 4, 5, ()),
        Cell("textiles/b", 2, 5, 6, ()),
    )


@given(tables)
def test_children_part_their_cell_from_first_to_end(table: Table) -> None:
    for cell in table.cells:
        held = [leaf for child in cell.children for leaf in table.cells[child].leaves]
        assert held == (list(cell.leaves) if cell.children else [])
        assert all(table.cells[child].within(cell) for child in cell.children)
    leaves = [cell.path for cell in table.cells if not cell.children]
    assert tuple(leaves) == table.leaves


@pytest.mark.parametrize(
    ("leaves", "message"),
    [
        (("a",), "2 to 64 leaf"),
        (tuple(f"s{i}" for i in range(MAX_LEAVES + 1)), "2 to 64 leaf"),
        (("a", "a"), "listed twice"),
        (("a", "a/x"), "is a leaf and has parts"),
        (("a/x", "b", "a/y"), "one after the other"),
        (("a/x", "b"), "single part"),
        (("a/x", "a/y"), "single part"),
        (("a/b/c/d/e", "f"), "at most 4 parts"),
        (("a//x", "b"), "text is needed"),
        (("a/ x", "b"), "without blanks"),
        (("", "b"), "text is needed"),
        (("a" * 81, "b"), "at most 80"),
        (("a\u202eb", "c"), "printable"),
        ((1, "b"), "text is needed"),
    ],
)
def test_leaves_that_are_no_tree_are_refused(leaves: tuple[str, ...], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        Table("sector", leaves)


def test_the_name_is_a_plain_one() -> None:
    with pytest.raises(PlanError, match="use 1 to 40"):
        Table("Sector of industry", ("a", "b"))


def test_a_category_is_found_or_refused_and_never_told() -> None:
    assert TREE.leaf_of("food") == 2
    for category in ("metals", "Food", "secret sector", ""):
        with pytest.raises(ContributionRefused, match="no leaf of the plan's table") as caught:
            TREE.leaf_of(category)
        assert not category or category not in str(caught.value)
    with pytest.raises(ContributionRefused, match="records give none"):
        TREE.leaf_of(None)


@given(st.lists(st.integers(0, 63), max_size=64))
def test_runs_are_the_fewest_ranges(leaves: Sequence[int]) -> None:
    found = runs(leaves)
    assert [leaf for first, end in found for leaf in range(first, end)] == sorted(set(leaves))
    assert all(a[1] < b[0] for a, b in pairwise(found))
