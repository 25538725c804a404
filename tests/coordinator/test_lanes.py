"""Lanes: every call has a place until its work has ended, and one too many is refused at once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from coordinator.lanes import Lane, Lanes
from coordinator.limits import LimitExceeded
from coordinator.registry_rows import Standing
from coordinator.settings import CoordinatorSettings


def test_a_lane_has_so_many_places_and_no_more() -> None:
    lane = Lane("test", 1, 2)

    with lane.place(), lane.place():
        with pytest.raises(LimitExceeded, match="busy"):
            lane.check()
        with pytest.raises(LimitExceeded, match="busy"), lane.place():
            pass
    lane.check()
    lane.shutdown()


def test_work_runs_in_a_thread_and_its_failure_comes_back() -> None:
    lane = Lane("test", 1, 2)

    async def both() -> str:
        with lane.place(), pytest.raises(ValueError, match="no number"):
            await lane.run(int, "no number")
        return await lane.run(lambda: threading.current_thread().name)

    assert asyncio.run(both()).startswith("test")
    lane.check()
    lane.shutdown()


def test_a_call_that_goes_away_keeps_its_place_until_its_work_has_ended() -> None:
    lane, go, began = Lane("test", 1, 1), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        go.wait()

    async def call() -> None:
        with lane.place():
            await lane.run(work)

    async def scene() -> None:
        task = asyncio.create_task(call())
        await asyncio.to_thread(began.wait)
        task.cancel()
        await asyncio.sleep(0)
        with pytest.raises(LimitExceeded, match="busy"):
            lane.check()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        lane.check()

    asyncio.run(scene())
    lane.shutdown()


def test_nobody_waits_behind_callers_of_another_sort() -> None:
    lanes = Lanes.of(CoordinatorSettings())

    assert lanes.of_standing(Standing.MEMBER) is lanes.members
    assert lanes.of_standing(Standing.TRUSTEE) is lanes.trustees
    assert lanes.of_standing(Standing.OPERATOR) is lanes.trustees
    assert lanes.of_standing(Standing.NOBODY) is lanes.open
    assert len({id(lane) for lane in vars(lanes).values()}) == 4
    lanes.shutdown()
