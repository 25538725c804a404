"""Patience: a wait that takes too long is ended, one that does not is left alone."""

from __future__ import annotations

import asyncio

import pytest

from coordinator.patience import OutOfPatience, Patience


async def come(after: float) -> str:
    await asyncio.sleep(after)
    return "here"


def test_only_overdue_waits_are_ended() -> None:
    patience = Patience(scale=0.01)

    async def both() -> tuple[str, str]:
        prompt = asyncio.create_task(patience.wait(come(0.0), 3))
        late = asyncio.create_task(patience.wait(come(60.0), 3))
        await asyncio.sleep(0)
        assert sorted(patience.waits.values()) == [3, 3]
        with pytest.raises(OutOfPatience, match="waited 3 seconds"):
            await late
        return await prompt, "late"

    assert asyncio.run(both()) == ("here", "late")
    assert patience.waits == {}


def test_a_wait_that_fails_is_over() -> None:
    patience = Patience()

    async def gone() -> None:
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        asyncio.run(patience.wait(gone(), 3))
    assert patience.waits == {}


def test_a_caller_that_goes_away_is_not_out_of_patience() -> None:
    patience = Patience()

    async def cancelled() -> None:
        waiting = asyncio.create_task(patience.wait(come(60.0), 30))
        await asyncio.sleep(0)
        waiting.cancel()
        await waiting

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert patience.waits == {}
