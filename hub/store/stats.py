"""Figures over time: lineage events by type, and how many jobs, datasets and sources there were."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, func, select

from hub.store.counts import recorded
from hub.store.tables import dataset, event_count, job, source

Counted = Literal["jobs", "datasets", "sources"]
_TABLES = {"jobs": job, "datasets": dataset, "sources": source}


def events_between(connection: Connection, bounds: Sequence[datetime]) -> list[dict[str, int]]:
    """How many lineage events of each type fell into each interval between two bounds.

    Counts are kept by the hour of event time: a bound within an hour rounds down to it.
    """
    rows = connection.execute(
        select(event_count.c.hour, event_count.c.event_type, func.sum(event_count.c.value))
        .where(event_count.c.hour >= bounds[0], event_count.c.hour < bounds[-1])
        .group_by(event_count.c.hour, event_count.c.event_type)
    )
    found: list[Counter[str]] = [Counter() for _ in bounds[1:]]
    for hour, kind, value in rows:
        found[bisect_right(bounds, hour) - 1][kind] += int(value)
    return [dict(counts) for counts in found]


def total_events(connection: Connection) -> int:
    return int(connection.scalar(select(func.sum(event_count.c.value))) or 0)


def grown_to(connection: Connection, what: Counted, bounds: Sequence[datetime]) -> list[int]:
    """How many there were at each bound: all that there are, less those made since."""
    made = _TABLES[what].c.created_at
    since = [func.count().filter(made >= bound) for bound in bounds]
    newer = connection.execute(select(*since).where(made >= min(bounds))).one()
    total = _total(connection, what)
    return [max(0, total - int(count)) for count in newer]


def _total(connection: Connection, what: Counted) -> int:
    if what == "sources":
        return int(connection.scalar(select(func.count()).select_from(source)) or 0)
    return recorded(connection, what)
