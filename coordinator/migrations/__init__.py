"""The schema's history: one module a step under ``versions``, applied in order by Alembic.

Installed with the package, so that ``cefed coordinator migrate`` needs nothing else. A step is
never changed once it was released; the next one is added as ``versions/vNNNN_what.py`` with
``revision = "NNNN"`` and ``down_revision`` the one before. There is no way down: who needs the
state before a step restores the backup that was made before it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent
CONNECTION = "connection"
"""Under this name ``env.py`` finds the connection to work on."""


def head() -> str:
    """The revision that this program needs."""
    current = _scripts().get_current_head()
    if current is None:
        raise AssertionError("the package holds no migrations")
    return current


def known() -> frozenset[str]:
    """Every revision that there ever was, up to :func:`head`."""
    return frozenset(step.revision for step in _scripts().walk_revisions())


def revision(connection: Connection) -> str | None:
    """The revision of the database behind ``connection``; None if it has no tables of ours."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection, target: str = "head") -> None:
    """Apply every missing step, inside the transaction that ``connection`` is in."""
    config = Config(attributes={CONNECTION: connection})
    # A per cent sign would begin an interpolation.
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    command.upgrade(config, target)


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(FOLDER))
