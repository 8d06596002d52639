"""Incidents that are snoozed, escalate and flap, and where each transition led.

Revision ID: 0010
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Text, text

from hub.store.types import Id

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch
_INDEXES = (
    ("incident_due", "due_at", text("due_at IS NOT NULL")),
    ("incident_called", "subject_id", text("resolution IN ('expected', 'new_normal')")),
)


def upgrade() -> None:
    for column in ("snoozed_until", "escalates_at", "due_at"):
        op.add_column("incident", Column(column, TIME))
    op.add_column("incident", Column("flaps", Text))
    for name, column, which in _INDEXES:
        op.create_index(name, "incident", [column], sqlite_where=which, postgresql_where=which)
    for column in ("state", "severity"):
        op.add_column("incident_transition", Column(column, Text))
    op.add_column("incident_transition", Column("parent_id", Id))
    op.create_table(
        "recurrence",
        Column("rule", Text, nullable=False),
        Column("subject_kind", Text, nullable=False),
        Column("subject_id", Id, nullable=False),
        Column("key", Text, nullable=False),
        Column("turns", Text, nullable=False),
        PrimaryKeyConstraint("rule", "subject_kind", "subject_id", "key"),
        sqlite_with_rowid=False,
    )
