"""A process and everything that came of it, so that all of it can be measured and stopped.

Flower's SuperLink starts a SuperExec in a session of its own, which starts the simulation, which
starts Ray's servers and workers. Who is killed in the middle leaves the others behind, so their
identifiers are remembered with their times of birth while their parents still live. Linux only
tells that; elsewhere only the first process is known, and the others are left to Flower.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

GRACE_SECONDS = 15.0
PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class Family:
    """Processes of ours.

    :ivar born: when the first one was adopted, by the monotonic clock.
    """

    def __init__(self) -> None:
        self._first: list[subprocess.Popen[bytes]] = []
        self._births: dict[int, int] = {}
        self._used: dict[tuple[int, int], float] = {}
        self.born = time.monotonic()

    def adopt(self, process: subprocess.Popen[bytes]) -> None:
        """Take a process that was just started, and with it what it will start."""
        self._first.append(process)
        self.born = time.monotonic()

    def measure(self) -> tuple[int, float]:
        """Resident bytes of all of them now, and the processor seconds of all that were seen.

        Memory that several share counts for each, so the sum is an upper bound.
        """
        memory = 0
        for pid, (_, birth, used, pages) in self._look().items():
            memory += pages * _PAGE
            self._used[pid, birth] = used
        return memory, sum(self._used.values())

    def stop(self) -> None:
        """Ask the first ones to end, wait, then end whatever is left."""
        self._look()
        for process in self._first:
            if process.poll() is None:
                process.terminate()
        end = time.monotonic() + GRACE_SECONDS
        for process in self._first:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not (left := self._alive()):
                return
            for pid in left:
                _send(pid, number)
            end = time.monotonic() + 3.0
            while self._alive() and time.monotonic() < end:
                time.sleep(0.1)

    def _alive(self) -> list[int]:
        table = _table()
        return [
            pid for pid, birth in self._births.items() if pid in table and table[pid][1] == birth
        ]

    def _look(self) -> dict[int, tuple[int, int, float, int]]:
        """Everybody who descends from one of ours, and remember who that is."""
        table = _table()
        ours = {process.pid for process in self._first if process.poll() is None}
        ours |= {pid for pid in self._births if pid in table and table[pid][1] == self._births[pid]}
        grown = True
        while grown:
            children = {pid for pid, facts in table.items() if facts[0] in ours} - ours
            ours |= children
            grown = bool(children)
        found = {pid: table[pid] for pid in ours if pid in table}
        self._births |= {pid: facts[1] for pid, facts in found.items()}
        return found


def _table() -> dict[int, tuple[int, int, float, int]]:
    """By process: its parent, birth in clock ticks, processor seconds and resident pages."""
    table: dict[int, tuple[int, int, float, int]] = {}
    if not PROC.is_dir():
        return table
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        # The name in parentheses may hold blanks; fields count from 3 after it.
        fields = text.rpartition(")")[2].split()
        if fields[0] != "Z":
            used = (int(fields[11]) + int(fields[12])) / _TICKS
            table[int(entry.name)] = (int(fields[1]), int(fields[19]), used, int(fields[21]))
    return table


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return  # it has ended meanwhile
