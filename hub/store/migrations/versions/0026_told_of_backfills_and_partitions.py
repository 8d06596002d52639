"""What orchestrators say of backfills of their own, and of partitions.

Revision ID: 0026
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, LargeBinary, PrimaryKeyConstraint, Text

from hub.store.types import Id

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    op.add_column("run", Column("backfill", Text))
    op.create_table(
        "backfill_told",
        Column("orchestrator_id", Id, nullable=False),
        Column("natural_id", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("about", Text, nullable=False),
        Column("partitions", BigInteger),
        Column("begun_at", TIME),
        Column("ended_at", TIME),
        Column("at", TIME, nullable=False),
        PrimaryKeyConstraint("orchestrator_id", "natural_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "partitions_told",
        Column("dataset_id", Id, nullable=False),
        Column("definition", Text, nullable=False),
        Column("truncated", Boolean, nullable=False),
        Column("statuses", LargeBinary, nullable=False),
        Column("at", TIME, nullable=False),
        PrimaryKeyConstraint("dataset_id"),
        sqlite_with_rowid=False,
    )
