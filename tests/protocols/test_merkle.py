"""Merkle trees have the shape of RFC 9162, and a proof shows exactly its entries and places."""

from __future__ import annotations

from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import MalformedMessage
from protocols.hashing import domain_hash
from protocols.merkle import EMPTY, LEAF, NODE, MerkleTree, check_entries


def entries_of(size: int) -> list[bytes]:
    return [f"entry {place}".encode() for place in range(size)]


def leaf(place: int) -> bytes:
    return domain_hash(LEAF, f"entry {place}".encode())


def node(left: bytes, right: bytes) -> bytes:
    return domain_hash(NODE, left, right)


def test_the_shape_of_rfc_9162() -> None:
    """Section 2.1.3's tree of seven entries: d0..d3 on the left, d4..d6 on the right."""
    g, h, i = (node(leaf(at), leaf(at + 1)) for at in (0, 2, 4))
    k, j = node(g, h), leaf(6)
    assert MerkleTree(entries_of(7)).root == node(k, node(i, j))
    assert MerkleTree(entries_of(7)).prove([0]) == (leaf(1), h, node(i, j))
    assert MerkleTree(entries_of(7)).prove([3]) == (g, leaf(2), node(i, j))
    assert MerkleTree(entries_of(7)).prove([4]) == (k, leaf(5), j)
    assert MerkleTree(entries_of(7)).prove([6]) == (k, i)
    assert MerkleTree(entries_of(7)).prove([0, 6]) == (leaf(1), h, i)
    assert MerkleTree(entries_of(7)).prove(range(7)) == ()


def test_the_least_trees() -> None:
    assert MerkleTree([]).root == domain_hash(EMPTY)
    assert MerkleTree(entries_of(1)).root == leaf(0)
    assert MerkleTree(entries_of(3)).root == node(node(leaf(0), leaf(1)), leaf(2))


@st.composite
def lists_and_places(draw: st.DrawFn) -> tuple[int, set[int]]:
    size = draw(st.integers(1, 70))
    return size, draw(st.sets(st.integers(0, size - 1), min_size=1))


@settings(max_examples=150)
@given(lists_and_places())
def test_a_proof_shows_its_entries(case: tuple[int, set[int]]) -> None:
    size, places = case
    entries, tree = entries_of(size), MerkleTree(entries_of(size))
    proof = tree.prove(places)
    shown = {place: entries[place] for place in places}
    check_entries(tree.root, size, shown, proof)
    assert len(proof) <= len(places) * ceil(log2(size))


@settings(max_examples=150)
@given(lists_and_places(), st.data())
def test_nothing_else_is_shown_by_it(case: tuple[int, set[int]], data: st.DataObject) -> None:
    size, places = case
    entries, tree = entries_of(size), MerkleTree(entries_of(size))
    proof = tree.prove(places)
    shown = {place: entries[place] for place in places}
    place = data.draw(st.sampled_from(sorted(places)))
    bad_proofs = [(*proof, bytes(32)), proof[:-1] or (bytes(32),)]
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        changed = bytes([proof[at][0] ^ 1]) + proof[at][1:]
        bad_proofs += [(*proof[:at], changed, *proof[at + 1 :])]
        bad_proofs += [(*proof[:at], proof[at][:-1], *proof[at + 1 :])]
    for bad in bad_proofs:
        with pytest.raises(MalformedMessage):
            check_entries(tree.root, size, shown, bad)
    with pytest.raises(MalformedMessage):
        check_entries(tree.root, size, {**shown, place: b"other"}, proof)
    with pytest.raises(MalformedMessage):
        check_entries(bytes(32), size, shown, proof)


def test_a_node_is_no_entry() -> None:
    """Leaves and nodes are hashed in domains of their own: no subtree passes for an entry."""
    tree = MerkleTree(entries_of(4))
    subtree = leaf(0) + leaf(1)
    with pytest.raises(MalformedMessage):
        check_entries(tree.root, 2, {0: subtree}, (node(leaf(2), leaf(3)),))


def test_two_entries_in_each_others_place() -> None:
    tree = MerkleTree(entries_of(6))
    proof = tree.prove([2, 5])
    with pytest.raises(MalformedMessage, match="does not have"):
        check_entries(tree.root, 6, {2: b"entry 5", 5: b"entry 2"}, proof)


@pytest.mark.parametrize("places", [[], [-1], [5], [0, 5]])
def test_places_outside_the_list(places: list[int]) -> None:
    tree = MerkleTree(entries_of(5))
    with pytest.raises(IndexError):
        tree.prove(places)
    with pytest.raises(MalformedMessage, match="outside the list"):
        check_entries(tree.root, 5, dict.fromkeys(places, b"x"), ())
