"""What should have happened and did not: expectations, baselines, incidents and their history.

Revision ID: 0006
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)

from hub.store.types import Id

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    _expectations()
    _incidents()


def _expectations() -> None:
    op.create_table(
        "expectation",
        Column("rule", Text, nullable=False),
        Column("subject_kind", Text, nullable=False),
        Column("subject_id", Id, nullable=False),
        Column("orchestrator_id", Id, nullable=False),
        Column("shard", SmallInteger, nullable=False),
        Column("due_at", TIME, nullable=False),
        PrimaryKeyConstraint("rule", "subject_kind", "subject_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("expectation_due", "expectation", ["orchestrator_id", "due_at"])
    op.create_table(
        "baseline",
        Column("job_id", Id, nullable=False),
        Column("metric", Text, nullable=False),
        Column("payload", Text),
        Column("fitted_at", TIME, nullable=False),
        PrimaryKeyConstraint("job_id", "metric"),
        sqlite_with_rowid=False,
    )


def _incidents() -> None:
    op.create_table(
        "incident",
        Column("id", Id, primary_key=True, autoincrement=False),
        Column("rule", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("subject_kind", Text, nullable=False),
        Column("subject_id", Id, nullable=False),
        Column("key", Text, nullable=False),
        Column("job_id", Id),
        Column("dataset_id", Id),
        Column("team", Text),
        Column("severity", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("evidence", Text, nullable=False),
        Column("since", TIME, nullable=False),
        Column("opened_at", TIME, nullable=False),
        Column("resolved_at", TIME),
        Column("resolution", Text),
        Column("parent_id", Id),
        Column("impact", Text),
        Column("dry_run", Boolean, nullable=False),
        Column("updated_at", TIME, nullable=False),
        UniqueConstraint("rule", "subject_kind", "subject_id", "key"),
    )
    op.create_index("incident_opened_at", "incident", ["opened_at", "id"])
    op.create_index("incident_parent", "incident", ["parent_id"])
    still_open = text("resolved_at IS NULL")
    for name, column in (
        ("incident_open", "job_id"),
        ("incident_open_dataset", "dataset_id"),
        ("incident_open_subject", "subject_id"),
    ):
        op.create_index(
            name, "incident", [column], sqlite_where=still_open, postgresql_where=still_open
        )
    op.create_table(
        "incident_transition",
        Column("id", Id, primary_key=True, autoincrement=False),
        Column("incident_id", Id, nullable=False),
        Column("at", TIME, nullable=False),
        Column("transition", Text, nullable=False),
        Column("by", Text),
        Column("reason", Text, nullable=False),
        Column("evidence", Text, nullable=False),
        Column("version", BigInteger, nullable=False),
    )
    op.create_index("incident_transition_of", "incident_transition", ["incident_id", "id"])
