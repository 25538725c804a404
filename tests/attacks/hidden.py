"""A ranking by counts as it is published: how many are in each band, and not who.

Which member is in which band is then unknown too, and the programme gets a 0-1 variable for each
pair: exactly one band a member, as many members as each band has. HiGHS solves it by branch and
bound, so keep it to some dozen members. Its tolerance on the 0-1 variables is 1e-6, and an end of
an interval is good to about 1e-4 of the total it is taken from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import block_array, csr_array

from protocols.certificate import BandCertificate
from protocols.plan import Indicator
from tests.attacks.confinement import Confinement
from tests.attacks.published import Member, Publication

_Term = tuple[int, float]


@dataclass(frozen=True)
class CountedBand:
    """``lower <= N/D < upper`` holds for exactly ``count`` members; None at an open end."""

    lower: Fraction | None
    upper: Fraction | None
    count: int


@dataclass(frozen=True)
class CountedRanking:
    """All bands of one ranking by counts."""

    numerator: str
    denominator: str
    bands: tuple[CountedBand, ...]


def counted(indicator: Indicator, certificate: BandCertificate) -> CountedRanking:
    """What a release under ``certificate`` says of a ranking by counts."""
    edges = (None, *indicator.edges, None)
    return CountedRanking(
        indicator.numerator,
        indicator.denominator,
        tuple(
            CountedBand(edges[band.first], edges[band.end], band.members)
            for band in certificate.ranking(indicator.name)
        ),
    )


class HiddenBands(Confinement):
    """A :class:`Confinement` with one more ranking, of which only the counts are known."""

    def __init__(
        self,
        publication: Publication,
        members: Sequence[Member],
        insiders: frozenset[int],
        ranking: CountedRanking,
    ) -> None:
        """:param publication: about all members, none left out."""
        super().__init__(publication, members, insiders)
        self._ranking = ranking

    def _least(self, member: int, measure: str, sign: int) -> float:
        values, choices = len(self._column), self.publication.members * len(self._ranking.bands)
        cost = np.zeros(values + choices)
        cost[self._column[member, measure]] = sign
        lowest, highest = np.array(self._limits, dtype=float).T
        solved = milp(
            cost,
            integrality=np.concatenate([np.zeros(values), np.ones(choices)]),
            bounds=Bounds(
                np.concatenate([lowest, np.zeros(choices)]),
                np.concatenate([highest, np.ones(choices)]),
            ),
            constraints=list(self._constraints(choices)),
        )
        if solved.status != 0:
            raise ArithmeticError(f"HiGHS: {solved.message}")
        return float(solved.fun)

    def _constraints(self, choices: int) -> Iterator[LinearConstraint]:
        for matrix, ends, equal in ((*self._equal, True), (*self._at_most, False)):
            if matrix is not None and ends is not None:
                wide = block_array([[matrix, csr_array((matrix.shape[0], choices))]], format="csr")
                yield LinearConstraint(wide, ends if equal else -np.inf, ends)
        width = len(self._column) + choices
        for terms, least, most in (*self._assignments(), *self._edges()):
            row = csr_array(
                ([c for _, c in terms], ([0] * len(terms), [i for i, _ in terms])),
                shape=(1, width),
            )
            yield LinearConstraint(row, least, most)

    def _choice(self, member: int, band: int) -> int:
        return len(self._column) + member * len(self._ranking.bands) + band

    def _assignments(self) -> Iterator[tuple[Sequence[_Term], float, float]]:
        everybody, bands = range(self.publication.members), self._ranking.bands
        for i in everybody:
            yield [(self._choice(i, b), 1.0) for b in range(len(bands))], 1.0, 1.0
        for b, band in enumerate(bands):
            yield [(self._choice(i, b), 1.0) for i in everybody], band.count, band.count

    def _edges(self) -> Iterator[tuple[Sequence[_Term], float, float]]:
        """``N - lower D >= 0`` and ``upper D - N >= 0`` for those who are in the band.

        Scaled variables are at most 1, so the coefficient of what is taken off is all that must be
        given back to those who are in another band.
        """
        top, bottom = self._ranking.numerator, self._ranking.denominator
        for i in range(self.publication.members):
            n, d = self._column[i, top], self._column[i, bottom]
            for b, band in enumerate(self._ranking.bands):
                for edge, sign in ((band.lower, 1), (band.upper, -1)):
                    if edge is None:
                        continue
                    own = self._scales[i, top], float(edge) * self._scales[i, bottom]
                    most = max(own)
                    a, c = sign * own[0] / most, -sign * own[1] / most
                    given = max(-a, -c)
                    yield [(n, a), (d, c), (self._choice(i, b), -given)], -given, np.inf
