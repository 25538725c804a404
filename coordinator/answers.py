"""What becomes of a wish, from the writing thread to whoever waits for it.

Given once, by :mod:`coordinator.writer`: to a thread that waits (:class:`ThreadAnswer`), or to a
call in an event loop (:class:`coordinator.intake.Parcel`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from coordinator.errors import StoreError


@dataclass(frozen=True)
class Place:
    """Where a statement is in the log, and the log's head right after it."""

    index: int
    kind: str
    hash: bytes


class Answer(Protocol):
    """What the writer sees of the one who waits."""

    @property
    def done(self) -> bool:
        """Whether it was given."""
        ...

    def give(self, place: Place) -> None:
        """The statement is durable and in effect."""
        ...

    def refuse(self, error: Exception) -> None:
        """The statement is not in the log, for this reason."""
        ...


class ThreadAnswer:
    """For a thread that waits: a lock that is given back once."""

    __slots__ = ("_error", "_open", "_place")

    def __init__(self) -> None:
        self._open = threading.Lock()
        self._open.acquire()
        self._place: Place | None = None
        self._error: Exception | None = None

    @property
    def done(self) -> bool:
        """See :class:`Answer`."""
        return self._place is not None or self._error is not None

    def give(self, place: Place) -> None:
        """See :class:`Answer`."""
        self._place = place
        self._open.release()

    def refuse(self, error: Exception) -> None:
        """See :class:`Answer`."""
        self._error = error
        self._open.release()

    def wait(self) -> Place:
        """The place in the log. :raises Exception: what :meth:`refuse` was given."""
        self._open.acquire()
        if self._place is None:
            raise self._error or StoreError("the coordinator stumbled; try again")
        return self._place
