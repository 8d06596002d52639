"""When the jobs of the demo are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from hub.demo.nouns import Cron, Every
from hub.model import Schedule
from hub.schedules.slots import timetable_of

_INSTANT = timedelta(microseconds=1)


def slots(schedule: Cron | Every, start: datetime, end: datetime) -> Iterator[datetime]:
    """The slots in [start, end), in UTC. Intervals begin with the start."""
    timetable = timetable_of(_declared(schedule, start))
    assert timetable is not None
    return (slot.due_at for slot in timetable.between(start - _INSTANT, end - _INSTANT))


def _declared(schedule: Cron | Every, start: datetime) -> Schedule:
    if isinstance(schedule, Every):
        return Schedule("interval", f"PT{schedule.minutes}M", anchor=start)
    return Schedule("cron", schedule.expression, schedule.zone)
