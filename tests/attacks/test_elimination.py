"""The oracles of this folder, checked by themselves."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.confinement import Confinement
from tests.attacks.elimination import atoms, exposed, fewer_than, isolating, rank
from tests.attacks.hidden import CountedBand, CountedRanking, HiddenBands
from tests.attacks.published import HalfSpace, Publication, SumOf

ITEMS = range(6)
totals = st.lists(st.frozensets(st.sampled_from(ITEMS), min_size=1), min_size=1, max_size=4)


@given(totals, st.frozensets(st.sampled_from(ITEMS), min_size=1))
def test_the_coefficients_add_up_to_the_target_and_to_nothing_else(
    sets: list[frozenset[int]], target: frozenset[int]
) -> None:
    weights = isolating(sets, target)
    matrix = [[Fraction(item in total) for item in ITEMS] for total in sets]
    wanted = [Fraction(item in target) for item in ITEMS]
    if weights is None:
        assert rank([*matrix, wanted]) > rank(matrix)
    else:
        columns = zip(*matrix, strict=True)
        assert [sum(w * c for w, c in zip(weights, col, strict=True)) for col in columns] == wanted


@given(totals)
def test_what_is_exposed_is_what_some_combination_is_about(sets: list[frozenset[int]]) -> None:
    """Against a search without atoms: the span meets the vectors that vanish outside a set."""
    matrix = [[Fraction(item in total) for item in ITEMS] for total in sets]
    held = frozenset[int]().union(*sets)
    subsets = chain.from_iterable(combinations(ITEMS, n) for n in range(1, 3))
    found = any(
        rank([[row[i] for i in ITEMS if i not in few] for row in matrix]) < rank(matrix)
        for few in subsets
    )
    lonely = exposed(sets, fewer_than(3))
    assert (lonely is not None) == found
    if lonely is not None:
        assert lonely <= held
        assert len(lonely) < 3


def test_atoms_are_the_items_that_stand_in_the_same_totals() -> None:
    sets = [frozenset({1, 2, 3, 4}), frozenset({3, 4, 5})]
    assert atoms(sets) == [frozenset({5}), frozenset({1, 2}), frozenset({3, 4})]


def test_three_overlapping_totals_give_their_common_item() -> None:
    sets = [frozenset("abx"), frozenset("cdx"), frozenset("abcd")]
    assert isolating(sets, "x") == [Fraction(1, 2), Fraction(1, 2), Fraction(-1, 2)]
    assert isolating(sets[:2], "x") is None


def test_hidden_bands_are_as_wide_as_the_widest_way_to_fill_them() -> None:
    """Against one programme for each of the ways to say who is in which band."""
    members = [{"n": n, "d": d} for n, d in ((40, 10), (12, 10), (11, 12), (30, 9))]
    limits = {"n": (0, 100), "d": (0, 100)}
    sums = tuple(SumOf(name, frozenset(range(4)), sum(m[name] for m in members)) for name in limits)
    base = Publication(4, limits, sums)
    bands = (CountedBand(None, Fraction(2), 2), CountedBand(Fraction(3), Fraction(5), 2))
    insiders = frozenset([1])
    hidden = HiddenBands(base, members, insiders, CountedRanking("n", "d", bands))
    found = hidden.interval(0, "n")
    ends = []
    for order in set(permutations((0, 0, 1, 1))):
        spaces = tuple(s for i, b in enumerate(order) for s in _inside(i, bands[b]))
        try:
            one = Confinement(Publication(4, limits, sums, spaces), members, insiders).interval(
                0, "n"
            )
        except ArithmeticError:
            continue  # nobody can be placed like this
        ends.append((one.lower, one.upper))
    assert len(ends) > 1
    assert found.lower == pytest.approx(min(low for low, _ in ends), abs=0.01)
    assert found.upper == pytest.approx(max(high for _, high in ends), abs=0.01)
    assert found.lower - 0.01 <= members[0]["n"] <= found.upper + 0.01


def _inside(member: int, band: CountedBand) -> list[HalfSpace]:
    spaces = []
    if band.lower is not None:
        spaces.append(HalfSpace(member, (("n", Fraction(1)), ("d", -band.lower))))
    if band.upper is not None:
        spaces.append(HalfSpace(member, (("d", band.upper), ("n", Fraction(-1)))))
    return spaces
