"""Results of checks since an update along an index; what sensors have seen.

Revision ID: 0017
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Text

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    op.create_index("check_result_since", "check_result", ["dataset_id", "at"])
    op.create_table(
        "sensor_state",
        Column("name", Text, nullable=False),
        Column("declared", Text, nullable=False),
        Column("cursor", Text, nullable=False),
        Column("pending", Text),
        Column("waits_for", Text),
        Column("next_at", TIME, nullable=False),
        Column("looked_at", TIME),
        Column("sighted_at", TIME),
        Column("failures", BigInteger, nullable=False),
        Column("error", Text),
        Column("lease", Text),
        Column("leased_until", TIME),
        PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_index("sensor_state_next_at", "sensor_state", ["next_at"])
