"""A clean stop: the first SIGTERM or SIGINT asks the process to finish what it is doing."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def stop_event() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets; a second one ends the process at once.

    Called once, from the main thread of a serving command. What was acknowledged is durable, so
    that ending at once loses nothing either.
    """
    stop = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        signal.signal(number, ask)
    return stop
