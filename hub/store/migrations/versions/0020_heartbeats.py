"""Heartbeats, the keys of their slug URLs, and how late a run may start as its job declares it.

Revision ID: 0020
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

ID = BigInteger().with_variant(Integer, "sqlite")
TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    op.add_column("schedule", Column("grace_s", Float))
    op.create_table(
        "heartbeat",
        Column("id", ID, nullable=False, autoincrement=False),
        Column("namespace", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("slug", Text, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("schedule", Text),
        Column("anchor", TIME, nullable=False),
        Column("team", Text),
        Column("orchestrator", Text),
        Column("created_by", Text, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("pinged_at", TIME),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("digest"),
        UniqueConstraint("namespace", "name"),
    )
    op.create_index("heartbeat_slug", "heartbeat", ["namespace", "slug"])
    op.create_table(
        "heartbeat_run",
        Column("heartbeat_id", ID, nullable=False),
        Column("rid", Text, nullable=False),
        Column("run_id", LargeBinary, nullable=False),
        Column("started_at", TIME, nullable=False),
        Column("ended_at", TIME),
        Column("outcome", Text),
        Column("log", Text, nullable=False),
        PrimaryKeyConstraint("heartbeat_id", "rid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ping_key",
        Column("namespace", Text, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("team", Text),
        Column("orchestrator", Text),
        Column("created_by", Text, nullable=False),
        Column("created_at", TIME, nullable=False),
        PrimaryKeyConstraint("namespace"),
        UniqueConstraint("digest"),
        sqlite_with_rowid=False,
    )
