"""Runs a command and ends it when whoever started this is gone: ``python guard.py COMMAND ...``.

A simulation that is killed cannot stop its SuperLink, and everything that Flower and Ray started
would go on. Standard input is a pipe that the system closes then. Started as a file, from any
folder, so it imports nothing of ours.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading


def main() -> None:
    """Start the command, and end with its exit code."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def end(*_: object) -> None:
        child.terminate()

    def watch() -> None:
        sys.stdin.buffer.read()
        child.terminate()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=watch, daemon=True).start()
    sys.exit(child.wait())


if __name__ == "__main__":
    main()
