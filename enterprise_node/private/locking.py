"""One private side at a time: a lock that the operating system drops when its holder ends.

It is held as an open transaction of an empty SQLite file, which works alike on Windows and Unix and
never has to be cleaned up after a crash.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from enterprise_node.errors import NodeStoreError, NodeUsageError


class FolderLock:
    """Exclusive use of a node's folder, from :meth:`take` to :meth:`release`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "node.lock"
        self._held: sqlite3.Connection | None = None

    def take(self) -> None:
        """Take the lock at once.

        :raises NodeUsageError: somebody else has it. :raises NodeStoreError: it cannot be taken.
        """
        try:
            connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
            try:
                connection.execute("BEGIN EXCLUSIVE")
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise NodeUsageError(
                    f"{self._path.parent} is in use by another process (cefed node run --watch?): "
                    "stop it first, or leave this to it"
                ) from error
            raise NodeStoreError(
                f"cannot lock {self._path}: {error}; is the disk full or read-only?"
            ) from error
        self._held = connection

    def release(self) -> None:
        """Give the lock back."""
        if self._held is not None:
            self._held.close()
            self._held = None
