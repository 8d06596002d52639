"""What is normal for datasets; their partitions and latest checks are found along an index.

Revision ID: 0012
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Text, text

from hub.store.types import Id

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"


def upgrade() -> None:
    op.create_table(
        "dataset_baseline",
        Column("dataset_id", Id, nullable=False),
        Column("metric", Text, nullable=False),
        Column("payload", Text),
        Column("fitted_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("dataset_id", "metric"),
        sqlite_with_rowid=False,
    )
    named = text("partition_key <> ''")
    op.create_index(
        "dataset_update_partition",
        "dataset_update",
        ["dataset_id", "partition_key", "at"],
        sqlite_where=named,
        postgresql_where=named,
    )
    op.create_index(
        "check_result_at",
        "check_result",
        ["dataset_id", "name", "column_name", "partition_key", "at"],
    )
