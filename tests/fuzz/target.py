"""What a target is: a reader of somebody else's bytes, valid inputs, and how it may refuse."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from protocols.errors import ProtocolError

Read = Callable[[bytes], object]

MEMORY = Path("/dev/shm")
"""Where scratch folders are quick to make; elsewhere the system's temporary folder serves."""


PLACE = "CEFED_FUZZ_FOLDER"
"""Names another folder for them: the long run's, which removes all that a killed process left."""


@dataclass(frozen=True)
class Target:
    """One reader.

    :ivar seeds: valid inputs; made when they are asked for. Each of them is accepted.
    :ivar refusals: the documented exceptions; any other that comes out is a defect.
    :ivar cost: how much dearer than a plain decoder it is; the long run divides by it.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    read: Read
    refusals: tuple[type[Exception], ...] = (ProtocolError,)
    cost: int = 1

    def __call__(self, data: bytes) -> bool:
        """Whether the input is accepted. Everything undocumented passes through."""
        try:
            self.read(data)
        except self.refusals:
            return False
        return True


def scratch() -> Path:
    """A new folder that nobody else uses."""
    place = os.environ.get(PLACE) or (MEMORY if MEMORY.is_dir() else None)
    return Path(tempfile.mkdtemp(prefix="cefed-fuzz-", dir=place))


def restored(folder: Path, template: Path) -> Path:
    """``folder`` with the content of ``template`` and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
    return folder
