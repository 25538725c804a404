"""The graph: everybody computes the same one, with as many neighbours for all, and connected."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.federated.graph import MaskGraph, committee

SEED = b"seed"


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, int]:
    size = draw(st.integers(1, 60))
    degrees = [degree for degree in range(size) if degree % 2 == 0 or degree == size - 1]
    return size, draw(st.sampled_from(degrees))


@settings(max_examples=100)
@given(shapes(), st.binary(max_size=8))
def test_neighbours_are_mutual_and_as_many_for_all(shape: tuple[int, int], seed: bytes) -> None:
    size, degree = shape
    graph = MaskGraph(seed, size, degree)
    around = [graph.neighbours(place) for place in range(size)]
    for place, others in enumerate(around):
        assert len(others) == degree
        assert list(others) == sorted(set(others) - {place})
        assert all(place in around[other] for other in others)
    assert around == [MaskGraph(seed, size, degree).neighbours(place) for place in range(size)]


def reached(graph: MaskGraph, without: set[int]) -> set[int]:
    """Who is connected with the first that is not left out."""
    start = min(set(range(graph.size)) - without)
    found, waiting = {start}, [start]
    while waiting:
        more = set(graph.neighbours(waiting.pop())) - found - without
        found |= more
        waiting += more
    return found


@settings(max_examples=60)
@given(st.integers(7, 60), st.data())
def test_fewer_than_the_degree_do_not_part_it(size: int, data: st.DataObject) -> None:
    """Harary's graph of degree d stays connected without any d - 1 of its places."""
    graph = MaskGraph(SEED, size, 6)
    gone = data.draw(st.sets(st.integers(0, size - 1), max_size=5))
    assert reached(graph, gone) == set(range(size)) - gone


def test_two_runs_of_half_the_degree_do_part_it() -> None:
    """What the probabilities of test_parameters.py are about."""
    graph = MaskGraph(SEED, 40, 6)
    ring, _ = graph._ring
    gone = {ring[spot] for spot in (0, 1, 2, 20, 21, 22)}
    assert reached(graph, gone) != set(range(40)) - gone


def test_another_seed_is_another_graph() -> None:
    one, other = (MaskGraph(seed, 200, 6) for seed in (b"one", b"other"))
    same = sum(one.neighbours(place) == other.neighbours(place) for place in range(200))
    assert same == 0


@pytest.mark.parametrize(("size", "degree"), [(0, 0), (5, 5), (5, -2), (6, 3), (1, 2)])
def test_graphs_that_there_are_not(size: int, degree: int) -> None:
    with pytest.raises(ValueError, match="no graph"):
        MaskGraph(SEED, size, degree)


def test_one_member_has_no_neighbours() -> None:
    assert MaskGraph(SEED, 1, 0).neighbours(0) == ()


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_committee_has_its_size_and_no_place_twice(size: int, members: int) -> None:
    chosen = committee(SEED, size, members)
    assert len(chosen) == min(size, members)
    assert list(chosen) == sorted(set(chosen))
    assert set(chosen) <= set(range(size))
    assert chosen == committee(SEED, size, members)


def test_every_place_is_drawn_as_often() -> None:
    """A quarter of the places, 400 times: 100 each, give or take six standard deviations."""
    drawn = Counter(
        place
        for seed in range(400)
        for place in committee(bytes([seed % 256, seed // 256]), 40, 10)
    )
    assert set(drawn) == set(range(40))
    assert all(48 <= count <= 152 for count in drawn.values())


def test_the_committee_is_not_the_ring() -> None:
    """Whoever is on it says nothing of whose neighbour it is."""
    ring, _ = MaskGraph(SEED, 200, 6)._ring
    assert set(committee(SEED, 200, 20)) != set(ring[:20])
