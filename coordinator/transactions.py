"""How the store reads and writes: one transaction after the other, and by one process only.

Of the process's own threads a lock lets one write at a time, so that none of them waits for the
database's locks. Another process is kept away by :meth:`Transactions.claim`: from then on all
writes use the connection that holds the claim, so that one that was lost, and with it the claim, is
noticed before anything is written. Used by :class:`coordinator.store.Store`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Select
from sqlalchemy.exc import SQLAlchemyError

from coordinator import database
from coordinator.database import translated
from coordinator.errors import StoreError

CLAIM_PAUSE = 0.1


class Transactions:
    """All use of one engine by a store. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = threading.Lock()
        self._claimed = False
        self._holder: Connection | None = None

    def claim(self, wait: float) -> None:
        """Hold the database until :meth:`close`; see :meth:`coordinator.store.Store.claim`."""
        until = time.monotonic() + wait
        with self._writing:
            while True:
                try:
                    self._hold()
                    break
                except StoreError:
                    if time.monotonic() >= until:
                        raise
                    time.sleep(CLAIM_PAUSE)
            self._claimed = True

    def close(self) -> None:
        """Give the claim back and release every connection."""
        with self._writing:
            self._drop()
            self._claimed = False
            self._engine.dispose()

    def fetch(self, query: Select[Any]) -> Sequence[Any]:
        """All rows of ``query``. :raises StoreError: the database cannot be read."""
        with translated(), self._engine.connect() as connection:
            return connection.execute(query).all()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, after all others of this process.

        :raises StoreError: it cannot be committed; whether it was may then be unknown.
        """
        with self._writing, translated():
            if not self._claimed:
                with self._engine.begin() as connection:
                    yield connection
                return
            holder = self._hold()
            try:
                with holder.begin():
                    yield holder
            except SQLAlchemyError:
                if holder.invalidated:
                    self._drop()
                raise

    def _hold(self) -> Connection:
        """The connection that has the claim; claimed anew after it was lost."""
        if self._holder is None:
            with translated():
                connection = self._engine.connect()
                try:
                    database.claim(connection)
                except BaseException:
                    connection.close()
                    raise
            self._holder = connection
        return self._holder

    def _drop(self) -> None:
        if self._holder is not None:
            if not self._holder.invalidated:
                self._holder.detach()  # not back to the pool: the claim ends with the session
            self._holder.close()
            self._holder = None
