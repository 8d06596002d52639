"""Subscriptions, their inputs, what came in for them, where they stand; offers of datasets.

Revision ID: 0016
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

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch
_INDEXES = (
    ("subscription_look_at", "subscription", ["look_at"], "look_at IS NOT NULL"),
    ("subscription_input_of", "subscription_input", ["subscription_id"], None),
    ("arrival_of_partition", "arrival", ["subscription_id", "partition", "waits_since"], None),
    ("arrival_waits", "arrival", ["subscription_id"], "waits_since IS NOT NULL"),
    ("arrival_of_update", "arrival", ["update_id"], None),
    ("arrival_of_launch", "arrival", ["launch_id"], "launch_id IS NOT NULL"),
    ("launch_open_of_subscription", "launch", ["subscription_id"], "ended_at IS NULL"),
    (
        "launch_open_of_target",
        "launch",
        ["orchestrator", "job_namespace", "job_name"],
        "ended_at IS NULL",
    ),
    ("waiting_due", "waiting", ["due_at"], "due_at IS NOT NULL"),
    ("waiting_blocked", "waiting", ["subscription_id", "first_at"], "blocked IS NOT NULL"),
)


def upgrade() -> None:
    _subscriptions()
    _arrivals()
    op.create_table(
        "offer",
        Column("namespace", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("visibility", Text, nullable=False),
        Column("teams", Text, nullable=False),
        Column("deprecated_at", TIME),
        Column("deprecation", Text),
        Column("changed_by", Text, nullable=False),
        Column("changed_at", TIME, nullable=False),
        PrimaryKeyConstraint("namespace", "name"),
        sqlite_with_rowid=False,
    )
    for name, table, columns, which in _INDEXES:
        where = None if which is None else text(which)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _subscriptions() -> None:
    op.create_table(
        "subscription",
        Column("id", Id, primary_key=True, autoincrement=False, nullable=False),
        Column("name", Text, nullable=False),
        Column("team", Text),
        Column("spec", Text, nullable=False),
        Column("origin", Text, nullable=False),
        Column("created_by", Text, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("updated_at", TIME, nullable=False),
        Column("since", TIME),
        Column("version", Integer, nullable=False),
        Column("settled_version", Integer, nullable=False),
        Column("paused_at", TIME),
        Column("paused_by", Text),
        Column("pause_reason", Text),
        Column("replay_to", TIME),
        Column("look_at", TIME),
        Column("refusal", Text),
        UniqueConstraint("name"),
    )
    op.create_table(
        "subscription_input",
        Column("namespace", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("subscription_id", Id, autoincrement=False, nullable=False),
        Column("since", TIME, nullable=False),
        PrimaryKeyConstraint("namespace", "name", "subscription_id"),
        sqlite_with_rowid=False,
    )


def _arrivals() -> None:
    op.create_table(
        "arrival",
        Column("subscription_id", Id, autoincrement=False, nullable=False),
        Column("update_id", Id, autoincrement=False, nullable=False),
        Column("partition", Text, nullable=False),
        Column("namespace", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("source_partition", Text, nullable=False),
        Column("at", TIME, nullable=False),
        Column("seen_at", TIME, nullable=False),
        Column("facts", Text, nullable=False),
        Column("old", Boolean, nullable=False),
        Column("waits_since", TIME),
        Column("fate", Text, nullable=False),
        Column("reason", Text),
        Column("launch_id", Id),
        PrimaryKeyConstraint("subscription_id", "update_id", "partition"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "waiting",
        Column("subscription_id", Id, autoincrement=False, nullable=False),
        Column("partition", Text, nullable=False),
        Column("due_at", TIME),
        Column("waiting_for", Text, nullable=False),
        Column("blocked", Text),
        Column("first_at", TIME),
        Column("last_launch_at", TIME),
        Column("changed_at", TIME, nullable=False),
        PrimaryKeyConstraint("subscription_id", "partition"),
        sqlite_with_rowid=False,
    )
