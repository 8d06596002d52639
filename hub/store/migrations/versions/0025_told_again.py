"""Deliveries to channels that forget what they are not told again.

Revision ID: 0025
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, text

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"


def upgrade() -> None:
    op.add_column("delivery", Column("again_at", BigInteger))  # microseconds since the epoch
    there = text("again_at IS NOT NULL")
    op.create_index(
        "delivery_again", "delivery", ["again_at"], sqlite_where=there, postgresql_where=there
    )
