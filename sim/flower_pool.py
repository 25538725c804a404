"""Nodes of rounds with trustees on Flower's simulation engine, in the place of node processes.

The courier in the ServerApp decides by itself what each node is visited for; this pool starts it
once all rounds are open, and tells from the nodes' answers who has contributed and who has masked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from coordinator.folder import Office
from sim.costs import NodeCosts
from sim.errors import ProcessFailed
from sim.faults import CONTRIBUTION, MASKED, Operation
from sim.flower import engine
from sim.flower.members import write_members
from sim.flower_figures import Answers
from sim.nodes import Answer, Task
from sim.progress import Reporter
from sim.settings import Settings

Listener = Callable[[Answer], None]


class FlowerPool:
    """Runs the nodes of all rounds in one Flower run.

    :param address: the coordinator's ``HOST:PORT``.
    :param listener: called for each visit that was queued, from a thread.
    :param costs: gets the bytes and seconds of every answer.
    """

    def __init__(
        self,
        settings: Settings,
        address: str,
        office: Office,
        listener: Listener,
        costs: NodeCosts,
        reporter: Reporter,
    ) -> None:
        self._settings = settings
        self._office = office
        self._address = address
        self._listener = listener
        self._costs = costs
        self._reporter = reporter
        self._opened: list[str] = []
        self._struck: dict[str, Operation] = {}
        self._expected: dict[tuple[str, Task], Path] = {}
        self._round_of: dict[str, str] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self.run = engine.FlowerRun()

    def strike(self, struck: Mapping[str, Operation]) -> None:
        """Say which nodes do what wrong, so that nobody waits for them."""
        self._struck.update(struck)

    def put(self, round_id: str, folders: Sequence[Path], task: Task = Task.CONTRIBUTE) -> None:
        """Expect an answer of each of these nodes; the courier makes the visits."""
        settled = []
        with self._lock:
            if round_id not in self._opened:
                self._opened.append(round_id)
            for folder in folders:
                self._round_of[folder.name] = round_id
                leaves = task is Task.MASK and self._leaves(folder.name, MASKED)
                # The courier brings releases by itself, and ends when every node has its own.
                if task is Task.FETCH or leaves or self._over.is_set():
                    settled.append((folder, leaves))
                else:
                    self._expected[folder.name, task] = folder
        for folder, gone in settled:
            self._listener(_answer(task, round_id, folder, gone=gone))

    def begin(self, everybody: Sequence[Path]) -> None:
        """All rounds are open: start the run.

        :param everybody: the folders of all nodes, those of late ones included.
        """
        root, work = self._settings.homes, self._settings.work / "flower"
        write_members(root, everybody)
        authority = self._office.authority_file()
        config: dict[str, str | int | float | bool] = {
            "task": "relay",
            "root": str(root.resolve()),
            "rounds": " ".join(self._opened),
            "coordinator": self._address,
            "authority": "" if authority is None else str(authority.resolve()),
            "insecure": authority is None,
        }
        answers = Answers([folder.name for folder in everybody], self._costs)
        self._thread = threading.Thread(
            target=self._work, args=(len(everybody), config, work, answers), daemon=True
        )
        self._thread.start()

    def check(self) -> None:
        """Raise what stopped the run, if anything did."""
        if self._failure is not None:
            raise self._failure

    def finish(self) -> None:
        """Nothing comes after what is queued; the run ends with its rounds."""

    def join(self) -> None:
        """Wait until the run has ended and every answer was heard."""
        if self._thread is not None:
            self._thread.join()
        self.check()

    def stop(self) -> None:
        """End the run before its time, and wait until its processes are gone."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise ProcessFailed("the simulation was stopped")

    def _work(
        self,
        nodes: int,
        config: Mapping[str, str | int | float | bool],
        work: Path,
        answers: Answers,
    ) -> None:
        try:
            self.run = engine.run_on_flower(
                "round",
                nodes,
                config,
                work,
                self._reporter,
                hear=lambda line: self._hear(line, answers),
                check=self._check_stopped,
            )
        except Exception as error:
            self._failure = error
        self._over.set()
        with self._lock:
            left = list(self._expected.items())
            self._expected.clear()
        for (name, task), folder in left:  # the run is over, and they did not come
            text = "the node sent nothing while the run went on"
            self._listener(_answer(task, self._round_of[name], folder, error=text))

    def _hear(self, line: Mapping[str, Any], answers: Answers) -> None:
        name = answers.add(line)
        if not name:
            return
        kinds = str(line["kinds"]).split()
        if CONTRIBUTION in kinds:
            self._settle(name, Task.CONTRIBUTE, line, self._spoilt(name))
        elif line["error"]:
            self._settle(name, Task.CONTRIBUTE, line, str(line["error"]))
        if MASKED in kinds:
            self._settle(name, Task.MASK, line, "")

    def _settle(self, name: str, task: Task, line: Mapping[str, Any], error: str) -> None:
        with self._lock:
            folder = self._expected.pop((name, task), None)
            round_id = self._round_of.get(name, "")
        if folder is not None:
            up = int(line["up"]) if task is Task.CONTRIBUTE else 0
            peak = int(line["peak_rss"])
            self._listener(
                _answer(task, round_id, folder, error=error or None, peak_rss=peak, size=up)
            )

    def _spoilt(self, name: str) -> str:
        """Why the coordinator refuses what this node sends; empty for what is in order."""
        operation = self._struck.get(name)
        if operation is None or operation.at != CONTRIBUTION or operation.what == "duplicate":
            return ""
        return f"its contribution was {operation.what}, as the faults of the run demand"

    def _leaves(self, name: str, at: str) -> bool:
        return self._struck.get(name) == Operation(at, "drop")


def _answer(
    task: Task,
    round_id: str,
    folder: Path,
    *,
    error: str | None = None,
    gone: bool = False,
    peak_rss: int = 0,
    size: int = 0,
) -> Answer:
    # Bytes and seconds of all answers go to the costs as they are told, whatever they were for.
    return Answer(
        task=task,
        round_id=round_id,
        folder=folder,
        error=error,
        sent=size,
        seconds=0.0,
        cpu_seconds=0.0,
        peak_rss=peak_rss,
        gone=gone,
    )
