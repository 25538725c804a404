"""One thread between the calls and the writer: envelopes are checked, receipts are signed.

Hashes and signatures are half the time of a small contribution, and the libraries that compute them
let other threads run meanwhile; so they are kept out of the event loop and of the writer. A call
hands in its contribution and waits (:meth:`Intake.take`); the thread checks what has come together,
hands it to the writer, signs what the writer has stored, and wakes the event loop once for all that
is ready. Used by :class:`coordinator.board.Board`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from coordinator.answers import Place
from coordinator.batches import Batches
from coordinator.desk import Desk
from coordinator.errors import StoreError
from protocols.contribution import Arrived
from protocols.signing import VerifyKey

LOG = logging.getLogger("cefed.coordinator")

MAX_BATCH = 64
"""Jobs between two wakings of an event loop: at most some milliseconds."""

GATHER_SECONDS = 0.003
"""Fewer wakings, in which thread and event loop would wait for each other's interpreter lock."""


@dataclass(frozen=True)
class Parcel:
    """A contribution as a call brought it."""

    round_id: str
    data: bytes
    caller: VerifyKey


class Job:
    """One parcel on its way, and the writer's :class:`coordinator.answers.Answer` for it."""

    __slots__ = ("arrival", "error", "future", "intake", "parcel", "place")

    def __init__(self, intake: Intake, parcel: Parcel, future: asyncio.Future[bytes]) -> None:
        self.intake = intake
        self.parcel = parcel
        self.future = future
        self.arrival: tuple[Desk, Arrived] | None = None
        """Its round and what its envelope says, once that was checked."""
        self.place: Place | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether the writer has answered."""
        return self.place is not None or self.error is not None

    def give(self, place: Place) -> None:
        """The contribution is durable and in effect."""
        self.place = place
        self.intake.put(self)

    def refuse(self, error: Exception) -> None:
        """It is not in the log, for this reason."""
        self.error = error
        self.intake.put(self)


Step = Callable[[Job], bytes | None]
"""Goes on with a job: checks its envelope and hands it to the writer, or signs its receipt once the
writer has answered. The receipt; None if the writer's answer is to come. Raises what the call is
refused with."""


class Intake:
    """The thread; made and ended by the board.

    :param step: the board's own work on a job.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._queue = Batches("intake", self._work, MAX_BATCH, GATHER_SECONDS)

    async def take(self, parcel: Parcel) -> bytes:
        """The receipt of ``parcel``, once it is durable. Called in an event loop.

        :raises Exception: what it was refused with.
        """
        job = Job(self, parcel, asyncio.get_running_loop().create_future())
        self.put(job)
        return await job.future

    def put(self, job: Job) -> None:
        """Have the thread go on with a job: one that has come, or one that the writer answered."""
        if not self._queue.put(job):
            _deliver([(job, StoreError("the coordinator is stopping; try again later"))])

    def alive(self) -> bool:
        """Whether the thread still works."""
        return self._queue.alive()

    def close(self) -> None:
        """Finish what has come, then end; after the writer, whose last answers are signed here."""
        self._queue.close()

    def _work(self, batch: list[Job]) -> None:
        _deliver([(job, found) for job in batch if (found := self._go_on(job)) is not None])

    def _go_on(self, job: Job) -> bytes | Exception | None:
        try:
            return self._step(job)
        except Exception as error:  # whatever it is, it is this call's; the guard tells them apart
            return error


def _deliver(ready: list[tuple[Job, bytes | Exception]]) -> None:
    """Wake each event loop that waits for something, once."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[Job, bytes | Exception]]] = {}
    for job, found in ready:
        loops.setdefault(job.future.get_loop(), []).append((job, found))
    for loop, found_here in loops.items():
        try:
            loop.call_soon_threadsafe(_settle, found_here)
        except RuntimeError:  # the loop was closed, and nobody waits any more
            LOG.warning("%d calls ended before their answers", len(found_here))


def _settle(ready: list[tuple[Job, bytes | Exception]]) -> None:
    for job, found in ready:
        if job.future.done():
            continue  # its call was cancelled
        if isinstance(found, Exception):
            job.future.set_exception(found)
        else:
            job.future.set_result(found)
