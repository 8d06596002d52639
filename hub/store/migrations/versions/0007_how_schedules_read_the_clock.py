"""How a schedule reads the clock: what its runs are called by, and where its intervals lie.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Float, Text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"


def upgrade() -> None:
    op.add_column("schedule", Column("timing", Text))
    op.add_column("schedule", Column("anchor", BigInteger))  # microseconds since the epoch
    op.add_column("schedule", Column("data_interval_s", Float))
