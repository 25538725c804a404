"""Who an enterprise is across releases: by its key, its registered id, or its corporate group.

A ledger of releases (:mod:`protocols.differencing`) must know an enterprise again that came back
under a new key, and a group that takes part through another of its firms. Two members are the same
if any of the three is the same; what is the same as one thing is the same, whichever release says
so. Trustees and the coordinator decide it with this code; of ids and groups they keep hashes.

There are two identities, since a mistake costs something else on either side. By any of the three
(:meth:`Identities.root`) enterprises count as one wherever many are wanted: a false group only
makes them fewer. By key or id alone (:meth:`Identities.name`) one stands for another that was in an
earlier release: there a false group would let an accomplice take the place of one that left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocols.enrolment import folded
from protocols.hashing import domain_hash


@dataclass(frozen=True)
class Item:
    """A counted member: its key, and hashes of its enterprise id and its corporate group."""

    member: bytes
    enterprise: bytes
    group: bytes

    @classmethod
    def of(cls, key: bytes, enterprise_id: str, group: str) -> Item:
        """The item of a member as its certificate names it."""
        return cls(
            key,
            domain_hash("cefed/ledger-enterprise/v1", folded(enterprise_id).encode("utf-8")),
            domain_hash("cefed/ledger-group/v1", folded(group).encode("utf-8")),
        )


FIELDS = ("member", "enterprise", "group")
Mark = tuple[str, bytes]
"""A field's name and its value: a group is no id, though their hashes be equal."""


def marks(item: Item) -> tuple[Mark, ...]:
    """Everything that an item is known again by."""
    return tuple((field, getattr(item, field)) for field in FIELDS)


class Identities:
    """Union-find over marks: a small integer for every mark, and one root for all that are linked.

    A second one beside it links keys and ids only. Nothing is ever parted again, so that a link
    once shown makes two items the same for good.
    """

    def __init__(self) -> None:
        self._numbers: dict[Mark, int] = {}
        self._parent: list[int] = []
        self._own: list[int] = []

    def copy(self) -> Identities:
        """Another one that starts with the same links."""
        other = Identities()
        other._numbers = dict(self._numbers)
        other._parent, other._own = list(self._parent), list(self._own)
        return other

    def link(self, marks_of_one: Iterable[Mark]) -> int:
        """Note that these marks are of one enterprise; a number to ask :meth:`root` by."""
        held = list(marks_of_one)
        numbers = [self._number(mark) for mark in held]
        _join(self._parent, numbers)
        own = [number for number, (field, _) in zip(numbers, held, strict=True) if field != "group"]
        _join(self._own, own)
        return (own or numbers)[0]

    def root(self, number: int) -> int:
        """The number that stands for all linked ones now; it may change with the next link."""
        return _root(self._parent, number)

    def name(self, number: int) -> int:
        """As :meth:`root`, for all that are linked by keys and ids, whatever their groups say."""
        return _root(self._own, number)

    def roots(self, numbers: Iterable[int]) -> list[int]:
        """:meth:`root` of many."""
        return _roots(self._parent, numbers)

    def names(self, numbers: Iterable[int]) -> list[int]:
        """:meth:`name` of many."""
        return _roots(self._own, numbers)

    def _number(self, mark: Mark) -> int:
        known = self._numbers.setdefault(mark, len(self._parent))
        if known == len(self._parent):
            self._parent.append(known)
            self._own.append(known)
        return known


def _join(parent: list[int], numbers: list[int]) -> None:
    roots = [_root(parent, number) for number in numbers]
    for root in roots[1:]:
        parent[_root(parent, root)] = roots[0]


def _root(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = number = parent[parent[number]]
    return number


def _roots(parent: list[int], numbers: Iterable[int]) -> list[int]:
    # Most of them are roots already or stand right below one, and there are millions of them.
    found = map(parent.__getitem__, numbers)
    return [above if parent[above] == above else _root(parent, above) for above in found]
