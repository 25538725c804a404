"""A disk of a few kilobytes that really fills up, and one that really refuses to be written.

A tmpfs, mounted for one test; without the right to mount, these tests are skipped and say so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

PAGE = os.sysconf("SC_PAGE_SIZE")
FILLER = "filler"


@dataclass(frozen=True)
class SmallDisk:
    """A file system of its own at ``path``."""

    path: Path

    def fill(self, free_pages: int = 0) -> None:
        """Leave so many pages free and no more."""
        self.make_room()
        free = os.statvfs(self.path).f_bfree
        with (self.path / FILLER).open("wb") as file:
            file.write(bytes(PAGE * max(0, free - free_pages)))
        assert os.statvfs(self.path).f_bfree == min(free, free_pages)

    def make_room(self) -> None:
        """Take the filler away again."""
        (self.path / FILLER).unlink(missing_ok=True)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing can be written, as after an error of the disk; no file may be open for it."""
        _mount("-o", "remount,ro", str(self.path))
        try:
            yield
        finally:
            _mount("-o", "remount,rw", str(self.path))


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk]:
    """Mount one at ``path``. :param size: as mount takes it: ``64k``, ``4m``."""
    if (why := _missing()) is not None:
        pytest.skip(why)
    path.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path))
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a test that failed may hold files open.
        subprocess.run(["umount", "-l", str(path)], check=True)


@lru_cache(maxsize=1)
def _missing() -> str | None:
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a small disk needs Linux and root"
    done = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if done.returncode == 0 else f"no file system can be mounted here: {done.stderr}"


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
