"""Checking contributions after they were acknowledged: form, ciphertexts, proof of knowledge.

Worker processes read the contributions from the store themselves, at low priority, so that the
serving process only hands out places in logs and stores verdicts. Nothing is counted without one;
what had none when the process ended is examined again. While contributions crowd in, those of open
rounds wait: checking one takes ten times as long as accepting it, so that a pause of minutes is
caught up in minutes, and whoever sends waits a tenth less. A round that ended never waits.
Without workers (tests, small rounds) the same happens in the calling thread. Called by
:meth:`coordinator.board.Board.advance`, one thread at a time.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from coordinator.desk import Desk
from coordinator.errors import StoreError
from coordinator.metrics import Metrics
from coordinator.states import State
from coordinator.store import Store, Verdict
from protocols.contribution import read, verify_proof
from protocols.errors import ProtocolError
from protocols.layout import Layout
from protocols.paillier import PublicKey, encryptor_for
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.signing import open_signed
from protocols.terms import CeremonyReader

LOG = logging.getLogger("cefed.coordinator")

CHUNK_CIPHERTEXTS = 512
"""About a fifth of a second of work at 3072 bits."""

MAX_CHUNK = 32
CHUNKS_PER_WORKER = 2
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 60.0
"""Seconds before dead workers are replaced: twice as long each time, until one has finished."""

NICENESS = 10
"""Acceptance goes first: whoever sends waits for it, nobody waits for a proof."""


@dataclass(frozen=True)
class Examined:
    """What a worker found, and the seconds that it took."""

    verdicts: list[Verdict]
    seconds: float


class Examination:
    """Checks the contributions of the rounds whose terms it reads from the store."""

    def __init__(self, store: Store, read_ceremony: CeremonyReader) -> None:
        self._store = store
        self._read_ceremony = read_ceremony
        self._terms: dict[str, tuple[Plan, Layout, Roster, PublicKey]] = {}

    def examine(self, round_id: str, indexes: Sequence[int]) -> Examined:
        """A verdict for each contribution at ``indexes``. :raises StoreError: it cannot be read."""
        start = time.perf_counter()
        verdicts = [self._verdict(round_id, index) for index in indexes]
        return Examined(verdicts, time.perf_counter() - start)

    def _verdict(self, round_id: str, index: int) -> Verdict:
        plan, layout, roster, key = self._terms_of(round_id)
        data = self._store.payload(round_id, index)
        try:
            verify_proof(read(data, plan, layout, roster, key), encryptor_for(key))
        except ProtocolError as error:
            return Verdict(index, False, f"{type(error).__name__}: {error}")
        return Verdict(index, True)

    def _terms_of(self, round_id: str) -> tuple[Plan, Layout, Roster, PublicKey]:
        if round_id not in self._terms:
            record = self._store.record(round_id)
            if record is None:
                raise StoreError(f"round {round_id} is not in the store")
            plan = Plan.from_bytes(open_signed(record.plan, "plan").payload)
            key = self._read_ceremony(record.ceremony).key.public
            roster = Roster.from_bytes(record.roster)
            self._terms[round_id] = plan, Layout(plan, key.bits), roster, key
        return self._terms[round_id]


class Examiner:
    """Hands contributions to workers and takes their verdicts.

    :param workers: processes; 0 to examine in the calling thread.
    :param on_ready: called from another thread when a worker has finished a chunk.
    :param crowded: whether contributions come as fast as they can be taken.
    """

    def __init__(
        self,
        store: Store,
        read_ceremony: CeremonyReader,
        workers: int,
        *,
        metrics: Metrics,
        on_ready: Callable[[], None],
        crowded: Callable[[], bool],
    ) -> None:
        self._store = store
        self._read_ceremony = read_ceremony
        self._workers = workers
        self._metrics = metrics
        self._on_ready = on_ready
        self._crowded = crowded
        self._here = Examination(store, read_ceremony)
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[Future[Examined], tuple[Desk, list[int]]] = {}
        self._losses = 0
        self._rests_until = 0.0

    def work(self, desk: Desk) -> bool:
        """Hand out what ``desk`` has waiting, and store what is ready; True if anything was done.

        While contributions crowd in, an open round's wait.

        :raises StoreError: a verdict cannot be stored, or a contribution cannot be read; what was
            not stored is examined again.
        """
        waits = desk.round.state is State.OPEN and self._crowded()
        if not self._workers:
            return not waits and self._examine_here(desk)
        done = self._collect(desk)
        if waits or (self._pool is None and time.monotonic() < self._rests_until):
            return done
        while self.busy < self._workers * CHUNKS_PER_WORKER:
            indexes = desk.hand_out(_chunk(desk))
            if not indexes:
                break
            self._submit(desk, indexes)
        return done

    @property
    def busy(self) -> int:
        """How many chunks the workers have not finished."""
        return sum(not future.done() for future in self._running)

    def forget(self, desk: Desk) -> None:
        """Let go of what is examined, or was, for a round that needs no verdicts any more."""
        for future in [f for f, (of, _) in self._running.items() if of is desk]:
            future.cancel()
            if future.done():
                del self._running[future]

    def close(self) -> None:
        """End the workers; what they had not finished is examined after the next start."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _examine_here(self, desk: Desk) -> bool:
        indexes = desk.hand_out(desk.unexamined)
        if not indexes:
            return False
        try:
            self._store_verdicts(desk, self._here.examine(desk.round_id, indexes))
        except BaseException:
            desk.hand_back(indexes)
            raise
        return True

    def _submit(self, desk: Desk, indexes: list[int]) -> None:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(self._store.url, self._read_ceremony),
            )
        try:
            future = self._pool.submit(_examine, desk.round_id, indexes)
        except BrokenProcessPool:
            desk.hand_back(indexes)
            self._replace()
            return
        self._running[future] = desk, indexes
        future.add_done_callback(lambda _: self._on_ready())

    def _collect(self, desk: Desk) -> bool:
        """Take what the workers found about ``desk``."""
        ready = [f for f, (of, _) in self._running.items() if of is desk and f.done()]
        for future in ready:
            _, indexes = self._running.pop(future)
            try:
                self._store_verdicts(desk, future.result())
                self._losses = 0
            except BrokenProcessPool:
                desk.hand_back(indexes)
                self._replace()
            except BaseException:
                desk.hand_back(indexes)
                raise
        return bool(ready)

    def _store_verdicts(self, desk: Desk, examined: Examined) -> None:
        try:
            self._store.put_verdicts(desk.round_id, examined.verdicts)
        except StoreError:
            # If they were stored after all, the next try must not store them again.
            desk.read_verdicts()
            raise
        self._metrics.verdict_seconds.inc(examined.seconds)
        for verdict in examined.verdicts:
            desk.take_verdict(verdict)
            self._metrics.verdicts.labels("valid" if verdict.valid else "invalid").inc()
            if not verdict.valid:
                LOG.warning(
                    "round %s: contribution %d is not counted: %s",
                    desk.round_id,
                    verdict.index,
                    verdict.reason,
                )

    def _replace(self) -> None:
        """A worker died, and with it the pool: another is started, later if that goes on."""
        if self._pool is None:
            return
        pause = min(FIRST_PAUSE * 2**self._losses, LONGEST_PAUSE)
        LOG.error("a proof worker died; starting new ones in %.1f s", pause)
        self._metrics.workers_lost.inc()
        self._losses = min(self._losses + 1, 16)
        self._rests_until = time.monotonic() + pause
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None


def _chunk(desk: Desk) -> int:
    return max(1, min(MAX_CHUNK, CHUNK_CIPHERTEXTS // len(desk.round.terms.layout.labels)))


_examination: Examination | None = None
"""What a worker process works with; None in every other process."""


def _start(url: str, read_ceremony: CeremonyReader) -> None:
    """Run once in each worker process."""
    global _examination
    for meant_for_the_parent in (signal.SIGINT, signal.SIGTERM):
        signal.signal(meant_for_the_parent, signal.SIG_IGN)
    os.nice(NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _examination = Examination(Store(url), read_ceremony)


def _end_with_parent() -> None:
    """A killed coordinator leaves no workers behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _examine(round_id: str, indexes: list[int]) -> Examined:
    """Run in a worker process."""
    if _examination is None:
        raise AssertionError("only a worker examines")
    return _examination.examine(round_id, indexes)
