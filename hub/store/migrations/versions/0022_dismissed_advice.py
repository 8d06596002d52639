"""Advice that a person wants to hear no more of.

Revision ID: 0022
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Text

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"


def upgrade() -> None:
    op.create_table(
        "advice_dismissal",
        Column("key", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("namespace", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("why", Text, nullable=False),
        Column("dismissed_by", Text, nullable=False),
        Column("dismissed_at", BigInteger, nullable=False),  # microseconds since the epoch
        PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
