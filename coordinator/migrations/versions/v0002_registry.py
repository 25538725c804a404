"""The registry: members, invitations, trustees, revocations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of :mod:`coordinator.registry_schema` as they were at this step."""
    op.create_table(
        "members",
        sa.Column("serial", sa.Integer, primary_key=True),
        sa.Column("enterprise_id", sa.String(100), nullable=False),
        sa.Column("corporate_group", sa.String(100), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("cohort", sa.String(64), nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("replaces", sa.LargeBinary(32)),
        sa.Column("certificate", sa.LargeBinary),
        sa.Column("not_after", sa.BigInteger),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
    )
    op.create_index(
        "members_one_enrolled",
        "members",
        ["enterprise_id"],
        unique=True,
        sqlite_where=sa.text("state = 'enrolled'"),
        postgresql_where=sa.text("state = 'enrolled'"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("enterprise_id", sa.String(100), nullable=False),
        sa.Column("corporate_group", sa.String(100), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("cohort", sa.String(64), nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("taken_by", sa.LargeBinary(32)),
    )
    op.create_table(
        "trustees",
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "revocations",
        sa.Column("serial", sa.Integer, sa.ForeignKey("members.serial"), primary_key=True),
        sa.Column("time", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
    )
