"""Who read a dataset, or a partition of it, between two times.

Revision ID: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"


def upgrade() -> None:
    op.drop_index("run_dataset_of_dataset", "run_dataset")
    op.create_index(
        "run_dataset_of_dataset", "run_dataset", ["dataset_id", "direction", "partition_key", "at"]
    )
