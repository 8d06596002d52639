"""Heartbeats that trackside.yaml declares.

Revision ID: 0027
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"


def upgrade() -> None:
    op.add_column("heartbeat", Column("origin", Text))
