"""Merkle trees: a hash that stands for a list, and proofs that entries are at their places.

The tree is that of RFC 9162 section 2.1 (Certificate Transparency) with the domains of
:mod:`protocols.hashing`; the proof holds, for any set of places, the roots of the largest subtrees
that hold none of them, from left to right. A roster's members and the contributions that a closing
counts are such lists: a party that needs few of the entries takes a logarithm of the list's size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from protocols.errors import MalformedMessage
from protocols.hashing import HASH_BYTES, domain_hash

LEAF, NODE, EMPTY = "cefed/merkle-leaf/v1", "cefed/merkle-node/v1", "cefed/merkle-empty/v1"


class MerkleTree:
    """The tree over a list of byte strings; for whoever holds the whole list."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.size = len(entries)
        self._hashes: dict[tuple[int, int], bytes] = {}
        self._leaves = [domain_hash(LEAF, entry) for entry in entries]

    @cached_property
    def root(self) -> bytes:
        """32 bytes that stand for the list. That of an empty list is a constant."""
        return self._hash(0, self.size) if self.size else domain_hash(EMPTY)

    def prove(self, places: Iterable[int]) -> tuple[bytes, ...]:
        """What :func:`check_entries` needs beside the entries at ``places``.

        :raises IndexError: a place outside the list.
        """
        wanted = sorted(set(places))
        if not wanted or wanted[0] < 0 or wanted[-1] >= self.size:
            raise IndexError("no place, or one outside the list")
        return tuple(self._siblings(0, self.size, wanted))

    def _hash(self, start: int, end: int) -> bytes:
        if end - start == 1:
            return self._leaves[start]
        known = self._hashes.get((start, end))
        if known is None:
            middle = _middle(start, end)
            known = domain_hash(NODE, self._hash(start, middle), self._hash(middle, end))
            self._hashes[start, end] = known
        return known

    def _siblings(self, start: int, end: int, wanted: Sequence[int]) -> Iterator[bytes]:
        if not wanted:
            yield self._hash(start, end)
        elif end - start > 1:
            middle = _middle(start, end)
            yield from self._siblings(start, middle, [x for x in wanted if x < middle])
            yield from self._siblings(middle, end, [x for x in wanted if x >= middle])


def check_entries(
    root: bytes, size: int, entries: Mapping[int, bytes], proof: Sequence[bytes]
) -> None:
    """Check that a list of ``size`` entries with this root has these entries at these places.

    :param entries: by place, counted from 0.
    :raises MalformedMessage: it has not, or the proof has a part too many or too few.
    """
    wanted = sorted(entries)
    if not wanted or wanted[0] < 0 or wanted[-1] >= size:
        raise MalformedMessage("Merkle proof: for no place, or for one outside the list")
    parts = iter(proof)

    def computed(start: int, end: int, inside: Sequence[int]) -> bytes:
        if not inside:
            part = next(parts, b"")
            if len(part) != HASH_BYTES:
                raise MalformedMessage("Merkle proof: cut short")
            return part
        if end - start == 1:
            return domain_hash(LEAF, entries[start])
        middle = _middle(start, end)
        left = computed(start, middle, [x for x in inside if x < middle])
        return domain_hash(NODE, left, computed(middle, end, [x for x in inside if x >= middle]))

    if computed(0, size, wanted) != root:
        raise MalformedMessage("Merkle proof: the list does not have these entries")
    if next(parts, None) is not None:
        raise MalformedMessage("Merkle proof: too long")


def _middle(start: int, end: int) -> int:
    """Where RFC 9162 splits a list: after the largest power of two below its length."""
    return start + (1 << ((end - start - 1).bit_length() - 1))
