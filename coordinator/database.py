"""Opening the coordinator's database: SQLite or PostgreSQL, at the schema this program knows.

The only module that knows which database it is, beside the pragmas in :mod:`coordinator.schema`.
Foreign exceptions end here as :class:`StoreError`. Used by :mod:`coordinator.store`, the registry
and ``cefed coordinator init|migrate``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    insert,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from coordinator import migrations, schema
from coordinator.errors import StoreError

CONNECT_SECONDS = 10
LOCK_NAME = "cefed coordinator"
"""What the claim on a PostgreSQL database is called; one schema, one claim."""


def sqlite_url(path: Path) -> str:
    """The URL of the SQLite database in the file ``path``."""
    return f"sqlite:///{path}"


@dataclass(frozen=True)
class Insertion:
    """Of many whole rows, in the driver's own words: preparing every row's values takes longer.

    SQLite takes the rows one by one, without leaving the process. PostgreSQL takes an array for
    each column: one statement, which keeps server and driver for less time than one for each row.
    """

    text: str
    names: tuple[str, ...]
    by_column: bool

    @classmethod
    def into(cls, table: Table, engine: Engine) -> Insertion:
        """An insertion into ``table``."""
        names = tuple(column.name for column in table.columns)
        if engine.dialect.name == "sqlite":
            compiled = insert(table).compile(dialect=engine.dialect)
            return cls(str(compiled), tuple(compiled.positiontup or ()), by_column=False)
        # Types without their lengths: a cast to VARCHAR(16) would cut, a column refuses.
        types = [type(column.type)().compile(engine.dialect) for column in table.columns]
        arrays = ", ".join(f"%b::{name}[]" for name in types)
        quoted = engine.dialect.identifier_preparer.quote
        columns = ", ".join(quoted(name) for name in names)
        statement = (
            f"INSERT INTO {quoted(table.name)} ({columns}) "  # noqa: S608 (the schema's own names)
            f"SELECT * FROM unnest({arrays})"
        )
        return cls(statement, names, by_column=True)

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert ``rows``, which name every column."""
        if self.by_column:
            columns = tuple([row[name] for row in rows] for name in self.names)
            connection.exec_driver_sql(self.text, columns)
        else:
            connection.exec_driver_sql(
                self.text, [tuple(row[name] for name in self.names) for row in rows]
            )


def open_engine(url: str) -> Engine:
    """An engine for ``url``; nothing is connected yet.

    :raises StoreError: no URL of a database that this program can use.
    """
    try:
        parsed = make_url(url)
        dialect = parsed.get_backend_name()
        if dialect == "sqlite":
            # Parameters hold secrets of invitations; no message repeats them.
            engine = create_engine(parsed, hide_parameters=True)
            event.listen(engine, "connect", schema.set_pragmas)
            return engine
        if dialect == "postgresql":
            return create_engine(
                parsed,
                hide_parameters=True,
                pool_pre_ping=True,
                connect_args={"connect_timeout": CONNECT_SECONDS},
            )
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        # The URL may hold a password, and these messages repeat it.
        raise StoreError(
            "the database URL cannot be used: write sqlite:///FILE or "
            "postgresql+psycopg://USER@HOST/NAME"
        ) from error
    raise StoreError(
        f"{dialect} is not supported: use sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
    )


def check_reachable(url: str) -> None:
    """Connect once; nothing is changed. :raises StoreError: no connection, or an unusable URL."""
    engine = open_engine(url)
    try:
        with translated(), engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    finally:
        engine.dispose()


def check_current(engine: Engine) -> None:
    """Refuse a database that another version of this program wrote.

    :raises StoreError: it is empty, older or newer; the message says what to do.
    """
    # Connecting to a SQLite file that is not there would make it.
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    found = None
    if file is None or Path(file).exists():
        with translated(), engine.connect() as connection:
            found = migrations.revision(connection)
    if found == migrations.head():
        return
    if found is None:
        raise StoreError(
            "the coordinator's database is missing or empty: make it with cefed coordinator init"
        )
    if found in migrations.known():
        raise StoreError(
            f"the coordinator's database has schema {found}, this program needs "
            f"{migrations.head()}: stop the coordinator, back the database up and run "
            "cefed coordinator migrate DIR"
        )
    raise StoreError(
        f"the coordinator's database has schema {found[:40]!r}, which is newer than this program "
        f"({migrations.head()}): install the version that wrote it"
    )


def migrate(url: str) -> None:
    """Bring the database at ``url`` to the schema of this program, all or nothing.

    Also makes a new one. Run by ``cefed coordinator init`` and ``migrate``, never while serving.

    :raises StoreError: it cannot be written, or is newer than this program.
    """
    engine = open_engine(url)
    if engine.dialect.name == "sqlite":
        # The driver would begin no transaction before CREATE TABLE.
        event.listen(engine, "connect", _leave_transactions_alone)
        event.listen(engine, "begin", _begin_immediately)
    try:
        with translated(), engine.begin() as connection:
            found = migrations.revision(connection)
            if found is None or found in migrations.known():
                migrations.upgrade(connection)
                return
        check_current(engine)
    finally:
        engine.dispose()


def claim(connection: Connection) -> None:
    """Make ``connection`` the holder of the database for as long as it lives.

    On PostgreSQL an advisory lock of the session, in which a commit is on the disk when it returns.
    A SQLite file lies in the coordinator's folder,
    whose own lock (:mod:`coordinator.folder`) keeps a second process away.

    :raises StoreError: another process holds it.
    """
    if connection.dialect.name != "postgresql":
        return
    taken = connection.execute(
        text("SELECT pg_try_advisory_lock(hashtext(:name || current_schema()))"),
        {"name": LOCK_NAME},
    ).scalar_one()
    # A server may be set to acknowledge before it has written; this program must not.
    connection.execute(
        text(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
    )
    connection.commit()
    if not taken:
        raise StoreError(
            "another coordinator process serves this database; two would write one log. Stop it "
            "first"
        )


@contextmanager
def translated() -> Iterator[None]:
    """Turns the database layer's exceptions into :class:`StoreError`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise store_error(error) from error


def store_error(error: SQLAlchemyError) -> StoreError:
    """What happened, in words that say what to do about it, without parameters or addresses."""
    cause = getattr(error, "orig", None) or error
    words = str(cause).strip().split("\n", 1)[0]
    state = getattr(cause, "sqlstate", None) or ""
    if state.startswith("53") or "disk is full" in words or "disk I/O error" in words:
        return StoreError(
            f"the disk or quota of the coordinator's database is exhausted or fails: {words}. "
            "Nothing was acknowledged; make room, the coordinator goes on by itself"
        )
    if state == "25006" or "readonly" in words or "read-only" in words:
        return StoreError(
            f"the coordinator's database cannot be written: {words}. Nothing was acknowledged; "
            "check the owner and the mount of the database"
        )
    return StoreError(f"the coordinator's database: {words}")


def _leave_transactions_alone(connection: object, _record: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]  # sqlite3's own connection


def _begin_immediately(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
