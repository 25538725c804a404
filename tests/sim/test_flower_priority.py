"""The engine's process behind the nodes': what it starts before keeps its priority."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sim.flower.priority import TASKS

SCRIPT = """
import os, subprocess, sys, threading
from pathlib import Path
from sim.flower.priority import NICENESS, SESSION, SWITCH_SECONDS, give_way

def priorities(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks}

ours = os.getpriority(os.PRIO_PROCESS, 0)
stop = threading.Event()
threading.Thread(target=stop.wait, daemon=True).start()
before = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
give_way()
print(priorities(os.getpid()) == {max(ours, NICENESS)}, priorities(before.pid) == {ours})
group = SESSION.read_text().split()[-1] if SESSION.exists() else str(NICENESS)
print(group == str(NICENESS), abs(sys.getswitchinterval() - SWITCH_SECONDS) < 1e-6)
before.communicate(b"\\n")
stop.set()
"""


@pytest.mark.skipif(not TASKS.is_dir(), reason="only Linux has priorities of threads")
def test_every_thread_gives_way_and_no_process_that_was_started_before() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        start_new_session=True,
    )
    assert done.stdout.splitlines() == ["True True", "True True"]
