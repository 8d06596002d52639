"""Time around each change of the clocks, counted by quarters of an hour, against partitions of it.

The reference knows no partitions: it asks what clocks show every quarter of an hour, and the
calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from hub.schedules.periods import Every
from hub.schedules.stretches import Cut
from hub.schedules.timekeys import interval_key
from hub.triggers.partitions import FanOut, TimeWindow, progress_of, sources_of, targets_of
from hub.triggers.partitions.rollup import Rollup

ZONES: Final = tuple(sorted(available_timezones() - {"localtime"}))
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
#: Where no clock is ever moved there is this day to look at.
_ANY: Final = datetime(2024, 2, 29, 12, tzinfo=UTC)
_DAY, _QUARTER = timedelta(days=1), timedelta(minutes=15)
#: Whole days on each side of a change of which all hours are looked at.
_AROUND: Final = 1
_NOW: Final = datetime(2026, 11, 30, tzinfo=UTC)
#: What a week and a month are of: days, and weeks.
_UP: Final = {Every.DAY: (Every.WEEK, Every.MONTH), Every.WEEK: (Every.MONTH,)}


def changes_of(zone: str) -> list[datetime]:
    """When its clocks were moved, or will be; some day if they are not."""
    place = ZoneInfo(zone)
    days = int((LAST - FIRST) / _DAY)
    instants = [FIRST + number * _DAY for number in range(days + 1)]
    offsets = [at.astimezone(place).utcoffset() for at in instants]
    moved = [at for at, before, after in zip(instants, offsets, offsets[1:], strict=False)
             if before != after]  # fmt: skip
    found = [at for begin in moved for at in _moved_on(begin, place)]
    return found or [_ANY]


def _moved_on(begin: datetime, place: ZoneInfo) -> Iterator[datetime]:
    for number in range(96):
        at = begin + number * _QUARTER
        if at.astimezone(place).utcoffset() != (at + _QUARTER).astimezone(place).utcoffset():
            yield at + _QUARTER


def check_zone(zone: str) -> int:
    """Raises AssertionError where time is lost or counted twice; how many changes it has passed."""
    changes = changes_of(zone)
    for at in changes:
        _check_hours(zone, at)
        _check_days(zone, at)
    return len(changes)


# -- hours of a day ------------------------------------------------------------------------------


def _check_hours(zone: str, change: datetime) -> None:
    """Each quarter of an hour lies in the hour that clocks show, and that in the day they show."""
    hour, day = Cut(Every.HOUR, zone), Cut(Every.DAY, zone)
    rollup, fan_out = Rollup(TimeWindow(day, hour)), FanOut(hour, day)
    for name, hours in _hours_by_day(zone, change).items():
        keys = [_only({interval_key(at, None, hour) for at in quarters}) for quarters in hours]
        assert len(set(keys)) == len(keys), (zone, name, keys)
        assert sources_of(rollup, name) == tuple(keys), (zone, name)
        assert targets_of(fan_out, name, _NOW) == tuple(keys), (zone, name)
        for key in keys:
            assert targets_of(rollup, key, _NOW) == (name,), (zone, key)
            assert sources_of(fan_out, key) == (name,), (zone, key)
        assert progress_of(rollup, name, keys).satisfied, (zone, name)
        assert progress_of(rollup, name, keys[1:]).missing == (keys[0],), (zone, name)


def _hours_by_day(zone: str, change: datetime) -> dict[str, list[list[datetime]]]:
    """The quarters of each hour of each whole day around the change, as clocks show them.

    An hour ends where they show another one, or the same one again.
    """
    place = ZoneInfo(zone)
    begin = change - (_AROUND + 1) * _DAY
    count = (2 * _AROUND + 2) * 96
    walls = [(at, at.astimezone(place)) for at in (begin + n * _QUARTER for n in range(count))]
    runs = groupby(walls, key=lambda one: (one[1].date(), one[1].hour, one[1].utcoffset()))
    found: dict[str, list[list[datetime]]] = {}
    for (on, _, _), quarters in runs:
        found.setdefault(on.isoformat(), []).append([at for at, _ in quarters])
    _, *whole, _ = found
    return {name: found[name] for name in whole}


# -- days of weeks and months, weeks of months ---------------------------------------------------


def _check_days(zone: str, change: datetime) -> None:
    """The calendar knows no zones: clocks that are moved move no day, week or month."""
    names = _Names(change.astimezone(ZoneInfo(zone)).date())
    for every, ups in _UP.items():
        for up in ups:
            wholes, parts = Cut(up, zone), Cut(every, zone)
            _check_parts(TimeWindow(wholes, parts), FanOut(parts, wholes), names.of(every, up))


def _check_parts(window: TimeWindow, fan_out: FanOut, wanted: dict[str, Sequence[str]]) -> None:
    for whole, parts in wanted.items():
        assert sources_of(window, whole) == tuple(parts), (window, whole)
        assert targets_of(fan_out, whole, _NOW) == tuple(parts), (fan_out, whole)
        for part in parts:
            assert targets_of(window, part, _NOW) == (whole,), (window, part)
            assert sources_of(fan_out, part) == (whole,), (fan_out, part)


class _Names:
    """The weeks and months around a day, by their keys, and what begins in them."""

    def __init__(self, on: date) -> None:
        self._month = on.replace(day=1)

    def of(self, every: Every, up: Every) -> dict[str, Sequence[str]]:
        return _calendar(self._month)[every, up]


@cache
def _calendar(month: date) -> dict[tuple[Every, Every], dict[str, Sequence[str]]]:
    """Of the days of a month, of one week before and two behind it, those that are whole."""
    days = [month + number * _DAY for number in range(-14, 60)]
    mondays = [day for day in days if day.weekday() == 0]
    of_month = [day for day in days if _month(day) == _month(month)]
    weeks = {_week(day): [day + n * _DAY for n in range(7)] for day in mondays if day in of_month}
    begun = [_week(day) for day in mondays if _month(day) == _month(month)]
    return {
        (Every.DAY, Every.WEEK): {key: [_day(day) for day in its] for key, its in weeks.items()},
        (Every.DAY, Every.MONTH): {_month(month): [_day(day) for day in of_month]},
        (Every.WEEK, Every.MONTH): {_month(month): begun},
    }


def _day(on: date) -> str:
    return on.isoformat()


def _week(on: date) -> str:
    year, week, _ = on.isocalendar()
    return f"{year}-W{week:02}"


def _month(on: date) -> str:
    return f"{on:%Y-%m}"


def _only(found: Iterable[str]) -> str:
    (one,) = found
    return one
