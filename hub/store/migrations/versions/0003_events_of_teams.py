"""How many lineage events belong to each team.

Revision ID: 0003
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

TIME = BigInteger  # microseconds since the epoch
ID = BigInteger().with_variant(Integer, "sqlite")
HOUR = 3_600_000_000
NO_WRITER = 0

# Hours round down before 1970 too.
COUNT_WHAT_IS_THERE = f"""
    INSERT INTO team_event_count (team, hour, event_type, writer_id, value)
    SELECT coalesce(job.team, dataset.team) AS whose,
        event_time - (event_time % {HOUR} + {HOUR}) % {HOUR} AS from_hour,
        event_type, {NO_WRITER}, count(*)
    FROM lineage_event
    LEFT JOIN job ON job.id = lineage_event.job_id
    LEFT JOIN dataset ON dataset.id = lineage_event.dataset_id
    WHERE coalesce(job.team, dataset.team) IS NOT NULL
    GROUP BY whose, from_hour, event_type
"""


def upgrade() -> None:
    op.create_table(
        "team_event_count",
        Column("team", Text, nullable=False),
        Column("hour", TIME, nullable=False),
        Column("event_type", Text, nullable=False),
        Column("writer_id", ID, nullable=False),
        Column("value", BigInteger, nullable=False),
        PrimaryKeyConstraint("team", "hour", "event_type", "writer_id"),
        sqlite_with_rowid=False,
    )
    op.execute(COUNT_WHAT_IS_THERE)
