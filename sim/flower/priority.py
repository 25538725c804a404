"""The engine's process behind the nodes' processes, and both behind those of all other roles.

Flower's engine looks for messages without a pause, in the process in which the ServerApp runs. With
as many nodes at work as there are cores, that takes one from them to find more than they can take;
while trustees work, to find nothing. Behind the others it gets what they leave, which is as much as
they need.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

NICENESS = 10
SWITCH_SECONDS = 0.0002
"""How long a thread of the engine may keep the others waiting. Python's 5 ms, at each of the many
steps from a node's answer to its next message, is longer than the node works on it."""

TASKS = Path("/proc/self/task")
"""Linux has a priority for each thread, and threads inherit it; elsewhere nothing is done."""

SESSION = Path("/proc/self/autogroup")
"""Linux shares the processor between sessions first, if it is set up so, and then between the
threads of each: the priority of the session, which the engine and its nodes have in common."""


def give_way() -> None:
    """Lower the priority of every thread of this process, and of its session.

    Processes of the session that were started before keep theirs within it.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    with suppress(OSError):  # there are no such groups
        SESSION.write_text(str(NICENESS), encoding="ascii")
    if not TASKS.is_dir():
        return
    for task in TASKS.iterdir():
        try:
            thread = int(task.name)
            now = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, max(now, NICENESS))
        except OSError:
            continue  # the thread has ended meanwhile
