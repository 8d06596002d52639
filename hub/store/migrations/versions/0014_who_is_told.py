"""Notifications, deliveries, silences, decisions; targets as what incidents are of.

Revision ID: 0014
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

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch
_INDEXES = (
    ("look_again_at", "look_again", ["at"], None),
    ("notification_due", "notification", ["due_at"], "due_at IS NOT NULL"),
    ("notification_live", "notification", ["group_key"], "state != 'OVER'"),
    ("notification_begun", "notification", ["begun_at"], None),
    ("membership_incident", "membership", ["incident_id"], None),
    ("delivery_due", "delivery", ["next_at"], "next_at IS NOT NULL"),
    ("delivery_dead", "delivery", ["id"], "dead"),
    ("delivery_key", "delivery", ["key"], None),
    ("decision_incident", "decision", ["incident_id", "id"], None),
    ("decision_notification", "decision", ["notification_id", "id"], None),
    ("silence_ends_at", "silence", ["ends_at"], None),
    ("inbound_action_at", "inbound_action", ["at"], None),
)


def upgrade() -> None:
    op.add_column("incident", Column("target_id", Id))
    op.create_table(
        "transition_cursor",
        Column("reader", Text, nullable=False),
        Column("seq", Id, nullable=False),
        PrimaryKeyConstraint("reader"),
    )
    op.create_table(
        "look_again",
        Column("incident_id", Id, autoincrement=False, nullable=False),
        Column("at", TIME, nullable=False),
        PrimaryKeyConstraint("incident_id"),
        sqlite_with_rowid=False,
    )
    _notifications()
    _deliveries()
    _rest()
    for name, table, columns, which in _INDEXES:
        where = None if which is None else text(which)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _notifications() -> None:
    op.create_table(
        "notification",
        Column("id", Id, primary_key=True, autoincrement=False, nullable=False),
        Column("key", Text, nullable=False),
        Column("route", Text, nullable=False),
        Column("targets", Text, nullable=False),
        Column("group_key", Text),
        Column("state", Text, nullable=False),
        Column("standing", Text),
        Column("version", BigInteger, nullable=False),
        Column("loud", Boolean, nullable=False),
        Column("begun_at", TIME, nullable=False),
        Column("told_at", TIME),
        Column("said_at", TIME),
        Column("repeated_at", TIME),
        Column("steps", Integer, nullable=False),
        Column("due_at", TIME),
        UniqueConstraint("key"),
    )
    op.create_table(
        "membership",
        Column("notification_id", Id, autoincrement=False, nullable=False),
        Column("incident_id", Id, autoincrement=False, nullable=False),
        Column("standing", Text, nullable=False),
        PrimaryKeyConstraint("notification_id", "incident_id"),
        sqlite_with_rowid=False,
    )


def _deliveries() -> None:
    op.create_table(
        "delivery",
        Column("id", Id, primary_key=True, autoincrement=False, nullable=False),
        Column("notification_id", Id, nullable=False),
        Column("target", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("standing", Text, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("message", Text, nullable=False),
        Column("loud", Boolean, nullable=False),
        Column("delivered_standing", Text),
        Column("delivered_version", BigInteger, nullable=False),
        Column("delivered_at", TIME),
        Column("held", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("failing_since", TIME),
        Column("next_at", TIME),
        Column("lease", Text),
        Column("leased_until", TIME),
        Column("error", Text),
        Column("dead", Boolean, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("updated_at", TIME, nullable=False),
        UniqueConstraint("notification_id", "target"),
    )


def _rest() -> None:
    op.create_table(
        "decision",
        Column("id", Id, primary_key=True, autoincrement=False, nullable=False),
        Column("at", TIME, nullable=False),
        Column("incident_id", Id),
        Column("notification_id", Id),
        Column("target", Text),
        Column("what", Text, nullable=False),
        Column("reason", Text, nullable=False),
    )
    op.create_table(
        "silence",
        Column("id", Id, primary_key=True, autoincrement=False, nullable=False),
        Column("match", Text, nullable=False),
        Column("starts_at", TIME, nullable=False),
        Column("ends_at", TIME, nullable=False),
        Column("by", Text, nullable=False),
        Column("why", Text, nullable=False),
        Column("created_at", TIME, nullable=False),
    )
    op.create_table(
        "target_health",
        Column("id", Id, primary_key=True, autoincrement=False, nullable=False),
        Column("name", Text, nullable=False),
        Column("failures", Integer, nullable=False),
        Column("failing_since", TIME),
        Column("paused_until", TIME),
        Column("down_since", TIME),
        Column("error", Text),
        Column("delivered_at", TIME),
        UniqueConstraint("name"),
    )
    op.create_table(
        "inbound_action",
        Column("target", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("at", TIME, nullable=False),
        PrimaryKeyConstraint("target", "key"),
    )
