"""Launches, their steps, and what keeps them back.

Revision ID: 0015
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    text,
)

from hub.store.types import Id

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch
_INDEXES = (
    ("launch_due", ["next_at"], "next_at IS NOT NULL"),
    ("launch_look", ["look_at"], "look_at IS NOT NULL"),
    ("launch_open", ["state"], "ended_at IS NULL"),
    ("launch_dead", ["id"], "state = 'dead'"),
    ("launch_natural_id", ["natural_id"], "natural_id IS NOT NULL"),
    ("launch_of_run", ["run_id"], "run_id IS NOT NULL"),
    ("launch_again", ["failed_run_id"], "failed_run_id IS NOT NULL"),
    ("launch_of_subscription", ["subscription_id", "created_at"], "subscription_id IS NOT NULL"),
    ("launch_of_target", ["orchestrator", "job_namespace", "job_name", "begun_at"], None),
    ("launch_created", ["created_at", "id"], None),
)


def upgrade() -> None:
    op.create_table(
        "launch",
        Column("id", Id, primary_key=True, autoincrement=False, nullable=False),
        Column("key", Text, nullable=False),
        Column("orchestrator", Text, nullable=False),
        Column("job_namespace", Text, nullable=False),
        Column("job_name", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("partition_key", Text),
        Column("conf", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("subscription_id", Id),
        Column("team", Text),
        Column("asked_by", Text),
        Column("cause", Text, nullable=False),
        Column("rerun", Text),
        Column("rerun_of", Id),
        Column("failed_run_id", Id),
        Column("rerun_no", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("reason", Text),
        Column("released", Boolean, nullable=False),
        Column("next_at", TIME),
        Column("give_up_at", TIME),
        Column("attempts", Integer, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("failing_since", TIME),
        Column("begun_at", TIME),
        Column("lease", Text),
        Column("leased_until", TIME),
        Column("natural_id", Text),
        Column("url", Text),
        Column("run_id", Id),
        Column("launched_at", TIME),
        Column("ended_at", TIME),
        Column("look_at", TIME),
        Column("created_at", TIME, nullable=False),
        Column("updated_at", TIME, nullable=False),
        UniqueConstraint("key"),
    )
    _beside()
    for name, columns, which in _INDEXES:
        where = None if which is None else text(which)
        op.create_index(name, "launch", columns, sqlite_where=where, postgresql_where=where)


def _beside() -> None:
    op.create_table(
        "launch_step",
        Column("launch_id", Id, autoincrement=False, nullable=False),
        Column("no", Integer, autoincrement=False, nullable=False),
        Column("at", TIME, nullable=False),
        Column("what", Text, nullable=False),
        Column("reason", Text, nullable=False),
        PrimaryKeyConstraint("launch_id", "no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "launch_target",
        Column("orchestrator", Text, nullable=False),
        Column("job_namespace", Text, nullable=False),
        Column("job_name", Text, nullable=False),
        Column("lease", Text),
        Column("leased_until", TIME),
        PrimaryKeyConstraint("orchestrator", "job_namespace", "job_name"),
    )
    op.create_table(
        "launch_stop",
        Column("orchestrator", Text, nullable=False),
        Column("at", TIME, nullable=False),
        Column("by", Text, nullable=False),
        Column("why", Text, nullable=False),
        PrimaryKeyConstraint("orchestrator"),
    )
