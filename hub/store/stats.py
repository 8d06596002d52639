"""Figures over time: lineage events by type, and how many jobs, datasets and sources there were.

All that a viewer may not see is left out: its number is not for him either.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Table, func, select

from hub.model import Viewer
from hub.store.counts import total_of
from hub.store.reading import dataset_seen, job_seen, kept_from
from hub.store.tables import dataset, event_count, job, source, team_event_count

Counted = Literal["jobs", "datasets", "sources"]


def events_between(
    connection: Connection, viewer: Viewer, bounds: Sequence[datetime]
) -> list[dict[str, int]]:
    """How many lineage events of each type fell into each interval between two bounds.

    Counts are kept by the hour of event time: a bound within an hour rounds down to it.
    """
    every = _events_between(connection, event_count, bounds)
    if viewer.all:
        return [dict(counts) for counts in every]
    others = _events_between(connection, team_event_count, bounds, _of_others(viewer))
    return [dict(counts - closed) for counts, closed in zip(every, others, strict=True)]


def _events_between(
    connection: Connection, table: Table, bounds: Sequence[datetime], *which: ColumnElement[bool]
) -> list[Counter[str]]:
    kept = table.c
    rows = connection.execute(
        select(kept.hour, kept.event_type, func.sum(kept.value))
        .where(kept.hour >= bounds[0], kept.hour < bounds[-1], *which)
        .group_by(kept.hour, kept.event_type)
    )
    found: list[Counter[str]] = [Counter() for _ in bounds[1:]]
    for hour, kind, value in rows:
        found[bisect_right(bounds, hour) - 1][kind] += int(value)
    return found


def total_events(connection: Connection, viewer: Viewer) -> int:
    every = _sum(connection, event_count)
    if viewer.all:
        return every
    return max(0, every - _sum(connection, team_event_count, _of_others(viewer)))


def _sum(connection: Connection, table: Table, *which: ColumnElement[bool]) -> int:
    return int(connection.scalar(select(func.sum(table.c.value)).where(*which)) or 0)


def _of_others(viewer: Viewer) -> ColumnElement[bool]:
    return kept_from(viewer, team_event_count.c.team)


def grown_to(
    connection: Connection, viewer: Viewer, what: Counted, bounds: Sequence[datetime]
) -> list[int]:
    """How many there were at each bound: all that there are, less those made since."""
    table, seen = _seen(viewer, what)
    made = table.c.created_at
    since = [func.count().filter(made >= bound) for bound in bounds]
    newer = connection.execute(select(*since).where(made >= min(bounds), *seen)).one()
    total = _total(connection, viewer, what)
    return [max(0, total - int(count)) for count in newer]


def _seen(viewer: Viewer, what: Counted) -> tuple[Table, list[ColumnElement[bool]]]:
    """The rows that count; a source is everybody's."""
    if what == "jobs":
        return job, [job_seen(viewer)]
    if what == "datasets":
        return dataset, [dataset_seen(viewer), dataset.c.canonical_id.is_(None)]
    return source, []


def _total(connection: Connection, viewer: Viewer, what: Counted) -> int:
    if what == "sources":
        return int(connection.scalar(select(func.count()).select_from(source)) or 0)
    return total_of(connection, viewer, what)
