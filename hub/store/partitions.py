"""Weeks of `lineage_event` and `change` on PostgreSQL: made ahead, dropped when they are over.

A partition is named by its first day, `change_20261123`, from a Monday 00:00 UTC to the next.
Making and dropping need a lock that the door would have to wait behind, so they ask for it with
a short patience and leave the rest to the next round: weeks are made long before they are needed.
On SQLite there are no partitions and all of this does nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from sqlalchemy import Connection, text

from hub.store.types import from_micros, to_micros

#: The partitioned tables and the column that says when a row arrived.
ARRIVAL = {"lineage_event": "received_at", "change": "at"}
AHEAD = 4
PATIENCE_MS = 50
_WEEK = timedelta(weeks=1)
_BOUNDS = re.compile(r"FROM \('(-?\d+)'\) TO \('(-?\d+)'\)")


class Partition(Struct, frozen=True, order=True):
    """One partition of `table`, which takes rows that arrived in [since, until)."""

    table: str
    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        return f"{self.table}_{self.since:%Y%m%d}"


def week_of(table: str, at: datetime) -> Partition:
    """The partition that a row arriving `at` belongs in."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = day - timedelta(days=day.weekday())
    return Partition(table, monday, monday + _WEEK)


def wanted(now: datetime) -> list[Partition]:
    """The partitions of this week and of those to come."""
    return [week_of(table, now + week * _WEEK) for table in ARRIVAL for week in range(AHEAD + 1)]


def create_ahead(connection: Connection, now: datetime) -> list[str]:
    """Makes the wanted partitions that are missing; their names.

    Raises sqlalchemy's OperationalError when somebody holds the lock longer than our patience.
    """
    if connection.dialect.name != "postgresql":
        return []
    return _create_missing(connection, wanted(now))


def create_between(
    connection: Connection, table: str, since: datetime, until: datetime
) -> list[str]:
    """Makes the partitions for rows that arrived from `since` to `until`, both included."""
    if connection.dialect.name != "postgresql":
        return []
    weeks = [week_of(table, since)]
    while weeks[-1].until <= until:
        weeks.append(week_of(table, weeks[-1].until))
    return _create_missing(connection, weeks)


def drop(connection: Connection, partition: Partition) -> None:
    """Drops a partition and all that is in it. Raises OperationalError when it is in use."""
    _be_impatient(connection)
    connection.execute(text(f"DROP TABLE {partition.name}"))


def existing(connection: Connection, table: str) -> list[Partition]:
    """The weekly partitions of a table, oldest first; the default one is not among them."""
    if connection.dialect.name != "postgresql":
        return []
    bounds = connection.execute(
        text(
            "SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i"
            " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(:table)"
        ),
        {"table": table},
    ).scalars()
    found = [match for bound in bounds if (match := _BOUNDS.search(bound))]
    return sorted(
        Partition(table, from_micros(int(match[1])), from_micros(int(match[2]))) for match in found
    )


def _create_missing(connection: Connection, weeks: list[Partition]) -> list[str]:
    there = {week.name for table in ARRIVAL for week in existing(connection, table)}
    missing = [week for week in weeks if week.name not in there]
    return [week.name for week in missing if _create(connection, week)]


def _create(connection: Connection, week: Partition) -> bool:
    """Attaches an empty table: that locks the parent less than CREATE ... PARTITION OF does.

    False if rows of that week already lie in the default partition; they are as good there.
    """
    column, since, until = ARRIVAL[week.table], to_micros(week.since), to_micros(week.until)
    inside = f"{column} >= {since} AND {column} < {until}"
    found = f"SELECT 1 FROM {week.table}_default WHERE {inside} LIMIT 1"
    if connection.scalar(text(found)):
        return False
    _be_impatient(connection)
    connection.execute(text(f"CREATE TABLE {week.name} (LIKE {week.table} INCLUDING ALL)"))
    connection.execute(
        text(
            f"ALTER TABLE {week.table} ATTACH PARTITION {week.name}"
            f" FOR VALUES FROM ({since}) TO ({until})"
        )
    )
    return True


def _be_impatient(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {PATIENCE_MS}"))
