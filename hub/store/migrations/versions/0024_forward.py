"""How far each receiver has lineage events, and what it did not take.

Revision ID: 0024
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
)

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

ID = BigInteger().with_variant(Integer, "sqlite")
TIME = BigInteger  # microseconds since the epoch


def upgrade() -> None:
    op.create_table(
        "receiver",
        Column("name", Text, nullable=False),
        Column("since", TIME, nullable=False),
        Column("failures", Integer, nullable=False),
        Column("next_at", TIME),
        Column("error", Text),
        Column("sent_at", TIME),
        Column("sent", BigInteger, nullable=False),
        Column("left_out", BigInteger, nullable=False),
        Column("parked", BigInteger, nullable=False),
        Column("passed_over", BigInteger, nullable=False),
        PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "receiver_place",
        Column("receiver", Text, nullable=False),
        Column("block", ID, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("seen_at", TIME, nullable=False),
        PrimaryKeyConstraint("receiver", "block"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "receiver_parked",
        Column("id", ID, nullable=False, autoincrement=False),
        Column("receiver", Text, nullable=False),
        Column("event_id", ID, nullable=False),
        Column("at", TIME, nullable=False),
        Column("reason", Text, nullable=False),
        Column("again", Boolean, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("receiver_parked_of", "receiver_parked", ["receiver", "id"])
