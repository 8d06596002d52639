"""Rules speak of orchestrators too; when the hub itself was away; what rules hold back.

Revision ID: 0009
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, PrimaryKeyConstraint, Text, text

from hub.store.types import Id

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    op.create_table(
        "outage",
        Column("begun_at", TIME, nullable=False),
        Column("ended_at", TIME, nullable=False),
        PrimaryKeyConstraint("begun_at"),
        sqlite_with_rowid=False,
    )
    for column in (
        Column("slot_at", TIME),
        Column("met_at", TIME),
        Column("held", Boolean),
        Column("error", Text),
    ):
        op.add_column("expectation", column)
    op.add_column("incident", Column("orchestrator_id", Id))
    op.create_index(
        "incident_open_orchestrator",
        "incident",
        ["orchestrator_id"],
        sqlite_where=text("resolved_at IS NULL"),
        postgresql_where=text("resolved_at IS NULL"),
    )
