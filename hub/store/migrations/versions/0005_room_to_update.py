"""PostgreSQL leaves room in the pages of rows that are written again and again.

A row whose new version finds room beside the old one, and whose indexed columns stay as they were,
needs no new entries in the table's indexes. Pages that are full already fill up as before.

Revision ID: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

#: The oldest version whose code still works on a store that has this migration.
works_with = "0001"

#: Percent of a page that new rows may take.
FILL = {"run": 60, "attempt": 60, "job": 50, "dataset": 50}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, percent in FILL.items():
            op.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")
