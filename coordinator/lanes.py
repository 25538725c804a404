"""Who waits behind whom: places and threads of their own for members, trustees, everybody else.

A call is put into a lane before anything waits for its message, by the pass that it shows; one
without a valid pass, or too many in its lane, is turned away at once. Waiting for a caller takes a
place and no thread; work that may take long runs in the lane's threads. What a caller may do is
decided again, and finally, by :mod:`coordinator.guard`. Everything but that work runs in the event
loop, so nothing here is locked. Made by :mod:`coordinator.server`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from coordinator.limits import LimitExceeded
from coordinator.registry_rows import Standing
from coordinator.settings import CoordinatorSettings

OPEN_CALLS = 16
"""Calls without a pass at a time."""

OPEN_THREADS = 4
HEALTH_CALLS = 16

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """Places for one sort of callers' calls, and threads for their work."""

    def __init__(self, name: str, threads: int, most: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = most
        self._under_way = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Around a call. :raises LimitExceeded: too many are under way."""
        self.check()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def check(self) -> None:
        """Refuse a call that has no place. :raises LimitExceeded: too many are under way."""
        if self._under_way >= self._most:
            raise LimitExceeded("the coordinator is busy; wait a moment and try again")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do ``work`` in one of the lane's threads.

        A call whose caller goes away keeps its place until its work has ended; otherwise callers
        that come and go could queue up more work than there are places.
        """
        future = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: work(*args, **kwargs)
        )
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def shutdown(self) -> None:
        """End the threads, once what they do is done."""
        self._threads.shutdown()


@dataclass(frozen=True)
class Lanes:
    """The lanes of one coordinator."""

    members: Lane
    trustees: Lane
    open: Lane
    """Calls without a pass, and with one of a key that is not known yet."""
    health: Lane

    @classmethod
    def of(cls, settings: CoordinatorSettings) -> Lanes:
        """As configured."""
        return cls(
            Lane("members", settings.threads, settings.max_calls),
            Lane("trustees", settings.trustee_threads, settings.max_calls),
            Lane("open", OPEN_THREADS, OPEN_CALLS),
            Lane("health", 1, HEALTH_CALLS),
        )

    def of_standing(self, standing: Standing) -> Lane:
        """Where a caller's calls go."""
        if standing is Standing.MEMBER:
            return self.members
        if standing in (Standing.TRUSTEE, Standing.OPERATOR):
            return self.trustees
        return self.open

    def shutdown(self) -> None:
        """End all threads."""
        for lane in (self.members, self.trustees, self.open, self.health):
            lane.shutdown()
