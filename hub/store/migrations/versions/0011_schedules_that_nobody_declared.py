"""Schedules of the file and learned ones; maintenance windows.

Revision ID: 0011
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Text

from hub.store.types import Id

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    op.create_table(
        "hub_schedule",
        Column("job_id", Id, nullable=False),
        Column("origin", Text, nullable=False),
        Column("schedule", Text),
        Column("days", Text),
        Column("habit", Text),
        Column("at", TIME, nullable=False),
        Column("looked_at", TIME),
        Column("runs", Id),
        PrimaryKeyConstraint("job_id", "origin"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "maintenance",
        Column("id", Id, nullable=False),
        Column("name", Text, nullable=False),
        Column("team", Text),
        Column("spec", Text, nullable=False),
        Column("declared_by", Text, nullable=False),
        Column("declared_at", TIME, nullable=False),
        Column("over_at", TIME),
        PrimaryKeyConstraint("id"),
    )
    for name in ("origin", "days", "habit"):
        op.add_column("schedule_span", Column(name, Text))
