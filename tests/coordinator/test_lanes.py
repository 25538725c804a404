"""Lanes: every call counts until it has ended, and one too many is refused before it waits."""

from __future__ import annotations

import threading

import pytest

from coordinator.lanes import Lane, Lanes
from coordinator.limits import LimitExceeded
from coordinator.registry_rows import Standing
from coordinator.settings import CoordinatorSettings


def test_a_lane_takes_so_many_calls_and_no_more() -> None:
    lane, go = Lane("test", 1, 2), threading.Event()
    calls = [lane.submit(go.wait), lane.submit(go.wait)]

    with pytest.raises(LimitExceeded, match="busy"):
        lane.check()
    go.set()
    assert all(call.result() for call in calls)
    lane.shutdown()
    lane.check()


def test_calls_that_fail_or_never_begin_are_counted_out() -> None:
    lane, go = Lane("test", 1, 3), threading.Event()
    running = lane.submit(go.wait)
    failing = lane.submit(int, "no number")
    waiting = lane.submit(go.wait)

    assert waiting.cancel()
    lane.check()
    go.set()
    assert running.result()
    with pytest.raises(ValueError, match="no number"):
        failing.result()
    lane.shutdown()
    assert lane._under_way == 0


def test_nobody_waits_behind_callers_of_another_sort() -> None:
    lanes = Lanes.of(CoordinatorSettings())

    assert lanes.of_standing(Standing.MEMBER) is lanes.members
    assert lanes.of_standing(Standing.TRUSTEE) is lanes.trustees
    assert lanes.of_standing(Standing.OPERATOR) is lanes.trustees
    assert lanes.of_standing(Standing.NOBODY) is lanes.open
    assert len({id(lane) for lane in vars(lanes).values()}) == 5
