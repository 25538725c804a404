"""How long the coordinator waits for a caller: for its message, and for it to take a reply.

Every wait has an end, after which the call is refused and its place is free again. Used by
:mod:`coordinator.guard`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

OPEN_SECONDS = 3.0
"""For the message of a caller that shows no pass."""

SMALL_SECONDS = 10.0
"""For a message of at most a few times 64 KB."""

LARGE_SECONDS = 30.0
"""For a trustee's or the operator's large message."""

SUBMIT_SECONDS = 60.0
"""For a contribution, which a gateway may send over a slow line."""

WRITE_SECONDS = 60.0
"""For one message of a stream to be taken by its reader."""

T = TypeVar("T")


class OutOfPatience(Exception):
    """A caller let the coordinator wait too long; internal to this package."""


class Patience:
    """The waits that are under way, and how long each may take.

    :param scale: every wait may take so many times as long; a parameter for tests.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.waits: dict[object, float] = {}
        """Seconds that each wait under way may take."""

    async def wait(self, coming: Awaitable[T], seconds: float) -> T:
        """Wait for the caller. :raises OutOfPatience: it took longer than ``seconds``."""
        mark = object()
        self.waits[mark] = seconds
        try:
            async with asyncio.timeout(seconds * self.scale):
                return await coming
        except TimeoutError:
            raise OutOfPatience(f"waited {seconds:.0f} seconds for the caller") from None
        finally:
            del self.waits[mark]
