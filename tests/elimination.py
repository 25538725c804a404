"""Exact linear algebra over published sums: what a reader can isolate by combining them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from fractions import Fraction
from itertools import combinations

Sets = Sequence[Collection[Hashable]]


def rank(rows: Iterable[Sequence[int]]) -> int:
    """The rank of an integer matrix, by elimination over the rationals."""
    left = [[Fraction(x) for x in row] for row in rows]
    found = 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in left[found:] if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        left.insert(found, pivot)
        for row in left[found + 1 :]:
            if row[column]:
                factor = row[column] / pivot[column]
                row[:] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
        found += 1
    return found


def isolated(sets: Sets, fewer_than: int) -> tuple[Hashable, ...]:
    """Fewer than so many items that some combination of the sets' sums is about, and nobody else.

    Empty if there are none. Items that stand in the same sets weigh the same in every combination;
    a combination is about nobody outside S if its row is zero there, so S is isolated if leaving
    the columns of S out lowers the rank.
    """
    items = sorted({item for members in sets for item in members}, key=repr)
    rows = [[int(item in members) for item in items] for members in sets]
    whole = rank(rows)
    for size in range(1, fewer_than):
        for chosen in combinations(range(len(items)), size):
            rest = [[x for i, x in enumerate(row) if i not in chosen] for row in rows]
            if rank(rest) < whole:
                return tuple(items[i] for i in chosen)
    return ()
