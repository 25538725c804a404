"""The databases that tests of the store and the rounds run on, each test in one of its own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from coordinator.database import sqlite_url

BACKENDS = ("sqlite", "postgresql")
VARIABLE = "CEFED_TEST_POSTGRES_URL"


@contextmanager
def fresh_database(backend: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database: a file in ``folder``, or a schema that is dropped again."""
    if backend == "sqlite":
        yield sqlite_url(folder / "board.sqlite")
        return
    server = os.environ.get(VARIABLE)
    if not server:
        pytest.skip(f"no PostgreSQL to test on: set {VARIABLE}")
    name = f"cefed_test_{secrets.token_hex(8)}"
    engine = create_engine(server)
    try:
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        url = make_url(server).update_query_dict({"options": f"-csearch_path={name}"})
        yield url.render_as_string(hide_password=False)
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    finally:
        engine.dispose()
