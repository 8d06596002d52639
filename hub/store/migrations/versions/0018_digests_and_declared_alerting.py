"""Digests of teams and routes; targets and routes that are declared over the API.

Revision ID: 0018
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Text

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    op.add_column("delivery", Column("revivals", Integer, nullable=False, server_default="0"))
    op.create_table(
        "digest",
        Column("name", Text, nullable=False),
        Column("plan", Text, nullable=False),
        Column("since", TIME, nullable=False),
        Column("due_at", TIME, nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "declared_alerting",
        Column("part", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("place", Integer, nullable=False),
        Column("told", Text, nullable=False),
        Column("declared_by", Text, nullable=False),
        Column("declared_at", TIME, nullable=False),
        PrimaryKeyConstraint("part", "name"),
    )
