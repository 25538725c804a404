"""Runs commands of one side of a node in the network it was started in.

``python -m tests.isolation.inside SIDE FILE``: SIDE is "node" or "gateway", FILE a JSON list of
argument lists. Several commands share a process, because starting one takes a second. Prints a JSON
list with the interfaces that this process can see, and the outcome of each command.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

from typer.testing import CliRunner

SIDE = sys.argv[1]
if SIDE == "node":
    from enterprise_node.cli import app
else:
    from enterprise_node.gateway.cli import app


def main() -> None:
    """Run the commands and print what came of them."""
    outcomes = []
    for arguments in json.loads(Path(sys.argv[2]).read_bytes()):
        done = CliRunner().invoke(app, arguments)
        error = f"{type(done.exception).__name__}: {done.exception}" if done.exception else ""
        outcomes.append({"code": done.exit_code, "stdout": done.stdout, "error": error})
    interfaces = [name for _, name in socket.if_nameindex()]
    print(json.dumps({"interfaces": interfaces, "outcomes": outcomes}))


if __name__ == "__main__":
    main()
