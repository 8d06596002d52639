"""By when what was updated at one time must be updated again, by the ticks of a cron."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from hub.model import Schedule
from hub.schedules.slots import Timetable, timetable_of


@lru_cache(maxsize=4096)
def deadline(
    cron: str, timezone: str, updated: datetime, lower_bound: timedelta | None
) -> datetime | None:
    """The first tick for which an update at that time does not count; None if there is none.

    At each tick there must be an update no older than `lower_bound`, if that is not told none from
    before the tick before. An update that is older than that counts for no tick, however early it
    was: so Dagster has it.
    """
    ticks = _ticks(cron, timezone)
    if ticks is None:
        return None
    if lower_bound is not None:
        first = ticks.next(updated + lower_bound)
        return None if first is None else first.due_at
    covered = ticks.next(updated - timedelta(microseconds=1))
    following = None if covered is None else ticks.next(covered.due_at)
    return None if following is None else following.due_at


@lru_cache(maxsize=1024)
def _ticks(cron: str, timezone: str) -> Timetable | None:
    return timetable_of(Schedule("cron", cron, timezone, timing="tick"))
