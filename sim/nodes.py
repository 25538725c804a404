"""The nodes' processes: some that host many nodes, or one for each node with ``--isolate``.

Work is handed out in small batches, in the order of the rounds, to whichever process is free.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import ProcessFailed
from sim.processes import Child, Processes

BATCH = 4


@dataclass(frozen=True)
class Batch:
    """Some nodes of one round."""

    round_id: str
    folders: tuple[Path, ...]


@dataclass(frozen=True)
class Answer:
    """How one node's part went. ``error`` is None when it has its receipt."""

    round_id: str
    folder: Path
    error: str | None
    bytes: int
    seconds: float
    cpu_seconds: float
    peak_rss: int


Listener = Callable[[Answer], None]


class NodePool:
    """Threads of this process, each driving one node process at a time.

    :param address: the coordinator's ``HOST:PORT``.
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

    def put(self, round_id: str, folders: list[Path]) -> None:
        """Queue the nodes of a round."""
        for start in range(0, len(folders), BATCH):
            self._jobs.put(Batch(round_id, tuple(folders[start : start + BATCH])))

    def finish(self) -> None:
        """Say that no round comes after those queued."""
        for _ in self._threads:
            self._jobs.put(None)

    def join(self) -> None:
        """Wait for the threads; their processes are stopped by their owner."""
        for thread in self._threads:
            thread.join()

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
            job = {"round": batch.round_id, "folders": [str(f) for f in batch.folders]}
            self._send(child, job)
            for folder in batch.folders:
                self._listener(_answer(self._receive(child), folder, batch.round_id))
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
            for folder in batch.folders:
                started = time.perf_counter()
                child = self._start(number)
                self._send(child, {"round": batch.round_id, "folders": [str(folder)]})
                facts = self._receive(child) | {"seconds": time.perf_counter() - started}
                self._send(child, None)
                child.process.wait()
                self._processes.forget(child)
                self._listener(_answer(facts, folder, batch.round_id))

    def _start(self, number: int) -> Child:
        return self._processes.start(f"nodes-{number}", "sim.worker", self._arguments, pipes=True)


def _answer(facts: dict[str, Any], folder: Path, round_id: str) -> Answer:
    return Answer(
        round_id=round_id,
        folder=folder,
        error=facts.get("error"),
        bytes=int(facts.get("bytes", 0)),
        seconds=float(facts.get("seconds", 0.0)),
        cpu_seconds=float(facts.get("cpu_seconds", 0.0)),
        peak_rss=int(facts.get("peak_rss", 0)),
    )
