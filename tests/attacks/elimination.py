"""Linear combinations of published totals, by exact rational elimination.

A published total is the sum of some items' values. A reader may combine totals with any
coefficients; what it can say about a set of items *alone* are the combinations whose coefficients
vanish on all other items. Items that stand in exactly the same totals always have the same
coefficient: they form an atom, and every combination is about whole atoms.

Nothing is imported from the code under test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from fractions import Fraction
from itertools import chain, combinations
from typing import TypeVar

T = TypeVar("T", bound=Hashable)
"""An item."""

Matrix = list[list[Fraction]]


def atoms(totals: Sequence[frozenset[T]]) -> list[frozenset[T]]:
    """The items of all totals, grouped by the totals that they stand in."""
    groups: defaultdict[tuple[bool, ...], set[T]] = defaultdict(set)
    for item in frozenset[T]().union(*totals):
        groups[tuple(item in total for total in totals)].add(item)
    return [frozenset(groups[signature]) for signature in sorted(groups)]


def isolating(totals: Sequence[frozenset[T]], target: Iterable[T]) -> list[Fraction] | None:
    """Coefficients with which the totals add up to the sum of exactly ``target``, or None."""
    wanted = frozenset(target)
    cells = atoms(totals)
    if not all(cell <= wanted or not cell & wanted for cell in cells) or not wanted:
        return None
    if not wanted <= frozenset[T]().union(*cells):
        return None
    # One equation an atom: the coefficients of the totals that it stands in add up to 1 or 0.
    rows = [
        [Fraction(cell <= total) for total in totals] + [Fraction(cell <= wanted)] for cell in cells
    ]
    return _solve(rows, len(totals))


def exposed(
    totals: Sequence[frozenset[T]], unsafe: Callable[[frozenset[T]], bool]
) -> frozenset[T] | None:
    """A set of items that ``unsafe`` rejects and some combination is about alone; None if none.

    Every union of atoms is tried, so keep it below about fifteen atoms. The coefficients need not
    be equal inside the set: a weighted sum of two firms is about two firms.
    """
    cells = atoms(totals)
    matrix = [[Fraction(cell <= total) for cell in cells] for total in totals]
    whole = rank(matrix)
    indexes = range(len(cells))
    for chosen in chain.from_iterable(combinations(indexes, n) for n in range(1, len(cells) + 1)):
        union = frozenset[T]().union(*(cells[i] for i in chosen))
        if not unsafe(union):
            continue
        outside = [[row[i] for i in indexes if i not in chosen] for row in matrix]
        # Some combination vanishes outside the union, but not everywhere.
        if rank(outside) < whole:
            return union
    return None


def fewer_than(k: int) -> Callable[[frozenset[Hashable]], bool]:
    """The rule that 1 to k - 1 items are too few."""
    return lambda items: 0 < len(items) < k


def rank(matrix: Matrix) -> int:
    """The rank, by elimination over the rationals."""
    return len(_eliminate([list(row) for row in matrix])[1])


def _solve(rows: Matrix, unknowns: int) -> list[Fraction] | None:
    """One solution of ``rows`` (coefficients, then the right side), free unknowns at zero."""
    reduced, pivots = _eliminate([list(row) for row in rows])
    if unknowns in pivots:
        return None
    solution = [Fraction(0)] * unknowns
    for row, pivot in enumerate(pivots):
        solution[pivot] = reduced[row][unknowns]
    return solution


def _eliminate(rows: Matrix) -> tuple[Matrix, list[int]]:
    """Reduced row echelon form, and its pivot columns."""
    pivots: list[int] = []
    for column in range(len(rows[0]) if rows else 0):
        place = len(pivots)
        found = next((i for i in range(place, len(rows)) if rows[i][column]), None)
        if found is None:
            continue
        rows[place], rows[found] = rows[found], rows[place]
        lead = rows[place][column]
        rows[place] = [number / lead for number in rows[place]]
        for i, row in enumerate(rows):
            if i != place and row[column]:
                factor = row[column]
                rows[i] = [a - factor * b for a, b in zip(row, rows[place], strict=True)]
        pivots.append(column)
    return rows, pivots
