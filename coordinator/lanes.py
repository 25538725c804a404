"""Who waits behind whom: threads of their own for members, for trustees, and for everybody else.

A call is put into a lane before anything waits for its message, by the pass that it shows; one
without a valid pass, or too many in its lane, is turned away at once and takes no thread that
others wait for. What a caller may do is decided again, and finally, by :mod:`coordinator.guard`
inside the lane. Made by :mod:`coordinator.server`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from coordinator.limits import LimitExceeded
from coordinator.registry_rows import Standing
from coordinator.settings import CoordinatorSettings

OPEN_CALLS = 16
"""Calls without a pass at a time, each with a thread: none of them waits for another."""

HEALTH_CALLS = 16

P = ParamSpec("P")
T = TypeVar("T")


class Lane(ThreadPoolExecutor):
    """Threads for one sort of callers, and how many of their calls may wait or run.

    A ThreadPoolExecutor because gRPC takes nothing else; its ``submit`` counts.
    """

    def __init__(self, name: str, threads: int, most: int) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._most = most
        self._count_lock = threading.Lock()
        self._under_way = 0

    def check(self) -> None:
        """Refuse a call that has no place. :raises LimitExceeded: too many are under way."""
        if self._under_way >= self._most:
            raise LimitExceeded("the coordinator is busy; wait a moment and try again")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a call; it counts until it has ended."""
        with self._count_lock:
            self._under_way += 1
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: Future[Any]) -> None:
        with self._count_lock:
            self._under_way -= 1


@dataclass(frozen=True)
class Lanes:
    """The lanes of one coordinator."""

    members: Lane
    trustees: Lane
    open: Lane
    """Calls without a pass, and with one of a key that is not known yet."""
    health: Lane
    turned_away: Lane
    """Only says no: nothing in it ever waits for a caller."""

    @classmethod
    def of(cls, settings: CoordinatorSettings) -> Lanes:
        """As configured."""
        return cls(
            Lane("members", settings.threads, settings.max_calls),
            Lane("trustees", settings.trustee_threads, settings.max_calls),
            Lane("open", OPEN_CALLS, OPEN_CALLS),
            Lane("health", HEALTH_CALLS, HEALTH_CALLS),
            Lane("away", 1, settings.max_calls),
        )

    def of_standing(self, standing: Standing) -> Lane:
        """Where a caller's calls go."""
        if standing is Standing.MEMBER:
            return self.members
        if standing in (Standing.TRUSTEE, Standing.OPERATOR):
            return self.trustees
        return self.open
