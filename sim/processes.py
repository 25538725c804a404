"""Starting the roles as processes of their own, and stopping every one of them again.

Each process gets a session of its own, so that Ctrl-C in the terminal reaches the simulation only,
which then stops the others one by one: SIGTERM by process id, and SIGKILL after a grace period.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

from sim.errors import ProcessFailed

GRACE_SECONDS = 10.0
START_SECONDS = 60.0
LOG_LINES = 5

_SOURCE = Path(__file__).resolve().parent.parent


@dataclass
class Child:
    """A started process and where its log is."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    server: bool

    def check(self) -> None:
        """Raise :class:`ProcessFailed` with the end of the log if the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise ProcessFailed(f"{self.name} ended with exit code {code}: {self.tail()}")

    def tail(self) -> str:
        """The last lines of the log, and where the rest is."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        return " | ".join(lines[-LOG_LINES:]) + f" (log: {self.log})"

    def peak_rss(self) -> int | None:
        """Largest resident memory so far in bytes, where the system tells (Linux)."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return None
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None

    def cpu_seconds(self) -> float | None:
        """Processor time used so far, where the system tells (Linux)."""
        try:
            text = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return None
        # The name in parentheses may hold blanks; user and system time are fields 14 and 15.
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Processes:
    """All processes of a simulation; leaving the context stops them in reverse order.

    A thread of our own starts them. Ctrl-C raises an exception in the main thread, wherever that
    is: between the start of a process and the line that notes it, the process would be left.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._starter = ThreadPoolExecutor(1, "starter")
        self.children: list[Child] = []

    def __enter__(self) -> Processes:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        *,
        pipes: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> Child:
        """Start ``python -m module arguments``; with ``pipes``, stdin and stdout are ours.

        :param variables: of its environment, beside our own.
        :raises ProcessFailed: all processes have been stopped already.
        """
        try:
            starting = self._starter.submit(
                self._start, name, module, arguments, pipes=pipes, variables=variables or {}
            )
        except RuntimeError as error:
            raise ProcessFailed(f"{name} is not started: the simulation was stopped") from error
        return starting.result()

    def _start(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        *,
        pipes: bool,
        variables: Mapping[str, str],
    ) -> Child:
        log = self._logs / f"{name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else file,
                stderr=file,
                env={**environment(), **variables},
                start_new_session=True,
            )
        child = Child(name, process, log, server=not pipes)
        self.children.append(child)
        return child

    def forget(self, child: Child) -> None:
        """Drop a process that has ended by itself."""
        _close(child.process.stdout)
        self.children.remove(child)

    def check(self) -> None:
        """Raise :class:`ProcessFailed` if a coordinator or trustee has ended."""
        for child in list(self.children):
            if child.server:
                child.check()

    def stop(self) -> None:
        """Stop every process: close pipes, SIGTERM, wait, SIGKILL what is left.

        One that is just being started is stopped as well, and none is started afterwards.
        """
        self._starter.shutdown()
        running = [child for child in reversed(self.children) if child.process.poll() is None]
        for child in running:
            _close(child.process.stdin)
            child.process.terminate()
        end = time.monotonic() + GRACE_SECONDS
        for child in running:
            try:
                child.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        for child in self.children:
            _close(child.process.stdout)
        self.children.clear()


def wait_for_address(child: Child, path: Path) -> str:
    """The ``HOST:PORT`` that a server writes once it listens.

    :raises ProcessFailed: it ended, or did not listen in time.
    """
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        child.check()
        if path.exists() and (address := path.read_text(encoding="ascii").strip()):
            return address
        time.sleep(0.05)
    raise ProcessFailed(f"{child.name} does not listen after {START_SECONDS:.0f} s: {child.tail()}")


def run_modules(commands: Sequence[Sequence[str]]) -> list[str]:
    """Run ``python -m MODULE ARGUMENTS`` for several at the same time; their standard outputs.

    :raises ProcessFailed: one of them failed, with what it said.
    """
    with ThreadPoolExecutor(max(1, len(commands))) as pool:
        finished = list(pool.map(_run_module, commands))
    for command, done in zip(commands, finished, strict=True):
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise ProcessFailed(f"{' '.join(command[:3])} failed: {said}")
    return [done.stdout for done in finished]


def run_all(commands: Sequence[Sequence[str]]) -> list[str]:
    """Run several ``cefed`` commands at the same time; see :func:`run_modules`."""
    return run_modules([("cefed", *command) for command in commands])


def run_command(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run ``cefed`` with arguments to its end, whatever the outcome."""
    return _run_module(("cefed", *arguments))


def _run_module(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )


def environment() -> dict[str, str]:
    """Our environment, with this source tree importable and output that is not held back."""
    path = os.pathsep.join(p for p in (str(_SOURCE), os.environ.get("PYTHONPATH", "")) if p)
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


@contextmanager
def stoppable() -> Iterator[None]:
    """Inside, SIGTERM ends the program as Ctrl-C does, so that every process is stopped."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would cut the stopping short
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        try:
            stream.close()
        except OSError:
            return
