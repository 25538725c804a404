"""Keeps the processes of a crash run going, like a service manager does, and kills them.

Only processes that were started here are ever signalled, by their process id.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("coordinator", "trustee", "gateway", "private")
GRACE_SECONDS = 30.0
ORPHAN_SECONDS = 15.0
TAIL_LINES = 12


@dataclass
class Child:
    """One process that is to run. ``due``: when it is to be started again, monotonic seconds."""

    name: str
    role: str
    arguments: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    due: float | None = None
    held: bool = False

    @property
    def alive(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and self.process.poll() is None

    def tail(self) -> str:
        """The end of its log."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n    ".join(lines[-TAIL_LINES:])


class Supervisor:
    """All processes of a run; :meth:`tick` is called often. Safe to call from several threads.

    ``violations``: processes that ended by themselves, and those that outlived a killed parent.
    """

    def __init__(self, logs: Path, environ: Mapping[str, str]) -> None:
        self.children: dict[str, Child] = {}
        self.kills: Counter[str] = Counter()
        self.starts = 0
        self.violations: list[str] = []
        self._logs = logs
        self._environ = {
            **os.environ,
            **environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        self._lock = threading.RLock()
        self._sessions: list[tuple[float, str, int]] = []
        logs.mkdir()

    def add(self, name: str, role: str, *arguments: object) -> None:
        """Name a process: ``python -m ARGUMENTS``; :meth:`tick` starts it."""
        texts = [str(argument) for argument in arguments]
        self.children[name] = Child(name, role, texts, self._logs / f"{name}.log", due=0.0)

    def running(self, role: str) -> list[str]:
        """The names of a role's processes that run now."""
        with self._lock:
            return [c.name for c in self.children.values() if c.role == role and c.alive]

    def kill(self, name: str, pause: float) -> bool:
        """SIGKILL, and a start again after ``pause`` seconds; False if it does not run."""
        with self._lock:
            child = self.children[name]
            if not child.alive or child.process is None:
                return False
            os.kill(child.process.pid, signal.SIGKILL)
            child.process.wait()
            self._sessions.append((time.monotonic(), name, child.process.pid))
            child.due = time.monotonic() + pause
            self.kills[child.role] += 1
            self._note(child, f"killed, starts again in {pause:.2f} s")
            return True

    def hold(self, name: str) -> None:
        """End a process and keep it from starting until :meth:`release`."""
        with self._lock:
            child = self.children[name]
            child.held = True
            self._end([child])

    def release(self, name: str) -> None:
        """Let a held process start again."""
        with self._lock:
            child = self.children[name]
            if child.held:
                child.held, child.due = False, 0.0

    @contextmanager
    def stopped(self, role: str) -> Iterator[None]:
        """End all processes of a role in an orderly way, and start them again afterwards."""
        with self._lock:
            chosen = [child for child in self.children.values() if child.role == role]
            self._end(chosen)
            yield
            for child in chosen:
                child.due = 0.0

    def tick(self) -> None:
        """Start what is due, and notice what has ended by itself."""
        with self._lock:
            now = time.monotonic()
            for child in self.children.values():
                if child.held:
                    continue
                if child.process is not None and child.due is None and not child.alive:
                    code = child.process.returncode
                    self.violations.append(
                        f"{child.name} ended by itself with exit code {code}:\n    {child.tail()}"
                    )
                    child.process, child.due = None, now + 1.0
                if child.due is not None and now >= child.due:
                    self._start(child)
            self._look_for_orphans(now)

    def stop(self) -> None:
        """End everything in an orderly way."""
        with self._lock:
            for child in self.children.values():
                child.held = True
            self._end(list(self.children.values()))

    def _start(self, child: Child) -> None:
        self._note(child, "started")
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                [sys.executable, "-m", *child.arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
            )
        child.due = None
        self.starts += 1

    def _end(self, children: Sequence[Child]) -> None:
        """SIGTERM and wait; SIGKILL, and a violation, for what does not end in time."""
        for child in children:
            if child.alive and child.process is not None:
                child.process.terminate()
        until = time.monotonic() + GRACE_SECONDS
        for child in children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
                self.violations.append(f"{child.name} does not end on SIGTERM:\n    {child.tail()}")
            child.process, child.due = None, None

    def _look_for_orphans(self, now: float) -> None:
        """A killed process must leave none of its own behind."""
        for moment, name, session in list(self._sessions):
            if now < moment + ORPHAN_SECONDS:
                continue
            self._sessions.remove((moment, name, session))
            left = [pid for pid in _processes() if _session_of(pid) == session]
            if left:
                self.violations.append(f"{name}, killed, left processes behind: {left}")

    def _note(self, child: Child, text: str) -> None:
        with child.log.open("a", encoding="utf-8") as log:
            log.write(f"--- {time.strftime('%H:%M:%S')} {text}\n")


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _session_of(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    state, _parent, _group, session = text.rpartition(")")[2].split()[:4]
    return None if state == "Z" else int(session)
