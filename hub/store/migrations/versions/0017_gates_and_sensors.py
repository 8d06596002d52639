"""Results of checks since an update are found along an index.

Revision ID: 0017
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0014"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"


def upgrade() -> None:
    op.create_index("check_result_since", "check_result", ["dataset_id", "at"])
