"""Progress on standard error: bars when a terminal is attached, plain lines otherwise."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 5.0


class Reporter:
    """Says what the simulation does. Safe to call from several threads."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._bars: Progress | None = None
        self._tasks: dict[str, int] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self._last_line: dict[str, float] = {}
        self._lock = threading.Lock()
        self._start = time.monotonic()

    def __enter__(self) -> Reporter:
        if self._console.is_terminal and not self._quiet:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def say(self, text: str) -> None:
        """One line."""
        if self._quiet:
            return
        with self._lock:
            if self._bars is not None:
                self._bars.console.print(text, highlight=False, markup=False)
            else:
                elapsed = time.monotonic() - self._start
                print(f"[{elapsed:7.1f} s] {text}", file=sys.stderr, flush=True)

    def step(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` of something that is counted."""
        if self._quiet:
            return
        with self._lock:
            if self._seen.get(what) == (done, total):
                return
            self._seen[what] = (done, total)
            if self._bars is not None:
                if what not in self._tasks:
                    self._tasks[what] = int(self._bars.add_task(what, total=total))
                self._bars.update(
                    self._tasks[what],  # type: ignore[arg-type]
                    completed=done,
                    total=total,
                )
                return
            now = time.monotonic()
            if done < total and now - self._last_line.get(what, 0.0) < SECONDS_BETWEEN_LINES:
                return
            self._last_line[what] = now
            elapsed = now - self._start
            print(f"[{elapsed:7.1f} s] {what}: {done} of {total}", file=sys.stderr, flush=True)
