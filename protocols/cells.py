"""What a certificate says about the cells of a table, and what follows from it for a reader.

Coordinator, trustees, nodes and verifiers run these functions on a certificate; which cells are
published is decided in :mod:`protocols.suppression`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from protocols.errors import OpeningInconsistent
from protocols.table import Table


@dataclass(frozen=True)
class Decided:
    """What becomes of one cell: ``members`` is 0 and ``withheld`` the reason if it is withheld.

    A cell with no reason and no members is empty, and published as such.
    """

    members: int
    withheld: str = ""


def owners_of(table: Table, published: Collection[int]) -> list[int | None]:
    """For each cell the nearest published cell above it, itself not counted."""
    owners: list[int | None] = [None] * len(table.cells)
    for position, cell in enumerate(table.cells):
        for child in cell.children:
            owners[child] = position if position in published else owners[position]
    return owners


def subtract(
    table: Table, published: Collection[int], leaves: Sequence[frozenset[int]]
) -> dict[int, frozenset[int]]:
    """By published cell, what is left of its ``leaves`` after the published cells below it."""
    left = {position: leaves[position] for position in sorted(published)}
    owners = owners_of(table, published)
    for position in left:
        owner = owners[position]
        if owner is not None:
            left[owner] -= leaves[position]
    return left


def atoms_of(table: Table, decided: Sequence[Decided]) -> dict[int, tuple[int, ...]]:
    """What a reader can isolate: by published cell its leaves that no published cell below holds.

    Cells without such leaves are left out, and so are leaves that are published as empty. These
    are what is opened: sums of cells are added up from them.

    :returns: ascending leaves by ascending position in ``table.cells``.
    """
    empty = _empty_leaves(table, decided)
    published = [position for position, one in enumerate(decided) if one.members]
    atoms = subtract(table, published, [frozenset(cell.leaves) - empty for cell in table.cells])
    return {position: tuple(sorted(atom)) for position, atom in atoms.items() if atom}


def atom_members(table: Table, decided: Sequence[Decided]) -> dict[int, int]:
    """How many members each atom of :func:`atoms_of` has, by the same positions."""
    return {p: _left(table, decided, p) for p in atoms_of(table, decided)}


def check_cells(
    table: Table, decided: Sequence[Decided], members: int, minimum_cohort: int
) -> None:
    """Whether every published count, and all that follows from them, is 0 or at least k.

    :param members: how many took part, which everybody sees in the transcript.
    :raises OpeningInconsistent: no decision of the policy has this form.
    """
    if len(decided) != len(table.cells):
        raise OpeningInconsistent("the certificate does not decide exactly the table's cells")
    if any(one.withheld and one.members for one in decided):
        raise OpeningInconsistent("the certificate counts members of a cell that it withholds")
    if not decided[0].members:
        raise OpeningInconsistent(
            "the certificate publishes cells of a table without its total; later rounds could fill "
            "in what is missing"
        )
    atoms = atoms_of(table, decided)
    for position, cell in enumerate(table.cells):
        if decided[position].withheld:
            continue
        rest = _left(table, decided, position)
        if (rest == 0) != (position not in atoms):
            raise OpeningInconsistent(
                f"cell {cell.path!r} does not add up with the cells inside it"
            )
        if rest and rest < minimum_cohort:
            raise OpeningInconsistent(
                f"cell {cell.path!r}, less those inside it, has fewer than {minimum_cohort} members"
            )
    if decided[0].members != members:
        raise OpeningInconsistent("the table's cells do not add up to the members who took part")


def _empty_leaves(table: Table, decided: Sequence[Decided]) -> frozenset[int]:
    return frozenset(
        leaf
        for cell, one in zip(table.cells, decided, strict=True)
        if not one.withheld and not one.members
        for leaf in cell.leaves
    )


def _left(table: Table, decided: Sequence[Decided], position: int) -> int:
    """Members of a published cell that no published cell below it holds."""
    below = (decided[p].members for p in _outermost_below(table, decided, position))
    return decided[position].members - sum(below)


def _outermost_below(table: Table, decided: Sequence[Decided], position: int) -> Iterator[int]:
    for child in table.cells[position].children:
        if decided[child].withheld:
            yield from _outermost_below(table, decided, child)
        else:
            yield child
