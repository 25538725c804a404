"""Files of lines that only grow: the egress ledger and the decisions.

A line counts once its end is durable; one that a crash cut short is dropped before the next.
"""

from __future__ import annotations

import os
from pathlib import Path

from enterprise_node.errors import NodeStoreError
from protocols.errors import StorageError
from protocols.files import read_limited

MAX_BYTES = 1 << 28


def read_lines(path: Path) -> list[bytes]:
    """The complete lines without their ends; none if there is no file.

    :raises NodeStoreError: unreadable or too large.
    """
    if not path.exists():
        return []
    try:
        data = read_limited(path, MAX_BYTES)
    except StorageError as error:
        raise NodeStoreError(str(error)) from error
    return data[: data.rfind(b"\n") + 1].split(b"\n")[:-1]


def append_line(path: Path, line: bytes) -> None:
    """Add a line and make it durable. :raises NodeStoreError: it cannot be written."""
    complete = sum(len(kept) + 1 for kept in read_lines(path))
    try:
        with path.open("ab") as file:
            file.truncate(complete)
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise NodeStoreError(f"cannot write {path}: {error.strerror}") from error
