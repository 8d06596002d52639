"""The instants at which time alone lets a condition launch."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Final

from hub.schedules.chains import Chain, TriggerChain, around
from hub.schedules.cron import Cron, crons_of
from hub.schedules.zones import earlier, wall_of, zone_of
from hub.triggers.conditions.tree import ByTime, CronClock

_DAY: Final = timedelta(days=1)


def next_time(by: ByTime, after: datetime) -> datetime:
    """When clocks in the zone first show it after an instant.

    Once a day: if it comes twice the first, and if clocks leave it out, when they have been put on.
    """
    zone, at = zone_of(by.timezone), time.fromisoformat(by.at)
    day = wall_of(after, zone).date() - _DAY
    while (found := earlier(datetime.combine(day, at), zone)) <= after:
        day += _DAY
    return found


def ticks_around(clock: CronClock, at: datetime) -> tuple[datetime | None, datetime | None]:
    """The last tick at or before an instant, and the first after it."""
    found = around(_chain(clock), at)
    return found if found is not None else (None, None)


@lru_cache(maxsize=4096)
def _chain(clock: CronClock) -> Chain:
    crons = [Cron(one) for one in crons_of(clock.expression)]
    return TriggerChain(crons, zone_of(clock.timezone))
