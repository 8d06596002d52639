"""Orchestrators that are polled: where polling goes on, and what they answer about their runs.

Revision ID: 0002
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, SmallInteger, Text, text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    op.create_table(
        "declared_orchestrator",
        Column("name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("namespaces", Text, nullable=False),
        Column("team", Text),
        Column("settings", Text, nullable=False),
        Column("declared_by", Text, nullable=False),
        Column("declared_at", TIME, nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "poll",
        Column("orchestrator", Text, nullable=False),
        Column("cursor", Text, nullable=False),
        Column("begun_at", TIME),
        Column("ended_at", TIME),
        Column("complete_at", TIME),
        Column("next_at", TIME, nullable=False),
        Column("failures", BigInteger, nullable=False),
        Column("error", Text),
        Column("progress", Text, nullable=False),
        Column("requests", BigInteger, nullable=False),
        Column("events", BigInteger, nullable=False),
        Column("clock_skew_us", BigInteger),
        PrimaryKeyConstraint("orchestrator"),
    )
    for column in (Column("own_state", Text), Column("queued_at", TIME)):
        op.add_column("run", column)
    for column in (
        Column("own_state", Text),
        Column("queued_at", TIME),
        Column("answered_at", TIME),
        Column("end_heard_at", TIME),
        Column("ends", SmallInteger),
    ):
        op.add_column("attempt", column)
    still_open = text("ended_at IS NULL")
    op.create_index(
        "run_open", "run", ["orchestrator_id"], sqlite_where=still_open, postgresql_where=still_open
    )
