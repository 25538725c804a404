"""Commands run where other users can reach this interpreter, so that processes can be theirs.

An interpreter in a closed home (``/root``) cannot be started by anybody else. In a mount namespace
of its own, a command sees that home open and empty but for the interpreter; nothing outside
changes.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest


def prefix(folder: Path) -> list[str]:
    """What goes before a command; skips the test where no other users can be had.

    :param folder: an empty one, for the interpreter's second place.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can start processes of other users")
    interpreter = Path(sys.executable).resolve()
    closed = [p for p in reversed(interpreter.parents) if not p.stat().st_mode & stat.S_IXOTH]
    if not closed:
        return []
    home, installed = closed[0], interpreter.parent.parent
    if shutil.which("unshare") is None:
        pytest.skip(f"{home} is closed to other users, and there is no unshare")
    quoted = {"home": home, "installed": installed, "second": folder}
    script = (
        "mount --bind {installed} {second} && mount -t tmpfs -o mode=755 none {home} && "
        'mkdir -p {installed} && mount --bind {second} {installed} && exec "$@"'
    ).format(**{name: shlex.quote(str(path)) for name, path in quoted.items()})
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    done = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{home} is closed to other users, and {done.stderr.strip()}")
    return command
