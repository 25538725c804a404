"""Runs a command and watches its memory, that of every process which came of it included."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sim.flower.family import Family
from sim.processes import environment

POLL_SECONDS = 0.5
SAID = 4000


@dataclass(frozen=True)
class Watched:
    """How it ended. ``peak_bytes``: resident memory of all processes together, at its highest.

    Memory that several processes share counts for each, so it is an upper bound.
    """

    code: int
    said: str
    seconds: float
    peak_bytes: int


def run_watched(arguments: Sequence[str]) -> Watched:
    """Run ``cefed`` with arguments to its end, whatever the outcome; stops what it leaves."""
    family, peak, started = Family(), 0, time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cefed", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=environment(),
            start_new_session=True,
        )
        family.adopt(process)
        try:
            while process.poll() is None:
                memory, _ = family.measure()
                peak = max(peak, memory)
                time.sleep(POLL_SECONDS)
        finally:
            family.stop()
        log.seek(0)
        said = log.read().decode("utf-8", "replace")[-SAID:].strip()
    return Watched(process.returncode, said, time.monotonic() - started, peak)
