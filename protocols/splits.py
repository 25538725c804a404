"""The measures of a plan as sums of leaves, and what a reader of some of them can tell apart.

Linear algebra for the plan linter, which says what it is for (:mod:`protocols.plan_lint`). All of
it is exact and small: :data:`protocols.relations.MAX_PARTS` bounds it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from protocols.plan_terms import Level, Measure
from protocols.relations import Relation

Weights = Mapping[str, Fraction]
"""Leaves with positive factors: what a measure, or an atom, is the sum of."""

Plane = frozenset[tuple[str, Fraction, Fraction]]
"""What two measures span, in a form that is the same for every two that span it: of each leaf the
coordinates in the reduced basis."""


class Splits:
    """The leaves of every measure, under one reading of omitted factors.

    ``factors_known``: a part whose factor is omitted has a factor all the same, which the reader
    knows and the linter does not. Otherwise what the part adds to the total is a leaf of its own,
    without size classes. The relations name known measures and have no cycle.
    """

    def __init__(
        self, measures: Sequence[Measure], relations: Sequence[Relation], *, factors_known: bool
    ) -> None:
        self.measures = {measure.name: measure for measure in measures}
        self._factors_known = factors_known
        self._relations: dict[str, list[Relation]] = {}
        for relation in relations:
            self._relations.setdefault(relation.total, []).append(relation)
        self.leaves: dict[str, Weights] = {}
        for name in self.measures:
            self._leaves_of(name)

    def alternatives(self) -> Iterable[tuple[Relation, Weights, Relation, Weights]]:
        """Pairs of relations that split one total, each with its leaves."""
        for first, *others in self._relations.values():
            for other in others:
                yield first, self._sum(first), other, self._sum(other)

    def rows(self, *, cohort: bool) -> list[str]:
        """The measures published in a band (or cell), or for the cohort; in plan order."""
        return [
            m.name
            for m in self.measures.values()
            if m.published and (cohort or m.level is Level.BAND)
        ]

    def classed(self, *, cohort: bool) -> list[str]:
        """The measures whose size classes are opened for a band, or for the cohort."""
        return [m.name for m in self.measures.values() if cohort or m.level is Level.BAND]

    def atoms(self, rows: Sequence[str]) -> list[Weights]:
        """What a reader of ``rows`` can tell apart.

        Leaves that occur in the rows in one proportion only are one atom, up to its scale.
        """
        groups: dict[tuple[tuple[str, Fraction], ...], dict[str, Fraction]] = {}
        for leaf in dict.fromkeys(leaf for row in rows for leaf in self.leaves[row]):
            column = [(row, self.leaves[row][leaf]) for row in rows if leaf in self.leaves[row]]
            scale = column[0][1]
            proportion = tuple((row, weight / scale) for row, weight in column)
            groups.setdefault(proportion, {})[leaf] = scale
        return list(groups.values())

    def cover(self, atom: Weights, classed: Iterable[str]) -> tuple[list[str], Weights]:
        """Measures with classes that add up to the atom, up to scale, and leaves that none covers.

        Larger ones are tried first. Where measures nest, as those of declared splits do, no other
        order finds more; where they do not, a cover may be missed, never invented.
        """
        left, used = dict(atom), []
        for name in sorted(classed, key=lambda name: -len(self.leaves[name])):
            leaves = self.leaves[name]
            if not leaves.keys() <= left.keys():
                continue
            if len({weight / left[leaf] for leaf, weight in leaves.items()}) == 1:
                used.append(name)
                left = {leaf: weight for leaf, weight in left.items() if leaf not in leaves}
        return used, left

    def cohort_covers(self) -> list[str]:
        """The measures that cover the atoms of the cohort, in plan order."""
        classed = self.classed(cohort=True)
        covers = [self.cover(atom, classed)[0] for atom in self.atoms(self.rows(cohort=True))]
        chosen = {name for cover in covers for name in cover}
        return [name for name in self.measures if name in chosen]

    def meeting(self, leaves: Iterable[str], rows: Iterable[str]) -> list[str]:
        """Those of ``rows`` that hold one of the leaves."""
        wanted = set(leaves)
        return [row for row in rows if not wanted.isdisjoint(self.leaves[row])]

    def plane(self, first: str, second: str) -> Plane:
        """All combinations of two measures.

        Whoever knows the ratio of two figures knows the ratio of any two combinations of them, in
        the same order of members or in the reverse.
        """
        rows = [dict(self.leaves[first]), dict(self.leaves[second])]
        leaves = sorted(rows[0].keys() | rows[1].keys())
        basis: list[dict[str, Fraction]] = []
        for leaf in leaves:  # the reduced row echelon form, which is unique
            pivot = next((row for row in rows if row.get(leaf)), None)
            if pivot is None:
                continue
            rows.remove(pivot)
            unit = _scaled(pivot, 1 / pivot[leaf])
            rows = [_less(row, unit, leaf) for row in rows]
            basis = [*(_less(row, unit, leaf) for row in basis), unit]
        zero = Fraction(0)
        columns = [[row.get(leaf, zero) for row in basis] for leaf in leaves]
        return frozenset(
            (leaf, column[0], column[1] if len(column) > 1 else zero)
            for leaf, column in zip(leaves, columns, strict=True)
        )

    def _leaves_of(self, name: str) -> Weights:
        if name not in self.leaves:
            relations = self._relations.get(name)
            self.leaves[name] = self._sum(relations[0]) if relations else {name: Fraction(1)}
        return self.leaves[name]

    def _sum(self, relation: Relation) -> Weights:
        total: dict[str, Fraction] = {}

        def add(leaves: Weights, factor: Fraction) -> None:
            for leaf, weight in leaves.items():
                total[leaf] = total.get(leaf, Fraction(0)) + factor * weight

        whole = Fraction(1)
        # Leaves that are no measures have blanks in their names, which no measure has.
        for part in relation.parts:
            if part.factor is not None:
                add(self._leaves_of(part.measure), part.factor)
            elif self._factors_known:
                add(self._leaves_of(part.measure), _any_factor(relation.total, part.measure))
            else:
                add({f"what {part.measure} adds to {relation.total}": whole}, whole)
        if relation.remainder:
            add(self._leaves_of(relation.remainder), whole)
        elif not relation.complete:
            add({f"the rest of {relation.total}": whole}, whole)
        return total


def _scaled(row: Weights, factor: Fraction) -> dict[str, Fraction]:
    return {leaf: factor * weight for leaf, weight in row.items()}


def _less(row: Weights, unit: Weights, leaf: str) -> dict[str, Fraction]:
    """``row`` less as much of ``unit``, which has 1 there, as leaves nothing at ``leaf``."""
    factor = row.get(leaf, Fraction(0))
    left = dict(row)
    for name, weight in unit.items():
        left[name] = left.get(name, Fraction(0)) - factor * weight
    return left


def _any_factor(total: str, part: str) -> Fraction:
    """A number that no factors of a plan combine to: it stands for one that the linter lacks."""
    digest = hashlib.shake_256(f"{total} {part}".encode()).digest(64)
    return Fraction(1 + int.from_bytes(digest))
