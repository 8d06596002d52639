"""The runs of a job that have not ended are found along an index.

Revision ID: 0013
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"


def upgrade() -> None:
    still_open = text("ended_at IS NULL")
    op.create_index(
        "run_open_of_job",
        "run",
        ["job_id", "sort_at"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
