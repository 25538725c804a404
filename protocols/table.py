"""The table of a plan: public categories in a hierarchy, each leaf one section of a contribution.

A plan that publishes a table names its leaf categories in order, as paths such as
``manufacturing/chemicals``. Every prefix is an inner cell, the empty path is the total. A leaf is
handled like a bin: a member puts its classes and values into its own leaf's section, and nobody
but the member learns which leaf that is. Leaves stand in tree order, so every cell is a range of
leaves. SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from protocols.errors import ContributionRefused, PlanError
from protocols.plan_terms import MAX_BINS, check_name, check_text

SEPARATOR = "/"
MAX_PATH = 80
"""Characters; a reason for withholding may name three cells."""

MAX_DEPTH = 4
MAX_LEAVES = MAX_BINS
"""Sections of a contribution, as for bins."""


@dataclass(frozen=True)
class Cell:
    """A category and all below it: leaves ``first .. end - 1``.

    ``path`` is empty for the total. ``depth`` is the number of parts of the path. ``children`` are
    positions in :attr:`Table.cells`; a leaf has none.
    """

    path: str
    depth: int
    first: int
    end: int
    children: tuple[int, ...]

    def within(self, other: Cell) -> bool:
        """Whether all its leaves are leaves of ``other``; every cell is within itself."""
        return other.first <= self.first and self.end <= other.end

    @property
    def leaves(self) -> range:
        """The leaves it consists of."""
        return range(self.first, self.end)


@dataclass(frozen=True)
class Table:
    """What a plan tabulates by: ``name`` of the classification, ``leaves`` in tree order.

    :raises PlanError: leaves that are repeated, out of tree order, a part of another leaf, deeper
        than four parts, or an inner category with a single part.
    """

    name: str
    leaves: tuple[str, ...]

    def __post_init__(self) -> None:
        check_name("table", self.name)
        if not 2 <= len(self.leaves) <= MAX_LEAVES:
            raise PlanError(f"table {self.name!r}: list 2 to {MAX_LEAVES} leaf categories")
        for leaf in self.leaves:
            _check_path(self.name, leaf)
        _ = self.cells

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell, each before its parts, the total first."""
        parts = [tuple(leaf.split(SEPARATOR)) for leaf in self.leaves]
        cells: list[Cell] = []
        _grow(self.name, parts, 0, 0, cells)
        return tuple(cells)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {leaf: place for place, leaf in enumerate(self.leaves)}

    def leaf_of(self, category: str | None) -> int:
        """The place of a member's category. Run on the private side only.

        :raises ContributionRefused: none is known, or it is no leaf: it is never guessed. The text
            does not hold the category, which is as private as a value.
        """
        if category is None:
            raise ContributionRefused(
                f"the plan's table needs the enterprise's {self.name}, and its records give none: "
                "name the column with [enterprise] category in the mapping"
            )
        place = self._places.get(category)
        if place is None:
            raise ContributionRefused(
                f"the enterprise's {self.name} is no leaf of the plan's table: correct the records "
                "or the mapping's [categories], or ask the coordinator to add a leaf for it"
            )
        return place


def runs(leaves: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Ascending ranges ``(first, end)`` that together are ``leaves``, as few as there can be."""
    found: list[tuple[int, int]] = []
    for leaf in sorted(set(leaves)):
        if found and found[-1][1] == leaf:
            found[-1] = (found[-1][0], leaf + 1)
        else:
            found.append((leaf, leaf + 1))
    return tuple(found)


def _check_path(table: str, leaf: str) -> None:
    what = f"table {table!r}, leaf {str(leaf)[:MAX_PATH]!r}"
    check_text(what, leaf, MAX_PATH)
    parts = leaf.split(SEPARATOR)
    if len(parts) > MAX_DEPTH:
        raise PlanError(f"{what}: a path has at most {MAX_DEPTH} parts")
    for part in parts:
        check_text(f"{what}, part {part!r}", part, MAX_PATH)


def _grow(
    table: str, parts: Sequence[tuple[str, ...]], start: int, depth: int, cells: list[Cell]
) -> int:
    """Add the cell of leaves ``start ..`` whose paths agree in ``depth`` parts; its position."""
    path = SEPARATOR.join(parts[0][:depth])
    position = len(cells)
    if len(parts) == 1 and len(parts[0]) == depth:
        cells.append(Cell(path, depth, start, start + 1, ()))
        return position
    if any(len(one) == depth for one in parts):
        raise PlanError(f"table {table!r}: {path!r} is listed twice, or is a leaf and has parts")
    cells.append(Cell(path, depth, start, start + len(parts), ()))
    groups = [list(same) for _, same in groupby(parts, key=lambda one: one[depth])]
    names = [same[0][depth] for same in groups]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise PlanError(f"table {table!r}: list the leaves of {twice!r} one after the other")
    children, place = [], start
    for below in groups:
        children.append(_grow(table, below, place, depth + 1, cells))
        place += len(below)
    if len(children) == 1:
        only = path or "the total"
        raise PlanError(f"table {table!r}: {only!r} has a single part: drop that level")
    cells[position] = Cell(path, depth, start, place, tuple(children))
    return position
