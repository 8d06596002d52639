"""How many slots all schedules together demand, hour by hour."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, exists, func, or_, select

from hub.model import Schedule, Viewer
from hub.schedules.slots import timetable_of
from hub.schedules.spans import Origin
from hub.store.hub_schedules import decoded
from hub.store.reading import job_seen
from hub.store.tables import hub_schedule, job, schedule
from hub.store.types import MICROSECOND

#: Of one schedule no more slots are counted: one a minute for a week.
_MOST: Final = 10_080

_filed = (
    exists()
    .where(hub_schedule.c.job_id == schedule.c.job_id, hub_schedule.c.origin == Origin.FILE)
    .correlate(schedule)
)
_DECLARED = (
    select(
        schedule.c.kind,
        schedule.c.expression,
        schedule.c.timezone,
        schedule.c.timing,
        func.count().label("jobs"),
    )
    .join(job, job.c.id == schedule.c.job_id)
    .where(or_(schedule.c.paused.is_(None), schedule.c.paused.is_(False)), ~_filed)
    .group_by(schedule.c.kind, schedule.c.expression, schedule.c.timezone, schedule.c.timing)
)
_OURS = (
    select(hub_schedule.c.schedule, func.count().label("jobs"))
    .join(job, job.c.id == hub_schedule.c.job_id)
    .where(hub_schedule.c.schedule.is_not(None))
    .group_by(hub_schedule.c.schedule)
)


def slots_between(connection: Connection, viewer: Viewer, bounds: Sequence[datetime]) -> list[int]:
    """How many slots fall into each interval between two bounds, by the schedules of now.

    Jobs with the same schedule are counted together: where an interval is laid from, when a
    schedule begins and ends, and days of calendars are left out of account.
    """
    counts = [0] * (len(bounds) - 1)
    for one, jobs in _schedules(connection, viewer):
        for place, slots in enumerate(_counted(one, tuple(bounds))):
            counts[place] += slots * jobs
    return counts


def _schedules(connection: Connection, viewer: Viewer) -> Iterator[tuple[Schedule, int]]:
    seen = job_seen(viewer)
    for row in connection.execute(_DECLARED.where(seen)):
        timing = row.timing or "trigger"
        yield Schedule(row.kind, row.expression, row.timezone, timing=timing), row.jobs
    for row in connection.execute(_OURS.where(seen)):
        yield decoded(row.schedule, Schedule), row.jobs


@lru_cache(maxsize=20_000)
def _counted(one: Schedule, bounds: tuple[datetime, ...]) -> tuple[int, ...]:
    """The bounds are those of hours: asked again within one, nothing is computed."""
    counts = [0] * (len(bounds) - 1)
    timetable = None if one.paused else timetable_of(one)
    begin, end = bounds[0] - MICROSECOND, bounds[-1] - MICROSECOND
    for slot in () if timetable is None else timetable.between(begin, end, _MOST):
        counts[bisect_right(bounds, slot.due_at) - 1] += 1
    return tuple(counts)
