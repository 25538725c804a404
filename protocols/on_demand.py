"""A mapping whose values are made when they are asked for: all at once may be gigabytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

V = TypeVar("V")


class OnDemand(Mapping[int, V]):
    """What ``make`` makes of each of ``keys``, ascending, anew each time."""

    def __init__(self, keys: Iterable[int], make: Callable[[int], V]) -> None:
        self._keys = dict.fromkeys(sorted(keys))
        self._make = make

    def __getitem__(self, key: int) -> V:
        if key not in self._keys:
            raise KeyError(key)
        return self._make(key)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
