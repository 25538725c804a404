"""Everything that came of a started process is stopped, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.flower.engine import GUARD
from sim.flower.family import Family

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="Linux tells it")

GRANDCHILD = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], "
    "start_new_session=True)\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(600)\n"
)


def start(program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)


def runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def grandchild_of(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_a_grandchild_in_another_session_is_stopped_with_the_rest() -> None:
    family, stranger = Family(), start("import time; time.sleep(600)")
    try:
        first = start(GRANDCHILD)
        family.adopt(first)
        pid = grandchild_of(first)
        memory, _ = family.measure()
        assert memory > 1 << 20
        family.stop()
        assert first.poll() is not None
        assert not runs(pid)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_orphan_that_was_seen_is_stopped_all_the_same() -> None:
    family, first = Family(), start(GRANDCHILD)
    family.adopt(first)
    pid = grandchild_of(first)
    family.measure()
    first.kill()
    first.wait()
    time.sleep(0.1)
    assert runs(pid)
    family.stop()
    assert not runs(pid)


def test_a_guarded_command_ends_when_whoever_started_it_is_gone() -> None:
    program = (
        "import subprocess, sys\n"
        "guard = subprocess.Popen([sys.executable, sys.argv[1], sys.executable, '-c', "
        "'import os, time; print(os.getpid(), flush=True); time.sleep(600)'], "
        "stdin=subprocess.PIPE, start_new_session=True)\n"
        "guard.wait()\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", program, str(GUARD)], stdout=subprocess.PIPE)
    pid = grandchild_of(starter)
    assert runs(pid)
    starter.kill()
    starter.wait()
    end = time.monotonic() + 10.0
    while runs(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not runs(pid)
