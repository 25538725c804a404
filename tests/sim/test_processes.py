"""Every process that was started is stopped, wherever the interruption finds us."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sim import processes
from sim.errors import ProcessFailed
from sim.processes import Processes, stoppable

SERVER = ("json.tool", ["-"])  # any module that waits for its input


def test_an_interruption_while_a_process_starts_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        process = start(*arguments, **options)
        started.append(process)
        os.kill(os.getpid(), signal.SIGTERM)
        return process

    monkeypatch.setattr(processes.subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt), stoppable(), Processes(tmp_path) as running:
        running.start("waiting", *SERVER, pipes=True)
    assert [process.returncode is not None for process in started] == [True]


def test_nothing_starts_after_the_stop(tmp_path: Path) -> None:
    with Processes(tmp_path) as running:
        child = running.start("waiting", *SERVER, pipes=True)
    assert child.process.returncode is not None
    with pytest.raises(ProcessFailed, match="was stopped"):
        running.start("late", *SERVER, pipes=True)
