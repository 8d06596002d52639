"""Launches that start several runs (backfills of orchestrators, asset events), and grants.

Revision ID: 0021
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, PrimaryKeyConstraint, Text, text

from hub.store.types import Id

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    for column in (Column("at_once", Integer), Column("wish", Text), Column("granted", Text)):
        op.add_column("launch", column)
    for table in ("backfill", "backfill_step"):
        op.add_column(table, Column("apart", Boolean))
    op.create_table(
        "launch_effect",
        Column("launch_id", Id, autoincrement=False, nullable=False),
        Column("no", Integer, autoincrement=False, nullable=False),
        Column("job_namespace", Text, nullable=False),
        Column("job_name", Text, nullable=False),
        Column("partition_key", Text),
        Column("begin_at", TIME),
        Column("finish_at", TIME),
        Column("natural_id", Text),
        Column("run_id", Id),
        Column("state", Text),
        Column("ended_at", TIME),
        PrimaryKeyConstraint("launch_id", "no"),
        sqlite_with_rowid=False,
    )
    for name, column, condition in (
        ("launch_effect_of_run", "run_id", "run_id IS NOT NULL"),
        ("launch_effect_unseen", "natural_id", "run_id IS NULL"),
    ):
        which = text(condition)
        op.create_index(name, "launch_effect", [column], sqlite_where=which, postgresql_where=which)
    op.create_table(
        "launch_grant",
        Column("id", Id, primary_key=True, autoincrement=False, nullable=False),
        Column("team", Text, nullable=False),
        Column("orchestrator", Text, nullable=False),
        Column("namespace", Text, nullable=False),
        Column("job", Text, nullable=False),
        Column("conf", Text, nullable=False),
        Column("created_by", Text, nullable=False),
        Column("created_at", TIME, nullable=False),
    )
