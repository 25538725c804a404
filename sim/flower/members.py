"""Which simulated SuperNode is which enterprise.

In a simulation a node's configuration holds ``partition-id`` and ``num-partitions`` only, so the
run configuration names a root folder and a list in it says whose folder each number stands for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from protocols.errors import StorageError
from protocols.files import read_limited, replace_file
from sim.errors import SimulationError

FILE = "members.json"
SCHEMA = "cefed.flower-members/1"
MAX_BYTES = 1 << 24


def write_members(root: Path, folders: Sequence[Path]) -> None:
    """Number the nodes' folders, all of them under ``root``, in their order.

    :raises SimulationError: a folder elsewhere, or the list cannot be written.
    """
    try:
        names = [folder.relative_to(root).as_posix() for folder in folders]
        document = {"schema": SCHEMA, "folders": names}
        replace_file(root / FILE, json.dumps(document, indent=1).encode("utf-8"), durable=False)
    except (ValueError, StorageError) as error:
        raise SimulationError(f"cannot number the nodes under {root}: {error}") from error


def folder_of(root: Path, partition: int) -> Path:
    """A node's folder. :raises SimulationError: no such number, or the list is damaged."""
    names = _names(root)
    if not 0 <= partition < len(names):
        raise SimulationError(f"{root / FILE} has no node {partition}")
    return root / names[partition]


@lru_cache(maxsize=4)
def _names(root: Path) -> tuple[str, ...]:
    try:
        document = json.loads(read_limited(root / FILE, MAX_BYTES))
        if document["schema"] != SCHEMA:
            raise ValueError(SCHEMA)
        return tuple(str(name) for name in document["folders"])
    except (StorageError, ValueError, KeyError, TypeError) as error:
        raise SimulationError(f"{root / FILE} is missing or damaged: {error}") from error
