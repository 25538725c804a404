"""Who masks with whom: a graph that everybody computes alike and nobody chooses.

Places on a list (a roster, or what a closing counts) are put on a ring in an order that follows
from a hash, and everybody's neighbours are the nearest on the ring: the randomly permuted Harary
graph of Bell, Bonawitz, Gascon, Lepoint, Raykova (CCS 2020, section 3.4). The seed is fixed by
signed statements before anybody masks; who prepares them could try many, for which the number of
neighbours leaves room (:mod:`protocols.federated.terms`).
"""

from __future__ import annotations

import hashlib
from functools import cached_property

from protocols.hashing import length_prefixed

KEY_BYTES = 16
"""Of each place's sort key: equal ones, which are taken in the list's order, do not happen."""


class MaskGraph:
    """The graph over the places ``0 .. size - 1``.

    :param seed: a hash that fixes the list and the round.
    :param degree: neighbours of each place: even, or ``size - 1`` for everybody with everybody.
    """

    def __init__(self, seed: bytes, size: int, degree: int) -> None:
        if size < 1 or not 0 <= degree < max(2, size) or (degree % 2 and degree != size - 1):
            raise ValueError("no graph of this size and degree")
        self._seed = seed
        self.size = size
        self.degree = min(degree, size - 1)

    def neighbours(self, place: int) -> tuple[int, ...]:
        """The neighbours of a place, ascending."""
        if self.degree == self.size - 1:
            return tuple(other for other in range(self.size) if other != place)
        ring, at = self._ring
        spot, reach = at[place], self.degree // 2
        steps = [step for step in range(-reach, reach + 1) if step]
        return tuple(sorted(ring[(spot + step) % self.size] for step in steps))

    @property
    def ring(self) -> tuple[int, ...]:
        """The places in the ring's order; none where everybody is everybody's neighbour."""
        return () if self.degree == self.size - 1 else tuple(self._ring[0])

    @cached_property
    def _ring(self) -> tuple[list[int], list[int]]:
        """The places in the ring's order, and each place's spot on it."""
        ring = _shuffled(b"cefed/mask-graph/v1", self._seed, self.size)
        at = [0] * self.size
        for spot, place in enumerate(ring):
            at[place] = spot
        return ring, at


def committee(seed: bytes, size: int, members: int) -> tuple[int, ...]:
    """``members`` of the places ``0 .. size - 1``, ascending: who signs a list of survivors."""
    if members >= size:
        return tuple(range(size))
    return tuple(sorted(_shuffled(b"cefed/committee/v1", seed, size)[:members]))


def _shuffled(domain: bytes, seed: bytes, size: int) -> list[int]:
    """The places ``0 .. size - 1`` in an order that follows from a hash."""
    stream = hashlib.shake_256(length_prefixed((domain, seed))).digest(KEY_BYTES * size)
    keys = [stream[i : i + KEY_BYTES] for i in range(0, len(stream), KEY_BYTES)]
    return sorted(range(size), key=lambda place: (keys[place], place))
