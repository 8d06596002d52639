"""Schedules over time: what was declared when.

Revision ID: 0008
"""

from __future__ import annotations

import msgspec
from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    PrimaryKeyConstraint,
    Text,
    column,
    select,
    table,
)

from hub.store.types import Id, Timestamp

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch
_WORDS = ("kind", "expression", "timezone", "max_active_runs")
_FLAGS = ("paused", "catchup")
_TIMES = ("start_at", "end_at")


def upgrade() -> None:
    op.create_table(
        "schedule_span",
        Column("job_id", Id, nullable=False),
        Column("since", TIME, nullable=False),
        Column("until", TIME),
        Column("schedule", Text, nullable=False),
        PrimaryKeyConstraint("job_id", "since"),
        sqlite_with_rowid=False,
    )
    _begin_with_what_is_declared()


def _begin_with_what_is_declared() -> None:
    held = table(
        "schedule",
        column("job_id"),
        column("at"),
        *(column(name) for name in _WORDS),
        *(column(name, Boolean) for name in _FLAGS),
        *(column(name, Timestamp) for name in _TIMES),
    )
    spans = table("schedule_span", column("job_id"), column("since"), column("schedule"))
    bind = op.get_bind()
    for rows in bind.execute(select(held)).mappings().partitions(1000):
        bind.execute(
            spans.insert(),
            [
                {
                    "job_id": row["job_id"],
                    "since": row["at"],
                    "schedule": msgspec.json.encode(
                        {name: row[name] for name in (*_WORDS, *_FLAGS, *_TIMES)}
                    ).decode(),
                }
                for row in rows
            ],
        )
