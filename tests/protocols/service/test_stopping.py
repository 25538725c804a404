"""The first signal asks, the second one ends."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CODE = """
from protocols.service.stopping import stop_event
stop = stop_event()
print('ready', flush=True)
stop.wait()
print('finishing', flush=True)
{then}
print('done', flush=True)
"""


def start(then: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(then=then)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_lets_it_finish(number: signal.Signals) -> None:
    process = start("pass")
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert out == "finishing\ndone\n"
    assert process.returncode == 0


def test_the_second_signal_ends_it() -> None:
    process = start("import time; time.sleep(30)")
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == "finishing\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
