"""Backfills and their steps.

Revision ID: 0019
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    PrimaryKeyConstraint,
    Text,
    text,
)

from hub.store.types import Id

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch
_INDEXES = (
    ("backfill_active", "backfill", ["id"], "active"),
    ("backfill_created", "backfill", ["created_at", "id"], None),
    ("backfill_step_launched", "backfill_step", ["backfill_id"], "state = 'launched'"),
    ("backfill_step_launch", "backfill_step", ["launch_id"], "launch_id IS NOT NULL"),
)


def upgrade() -> None:
    op.create_table(
        "backfill",
        Column("id", Id, primary_key=True, autoincrement=False, nullable=False),
        Column("namespace", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("direction", Text, nullable=False),
        Column("asked", Text, nullable=False),
        Column("plan", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("team", Text),
        Column("created_by", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("reason", Text),
        Column("concurrency", Integer, nullable=False),
        Column("per_job", Integer, nullable=False),
        Column("steps", Integer, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("updated_at", TIME, nullable=False),
        Column("ended_at", TIME),
        Column("active", Boolean, nullable=False),
        Column("version", Integer, nullable=False),
    )
    _steps()
    for name, table, columns, which in _INDEXES:
        where = None if which is None else text(which)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _steps() -> None:
    op.create_table(
        "backfill_step",
        Column("backfill_id", Id, autoincrement=False, nullable=False),
        Column("no", Integer, autoincrement=False, nullable=False),
        Column("orchestrator", Text),
        Column("job_namespace", Text, nullable=False),
        Column("job_name", Text, nullable=False),
        Column("partition", Text),
        Column("asked_partition", Text),
        Column("conf", Text, nullable=False),
        Column("level", Integer, nullable=False),
        Column("writes", Text, nullable=False),
        Column("why", Text, nullable=False),
        Column("after", Text, nullable=False),
        Column("seconds", Float),
        Column("run_id", Id),
        Column("state", Text, nullable=False),
        Column("reason", Text),
        Column("launch_id", Id),
        Column("tries", Integer, nullable=False),
        Column("changed_at", TIME, nullable=False),
        PrimaryKeyConstraint("backfill_id", "no"),
        sqlite_with_rowid=False,
    )
