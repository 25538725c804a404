"""The nodes' processes: some that host many nodes, or one for each node with ``--isolate``.

Work is handed out in small batches, in the order of the rounds, to whichever process is free.
"""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sim.errors import ProcessFailed
from sim.faults import Operation
from sim.processes import Child, Processes

BATCH = 4


class Task(StrEnum):
    """What nodes are asked to do on one visit.

    ``CONTRIBUTE`` until the receipt is there; ``MASK`` for the round's certificate; ``STEP`` of a
    totals round, with its bytes; ``FETCH`` what was published; ``TAKE`` a release whose bytes come.
    """

    CONTRIBUTE = "contribute"
    MASK = "mask"
    STEP = "step"
    FETCH = "fetch"
    TAKE = "take"


@dataclass(frozen=True)
class Batch:
    """Some nodes of one round, what they do, and the bytes that each is given for it."""

    task: Task
    round_id: str
    folders: tuple[Path, ...]
    given: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Answer:
    """How one node's part went.

    ``error`` is None when the task is done, and ``gone`` when the node did not turn up, as a fault
    demands. ``reply`` is what it answers to a step. ``sent``: bytes of the contribution. ``up`` and
    ``down``: of all envelopes that left the node and came to it on this visit.
    """

    task: Task
    round_id: str
    folder: Path
    error: str | None
    sent: int
    seconds: float
    cpu_seconds: float
    peak_rss: int
    gone: bool = False
    up: int = 0
    down: int = 0
    reply: bytes = b""


Listener = Callable[[Answer], None]


class NodePool:
    """Threads of this process, each driving one node process at a time.

    :param address: the coordinator's ``HOST:PORT``; empty if nodes dial nobody.
    :param authority: the PEM file of its TLS authority; None for plaintext on loopback.
    :param listener: called for every node, from any of the threads.
    """

    def __init__(
        self,
        processes: Processes,
        address: str,
        authority: Path | None,
        listener: Listener,
        *,
        workers: int,
        isolate: bool,
    ) -> None:
        self._processes = processes
        self._arguments = [address]
        self._arguments += ["--insecure"] if authority is None else ["--authority", str(authority)]
        if not address:
            self._arguments = []
        self._listener = listener
        self._jobs: queue.Queue[Batch | None] = queue.Queue()
        self.failure: Exception | None = None
        drive = self._drive_isolated if isolate else self._drive_host
        self._threads = [
            threading.Thread(target=self._guard, args=(drive, number), daemon=True)
            for number in range(1, workers + 1)
        ]
        for thread in self._threads:
            thread.start()

    def put(
        self,
        round_id: str,
        folders: Sequence[Path],
        task: Task = Task.CONTRIBUTE,
        given: Sequence[bytes] = (),
    ) -> None:
        """Queue a visit to nodes of a round.

        :param given: bytes for each of them, or none at all.
        """
        for start in range(0, len(folders), BATCH):
            part = slice(start, start + BATCH)
            self._jobs.put(Batch(task, round_id, tuple(folders[part]), tuple(given[part])))

    def strike(self, struck: Mapping[str, Operation]) -> None:
        """Nothing to do: the nodes find their faults themselves, and say what came of them."""

    def begin(self, everybody: Sequence[Path]) -> None:
        """Nothing to do: what is queued is worked at already."""

    def finish(self) -> None:
        """Say that nothing comes after what is queued."""
        for _ in self._threads:
            self._jobs.put(None)

    def join(self) -> None:
        """Wait for the threads; their processes are stopped by their owner."""
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        """Nothing to do: who owns the processes stops them, and the threads end with ours."""

    def check(self) -> None:
        """Raise what stopped a thread, if anything did."""
        if self.failure is not None:
            raise self.failure

    def _guard(self, drive: Callable[[int], None], number: int) -> None:
        try:
            drive(number)
        except Exception as error:
            self.failure = error

    def _drive_host(self, number: int) -> None:
        child = self._start(number)
        while (batch := self._jobs.get()) is not None:
            self._send(child, _job(batch))
            for folder in batch.folders:
                self._listener(_answer(self._receive(child), folder, batch))
        self._send(child, None)
        child.process.wait()

    def _send(self, child: Child, job: dict[str, Any] | None) -> None:
        if child.process.stdin is None:
            raise ProcessFailed(f"{child.name} has no input")
        try:
            if job is None:
                child.process.stdin.close()
            else:
                child.process.stdin.write(json.dumps(job).encode("utf-8") + b"\n")
                child.process.stdin.flush()
        except OSError as error:
            raise ProcessFailed(f"{child.name} ended: {child.tail()}") from error

    def _receive(self, child: Child) -> dict[str, Any]:
        line = child.process.stdout.readline() if child.process.stdout is not None else b""
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise ProcessFailed(f"{child.name} ended: {child.tail()}") from error
        return answer

    def _drive_isolated(self, number: int) -> None:
        while (batch := self._jobs.get()) is not None:
            for place, folder in enumerate(batch.folders):
                started = time.perf_counter()
                child = self._start(number)
                one = Batch(batch.task, batch.round_id, (folder,), batch.given[place : place + 1])
                self._send(child, _job(one))
                facts = self._receive(child) | {"seconds": time.perf_counter() - started}
                self._send(child, None)
                child.process.wait()
                self._processes.forget(child)
                self._listener(_answer(facts, folder, batch))

    def _start(self, number: int) -> Child:
        return self._processes.start(f"nodes-{number}", "sim.worker", self._arguments, pipes=True)


def _job(batch: Batch) -> dict[str, Any]:
    return {
        "task": batch.task,
        "round": batch.round_id,
        "folders": [str(folder) for folder in batch.folders],
        "given": [base64.b64encode(data).decode("ascii") for data in batch.given],
    }


def _answer(facts: dict[str, Any], folder: Path, batch: Batch) -> Answer:
    return Answer(
        task=batch.task,
        round_id=batch.round_id,
        folder=folder,
        error=facts.get("error"),
        sent=int(facts.get("sent", 0)),
        seconds=float(facts.get("seconds", 0.0)),
        cpu_seconds=float(facts.get("cpu_seconds", 0.0)),
        peak_rss=int(facts.get("peak_rss", 0)),
        gone=bool(facts.get("gone", False)),
        up=int(facts.get("up", 0)),
        down=int(facts.get("down", 0)),
        reply=base64.b64decode(facts.get("reply", "")),
    )
