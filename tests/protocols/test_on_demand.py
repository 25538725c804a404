"""A mapping that makes its values when they are asked for."""

from __future__ import annotations

import pytest

from protocols.on_demand import OnDemand


def test_values_are_made_when_they_are_asked_for_and_not_kept() -> None:
    made: list[int] = []

    def make(key: int) -> str:
        made.append(key)
        return str(key)

    mapping = OnDemand([3, 1, 2, 1], make)
    assert list(mapping) == [1, 2, 3]
    assert len(mapping) == 3
    assert (2 in mapping, 4 in mapping) == (True, False)
    assert made == []
    assert (mapping[2], mapping[2]) == ("2", "2")
    assert made == [2, 2]
    with pytest.raises(KeyError):
        mapping[4]
    assert made == [2, 2]
