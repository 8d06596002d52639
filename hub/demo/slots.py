"""When the jobs of the demo are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub.demo.nouns import Cron, Every

_DAY = timedelta(days=1)


def slots(schedule: Cron | Every, start: datetime, end: datetime) -> Iterator[datetime]:
    """The slots in [start, end), in UTC."""
    found = (
        _every(schedule, start, end) if isinstance(schedule, Every) else _cron(schedule, start, end)
    )
    return (slot for slot in found if start <= slot < end)


def _every(schedule: Every, start: datetime, end: datetime) -> Iterator[datetime]:
    step = timedelta(minutes=schedule.minutes)
    while start < end:
        yield start
        start += step


def _cron(schedule: Cron, start: datetime, end: datetime) -> Iterator[datetime]:
    """Numbers, `*`, ranges and steps; a day must match both its month's and its week's field."""
    minutes, hours, days, months, weekdays = _fields(schedule.expression)
    zone = ZoneInfo(schedule.zone)
    day = (start - _DAY).date()
    while day <= (end + _DAY).date():
        if day.day in days and day.month in months and day.isoweekday() % 7 in weekdays:
            yield from (_instant(day, h, m, zone) for h in hours for m in minutes)
        day += _DAY


def _instant(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


def _fields(expression: str) -> list[list[int]]:
    bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    words = expression.split()
    return [_values(word, *bound) for word, bound in zip(words, bounds, strict=True)]


def _values(word: str, low: int, high: int) -> list[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin = low if span == "*" else int(first)
        end = high if span == "*" else int(last or first)
        found.update(range(begin, end + 1, int(step or 1)))
    return sorted(found)
