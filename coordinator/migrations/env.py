"""Run by Alembic for every command: works on the connection that it was given."""

from __future__ import annotations

from alembic import context

from coordinator.migrations import CONNECTION

context.configure(connection=context.config.attributes[CONNECTION])
context.run_migrations()
