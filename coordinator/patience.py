"""How long the coordinator waits for a caller: for its message, and for it to take a reply.

A thread that waits for somebody else is lost to everybody else, so each wait has an end; what is
overdue is cancelled by the thread that watches (:mod:`coordinator.server`), and by nobody who could
be busy with a round. Used by :mod:`coordinator.guard`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

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


class Patience:
    """The calls that wait for their callers. Safe to use from many threads.

    :param monotonic: a clock in seconds; a parameter for tests.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._until: dict[grpc.ServicerContext, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    @contextmanager
    def within(self, context: grpc.ServicerContext, seconds: float) -> Iterator[None]:
        """Around one wait for the caller of ``context``, which may take ``seconds``."""
        with self._lock:
            self._until[context] = self._monotonic() + seconds
        try:
            yield
        finally:
            with self._lock:
                del self._until[context]

    def end_overdue(self) -> int:
        """Cancel the calls that waited too long; how many. Called every now and then."""
        now = self._monotonic()
        with self._lock:
            overdue = [context for context, until in self._until.items() if until < now]
        for context in overdue:
            context.cancel()
        return len(overdue)
