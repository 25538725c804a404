"""How closely a publication confines one value: two linear programmes, solved with HiGHS.

:class:`Confinement` holds the programme of a :class:`~tests.attacks.published.Publication` and of
what an insider knows (its own values), and finds the least and the largest value of a measure of
one member that fit everything.

Precision: variables are scaled by the smallest published total that they are in (else by the
plan's bound), rows by their largest coefficient, and HiGHS works to 1e-9 on both; an end of an
interval is good to about 1e-6 of that total. Assertions leave ``TOLERANCE`` of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from tests.attacks.published import Member, Publication

TOLERANCE = 1e-6
_OPTIONS = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}
_Row = tuple[dict[tuple[int, str], Fraction], Fraction]


@dataclass(frozen=True)
class Interval:
    """The values of one measure of one member that fit; ``value`` is the true one."""

    lower: float
    upper: float
    value: int
    scale: float

    def over_estimate(self) -> float:
        """By which share of the value its best upper estimate is too high: what p % is about."""
        return (self.upper - self.value) / self.value if self.value else float("inf")

    def width(self) -> float:
        """Upper minus lower, as a share of the value."""
        return (self.upper - self.lower) / self.value if self.value else float("inf")

    def wide_enough(self, percent: int) -> bool:
        """Whether the upper estimate is off by at least ``percent`` of the value."""
        room = 100 * (self.upper - self.value) - percent * self.value
        return room >= -100 * TOLERANCE * self.scale


class Confinement:
    """The linear programme of a publication, for a reader who knows some members' values."""

    def __init__(
        self, publication: Publication, members: Sequence[Member], insiders: frozenset[int]
    ) -> None:
        """:param members: everybody's true values; only those of ``insiders`` enter."""
        self.publication = publication
        self._members = members
        self._scales = _scales(publication)
        names = list(publication.limits)
        spoken_of = {i for s in publication.sums for i in s.members} | insiders
        spoken_of |= {h.member for h in publication.half_spaces}
        self._column = {
            key: number
            for number, key in enumerate((i, name) for i in sorted(spoken_of) for name in names)
        }
        known = {(i, name): members[i][name] for i in insiders for name in names}
        self._limits = [
            (known[key] / self._scales[key],) * 2
            if key in known
            else tuple(v / self._scales[key] for v in publication.limits[key[1]])
            for key in self._column
        ]
        self._equal = self._matrix(
            [
                ({(i, s.measure): Fraction(1) for i in s.members}, Fraction(s.total))
                for s in publication.sums
            ]
        )
        self._at_most = self._matrix(
            [
                ({(h.member, n): -c for n, c in h.terms}, Fraction(h.slack))
                for h in publication.half_spaces
            ]
        )

    def interval(self, member: int, measure: str) -> Interval:
        """The confinement of one value. Raises :class:`ArithmeticError` if HiGHS gives up."""
        scale = self._scales[member, measure]
        ends = [sign * self._least(member, measure, sign) * scale for sign in (1, -1)]
        return Interval(ends[0], ends[1], self._members[member][measure], scale)

    def _least(self, member: int, measure: str, sign: int) -> float:
        cost = np.zeros(len(self._column))
        cost[self._column[member, measure]] = sign
        solved = linprog(
            cost,
            A_ub=self._at_most[0],
            b_ub=self._at_most[1],
            A_eq=self._equal[0],
            b_eq=self._equal[1],
            bounds=self._limits,
            method="highs",
            options=_OPTIONS,
        )
        if solved.status != 0:
            raise ArithmeticError(f"HiGHS: {solved.message}")
        return float(solved.fun)

    def _matrix(self, rows: list[_Row]) -> tuple[csr_array | None, np.ndarray | None]:
        """Rows scaled to a largest coefficient of 1; none at all is None for scipy."""
        if not rows:
            return None, None
        places: list[tuple[int, int]] = []
        numbers: list[float] = []
        ends: list[float] = []
        for index, (terms, end) in enumerate(rows):
            scaled = {key: float(c) * self._scales[key] for key, c in terms.items()}
            most = max(abs(c) for c in scaled.values())
            for key, number in scaled.items():
                places.append((index, self._column[key]))
                numbers.append(number / most)
            ends.append(float(end) / most)
        indexes = tuple(np.array(column) for column in zip(*places, strict=True))
        shape = (len(rows), len(self._column))
        return csr_array((np.array(numbers), indexes), shape=shape), np.array(ends)


def _scales(publication: Publication) -> Mapping[tuple[int, str], float]:
    scales = {
        (i, name): float(high)
        for i in range(publication.members)
        for name, (_, high) in publication.limits.items()
    }
    for s in publication.sums:
        for i in s.members:
            scales[i, s.measure] = min(scales[i, s.measure], float(max(1, s.total)))
    return scales
