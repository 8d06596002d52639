"""Signs of life of runs, from the events themselves: they are asked for of few runs, and seldom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from hub.model import EventType
from hub.rules.base import Signs
from hub.store.reading import among, newest_of_each
from hub.store.tables import lineage_event, run

#: The latest events of a run that are looked at, and how deep runs lie within each other.
EVENTS: Final = 50
DEPTH: Final = 4

_parent = run.alias("parent")
_EVENTS = select(
    lineage_event.c.run_id,
    lineage_event.c.event_type,
    lineage_event.c.event_time,
    lineage_event.c.received_at,
)
_INNER = select(run.c.id, run.c.parent_run_id, run.c.sort_at, run.c.ended_at)
_PARENTS = select(run.c.id, _parent.c.ended_at).join(_parent, _parent.c.id == run.c.parent_run_id)
_OPEN_WITHIN = select(run.c.job_id).where(run.c.ended_at.is_(None))


def signs_of(
    connection: Connection, running: Collection[int], ended: Collection[int]
) -> dict[int, Signs]:
    """Of runs that still run all signs, of others their heartbeats."""
    root_of = _within(connection, running)
    beats: dict[int, list[datetime]] = defaultdict(list)
    heard: dict[int, list[datetime]] = defaultdict(list)
    # Not by id: PostgreSQL would look for them along the index of ids, through all events there are.
    keys = newest_of_each(
        connection, lineage_event, "run_id", "received_at", [*running, *ended, *root_of], EVENTS
    )
    for row in among(connection, _EVENTS, lineage_event.c.id, keys):
        root = root_of.get(row.run_id, row.run_id)
        heard[root].append(row.received_at)
        if row.event_type == EventType.RUNNING:
            beats[root].append(row.event_time)
    parents = dict(tuple(row) for row in among(connection, _PARENTS, run.c.id, running))
    return {
        key: Signs(max(heard[key], default=None), sorted(beats[key])[-EVENTS:], parents.get(key))
        for key in {*running, *ended}
    }


def jobs_within(connection: Connection, runs: Iterable[int]) -> set[int]:
    """The jobs that have open runs which are part of these."""
    return {row.job_id for row in among(connection, _OPEN_WITHIN, run.c.parent_run_id, runs)}


def _within(connection: Connection, running: Collection[int]) -> dict[int, int]:
    """Runs within these that are open, and the one that was last, each with the run it is in."""
    root_of: dict[int, int] = {}
    level = {key: key for key in running}
    for _ in range(DEPTH):
        rows = among(connection, _INNER, run.c.parent_run_id, level)
        last: dict[int, Row[Any]] = {}
        for row in sorted(rows, key=lambda row: (row.ended_at or row.sort_at, row.id)):
            last[level[row.parent_run_id]] = row
        kept = [
            row for row in rows if row.ended_at is None or last[level[row.parent_run_id]] is row
        ]
        level = {
            row.id: level[row.parent_run_id]
            for row in kept
            if row.id not in root_of and row.id not in running
        }
        root_of |= level
        if not level:
            break
    return root_of
