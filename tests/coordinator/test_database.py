"""Schemas of other versions, full disks, read-only databases, and two processes on one database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event, inspect, make_url, text

from coordinator import database, migrations
from coordinator import registry_schema as _registry  # noqa: F401  # adds its tables
from coordinator.board import Board
from coordinator.errors import StoreError
from coordinator.schema import metadata
from coordinator.store import Store
from tests.cohort import Scene
from tests.coordinator.conftest import Opened

ON_POSTGRESQL = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
"""A SQLite file is claimed by the lock of the folder that it is in."""


def is_sqlite(store: Store) -> bool:
    return store.engine.dialect.name == "sqlite"


def test_the_migrations_make_the_tables_of_the_program(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_an_empty_database_is_refused_and_not_made(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cefed coordinator init"):
        Store(url)
    assert not (tmp_path / "board.sqlite").exists()


def test_an_older_database_is_refused_until_it_is_migrated(url: str) -> None:
    engine = database.open_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection, "0001")
    engine.dispose()

    with pytest.raises(StoreError, match=r"has schema 0001.*cefed coordinator migrate"):
        Store(url)
    database.migrate(url)
    Store(url).close()


@pytest.mark.parametrize("step", [Store, database.migrate])
def test_a_newer_database_is_refused(url: str, store: Store, step: object) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreError, match="newer than this program"):
        step(url)  # type: ignore[operator]


def test_migrating_again_changes_nothing(url: str, scene: Scene, board: Board) -> None:
    scene.submit(board, 1)
    before = board._store.rounds()
    database.migrate(url)

    assert board._store.rounds() == before


def test_a_migration_that_fails_leaves_nothing_behind(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = migrations.upgrade

    def upgrade(connection: Connection) -> None:
        real(connection)
        connection.execute(text("SELECT * FROM nothing_like_it"))

    monkeypatch.setattr(migrations, "upgrade", upgrade)
    with pytest.raises(StoreError):
        database.migrate(url)
    monkeypatch.undo()

    engine = database.open_engine(url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()
    Store.create(url).close()


def fill_the_disk(store: Store) -> None:
    """From now on the database has no room."""
    if is_sqlite(store):

        @event.listens_for(store.engine, "checkout")
        def _limit(connection: object, *_: object) -> None:
            connection.execute("PRAGMA max_page_count=1")  # type: ignore[attr-defined]

        return
    with store.engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE "
                "EXCEPTION 'could not extend file: No space left on device' "
                "USING ERRCODE = 'disk_full'; END $$"
            )
        )
        for table in ("entries", "verdicts", "rounds", "mailbox"):
            connection.execute(
                text(
                    f"CREATE TRIGGER no_room BEFORE INSERT ON {table} "
                    "FOR EACH ROW EXECUTE FUNCTION no_room()"
                )
            )


def make_room(store: Store) -> None:
    if is_sqlite(store):

        @event.listens_for(store.engine, "checkout")
        def _lift(connection: object, *_: object) -> None:
            connection.execute("PRAGMA max_page_count=1000000")  # type: ignore[attr-defined]

        return
    with store.engine.begin() as connection:
        connection.execute(text("DROP FUNCTION no_room CASCADE"))


def submit_everybody(scene: Scene, board: Board) -> None:
    """Everybody but the first contributes."""
    for number in range(2, 13):
        scene.submit(board, number)


def test_a_full_disk_acknowledges_nothing_and_passes(
    scene: Scene, board: Board, opened: Opened
) -> None:
    scene.submit(board, 1)
    fill_the_disk(board._store)
    # A page may still have room for a contribution, not for all of them.
    with pytest.raises(StoreError, match="make room") as caught:
        submit_everybody(scene, board)
    assert caught.value.exit_code == 8
    kept = board.rounds()[0].contributions
    assert kept < 12
    make_room(board._store)

    scene.submit(board, 12)
    assert opened.board(scene).rounds() == board.rounds()
    assert board.rounds()[0].contributions == kept + 1


def test_a_read_only_database_is_read_and_acknowledges_nothing(scene: Scene, board: Board) -> None:
    scene.submit(board, 1)
    before, store = board.rounds(), board._store
    statement = (
        "PRAGMA query_only=ON" if is_sqlite(store) else "SET default_transaction_read_only = on"
    )

    @event.listens_for(store.engine, "checkout")
    def _forbid(connection: object, *_: object) -> None:
        connection.execute(statement)  # type: ignore[attr-defined]
        connection.commit()  # type: ignore[attr-defined]

    with pytest.raises(StoreError, match="cannot be written") as caught:
        scene.submit(board, 2)
    assert caught.value.exit_code == 8
    with pytest.raises(StoreError, match="cannot be written"):
        board.create_round(Scene(round_id="round-2").record)
    assert board.rounds() == before
    assert len(list(store.read(scene.round_id))) == 5


CLAIM = """
import sys
from coordinator.errors import StoreError
from coordinator.store import Store
store = Store(sys.argv[1])
try:
    store.claim(wait=0)
except StoreError as error:
    print(error)
else:
    print("claimed")
"""


def claim_elsewhere(url: str) -> str:
    """What another process hears that claims the database."""
    run = subprocess.run(
        [sys.executable, "-c", CLAIM, url],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(database.__file__).parents[1])},
    )
    return run.stdout.strip()


@ON_POSTGRESQL
def test_one_process_serves_a_postgresql_database(url: str, store: Store) -> None:
    store.claim()
    assert "another coordinator process serves this database" in claim_elsewhere(url)
    store.close()
    assert claim_elsewhere(url) == "claimed"


@ON_POSTGRESQL
def test_a_server_that_acknowledges_early_is_told_not_to(url: str, store: Store) -> None:
    options = make_url(url).query["options"]
    hasty = make_url(url).update_query_dict({"options": f"{options} -csynchronous_commit=off"})
    serving = Store(hasty.render_as_string(hide_password=False))
    serving.claim()
    holder = serving._transactions._holder

    assert holder is not None
    assert holder.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
    serving.close()


@ON_POSTGRESQL
def test_a_claim_that_was_lost_is_made_again_before_anything_is_written(
    scene: Scene, opened: Opened
) -> None:
    board = opened.board(scene)
    store = board._store
    store.claim()
    scene.submit(board, 1)
    holder = store._transactions._holder
    assert holder is not None
    session = holder.execute(text("SELECT pg_backend_pid()")).scalar_one()
    holder.commit()
    with store.engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:session)"), {"session": session})

    with pytest.raises(StoreError):
        scene.submit(board, 2)
    scene.submit(board, 2)
    assert store._transactions._holder is not holder
    assert board.rounds()[0].contributions == 2
    assert opened.board(scene).rounds() == board.rounds()


@ON_POSTGRESQL
def test_a_claim_that_another_has_taken_meanwhile_stops_all_writing(
    scene: Scene, opened: Opened
) -> None:
    board = opened.board(scene)
    store, other = board._store, opened.store()
    store.claim()
    holder = store._transactions._holder
    assert holder is not None
    session = holder.execute(text("SELECT pg_backend_pid()")).scalar_one()
    holder.commit()
    with other.engine.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:session)"), {"session": session})
    other.claim()

    for _ in range(3):
        with pytest.raises(StoreError):
            scene.submit(board, 1)
    assert len(list(other.read(scene.round_id))) == 4
