"""A contribution on its way: from an event loop through the writing thread and back.

A call makes a :class:`Parcel` of what it brings, hands it to the writer
(:mod:`coordinator.writer`) and waits. The writer takes a batch of them, has each envelope checked,
stores them in one transaction, has the receipts signed, and wakes the event loop once for all that
is ready. With a thread for each of these steps the threads waited for each other's interpreter
lock. Used by :class:`coordinator.board.Board`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from coordinator.answers import Place
from coordinator.writer import Wish
from protocols.signing import VerifyKey

LOG = logging.getLogger("cefed.coordinator")


class Rules(Protocol):
    """What the board decides about a contribution; called by the writing thread."""

    def check(self, parcel: Parcel) -> Wish | bytes:
        """Check the envelope: what is to be logged, or the receipt if it is in the log already.

        :raises Exception: what the call is refused with.
        """
        ...

    def acknowledge(self, wish: Wish, place: Place) -> bytes:
        """The receipt of what is stored and in effect now."""
        ...

    def refused(self, error: Exception) -> None:
        """Count what did not come in."""
        ...


class Parcel:
    """One contribution as a call brought it; for the writer an item, and where its answer goes.

    Made in the call's event loop.
    """

    __slots__ = ("_future", "_intake", "_wish", "caller", "data", "done", "round_id")

    def __init__(self, intake: Intake, round_id: str, data: bytes, caller: VerifyKey) -> None:
        self.round_id = round_id
        self.data = data
        self.caller = caller
        self.done = False
        """Whether it was answered."""
        self._intake = intake
        self._wish: Wish | None = None
        self._future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @property
    def answer(self) -> Parcel:
        """See :class:`coordinator.writer.Item`."""
        return self

    def checked(self) -> Wish | None:
        """See :class:`coordinator.writer.Item`: the contribution, once its envelope was checked."""
        try:
            found = self._intake.rules.check(self)
        except Exception as error:  # whatever it is, it is this call's; the guard tells them apart
            self.refuse(error)
            return None
        if isinstance(found, bytes):
            self._settle(found)
            return None
        self._wish = found
        return found

    def give(self, place: Place) -> None:
        """See :class:`coordinator.answers.Answer`."""
        if self._wish is None:
            raise AssertionError("what was not checked is not stored")
        try:
            receipt = self._intake.rules.acknowledge(self._wish, place)
        except Exception as error:
            self.refuse(error)
        else:
            self._settle(receipt)

    def refuse(self, error: Exception) -> None:
        """See :class:`coordinator.answers.Answer`."""
        self._intake.rules.refused(error)
        self._settle(error)

    async def receipt(self) -> bytes:
        """Wait for it; the contribution is durable then. :raises Exception: it was refused."""
        return await self._future

    def _settle(self, found: bytes | Exception) -> None:
        self.done = True
        self._intake.ready.append((self._future, found))


Found = tuple["asyncio.Future[bytes]", bytes | Exception]


class Intake:
    """Where event loops meet the writing thread; made by the board.

    :ivar ready: what the thread has found since it last woke the loops.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.ready: list[Found] = []

    def wake(self) -> None:
        """Wake each event loop that waits for something, once; called after every batch."""
        ready, self.ready = self.ready, []
        loops: dict[asyncio.AbstractEventLoop, list[Found]] = {}
        for found in ready:
            loops.setdefault(found[0].get_loop(), []).append(found)
        for loop, found_here in loops.items():
            try:
                loop.call_soon_threadsafe(_settle, found_here)
            except RuntimeError:  # the loop was closed, and nobody waits any more
                LOG.warning("%d calls ended before their answers", len(found_here))


def _settle(ready: list[Found]) -> None:
    for future, found in ready:
        if future.done():
            continue  # its call was cancelled
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            future.set_result(found)
