"""The numbers behind the default terms: exact tails for a fifth colluding, a fifth dropping out."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest

from protocols.federated.terms import Aggregation

MEMBERS = 10_000
COLLUDING = DROPPED = MEMBERS // 5
UNTIL = 1 << 32


def drawn(marked: int, sample: int, least: int) -> Fraction:
    """The chance that ``least`` or more of ``sample`` members, drawn from all, are marked ones."""
    ways = sum(
        comb(marked, hits) * comb(MEMBERS - marked, sample - hits)
        for hits in range(least, sample + 1)
    )
    return Fraction(ways, comb(MEMBERS, sample))


def runs(marked: int, length: int) -> Fraction:
    """A bound on the chance that two runs of ``length`` marked members part a random ring."""
    one = Fraction(comb(marked, 2 * length), comb(MEMBERS, 2 * length))
    return one * comb(MEMBERS, 2)


TOTALS = Aggregation.totals(MEMBERS, UNTIL)
CERTIFIED = Aggregation.certified(MEMBERS, UNTIL)


@pytest.mark.parametrize("terms", [CERTIFIED, TOTALS], ids=lambda terms: str(terms.mode))
def test_honest_members_stay_connected(terms: Aggregation) -> None:
    assert runs(COLLUDING, terms.neighbours // 2) < Fraction(1, 1 << 110)


def test_they_stay_connected_without_those_who_dropped_out() -> None:
    assert runs(COLLUDING + DROPPED, TOTALS.neighbours // 2) < Fraction(1, 1 << 110)


def test_no_neighbourhood_has_a_threshold_of_colluding_members() -> None:
    one = drawn(COLLUDING, TOTALS.neighbours, TOTALS.threshold)
    assert MEMBERS * one < Fraction(1, 1 << 110)


def test_two_quorums_share_an_honest_member() -> None:
    both = 2 * TOTALS.quorum - TOTALS.committee
    assert drawn(COLLUDING, TOTALS.committee, both) < Fraction(1, 1 << 110)


def test_a_round_outlives_that_a_fifth_drops_out() -> None:
    lost = drawn(DROPPED, TOTALS.neighbours, TOTALS.neighbours - TOTALS.threshold + 1)
    quorum = drawn(DROPPED, TOTALS.committee, TOTALS.committee - TOTALS.quorum + 1)
    assert MEMBERS * lost + quorum < Fraction(1, 1000)
