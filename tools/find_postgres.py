"""Print the URL of a PostgreSQL server that the tests may use, or say on stderr that there is none.

``CEFED_TEST_POSTGRES_URL`` is taken as it is. Otherwise a server on this machine that lets us in
without a password will do: the tests make databases of their own in it and drop them again. Called
by ``make test``, ``make crash`` and ``.ci/run``.
"""

from __future__ import annotations

import os
import sys

import psycopg

VARIABLE = "CEFED_TEST_POSTGRES_URL"
CANDIDATES = (
    "postgresql://postgres@127.0.0.1:5432/postgres",
    "postgresql://postgres@/postgres?host=/var/run/postgresql",
    "postgresql:///postgres?host=/var/run/postgresql",
)
SECONDS = 3


def usable(url: str) -> bool:
    """Whether the server answers and lets us make databases."""
    try:
        with psycopg.connect(url, connect_timeout=SECONDS) as connection:
            row = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error:
        return False
    return row is not None and bool(row[0])


def main() -> None:
    """Print one line, or nothing."""
    given = os.environ.get(VARIABLE)
    if given:
        print(given)
        return
    for url in CANDIDATES:
        if usable(url):
            print(url.replace("postgresql:", "postgresql+psycopg:", 1))
            return
    print(
        f"No PostgreSQL answers here, so what is tested on it is skipped; set {VARIABLE}.",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
