"""Time, cut into the hours, days, weeks, months, quarters or years of a time zone.

Nothing is left out and nothing counted twice, whatever clocks do: a day has as many hours as it
has, one that clocks leave out is none, and an hour that comes twice is two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import takewhile
from typing import Final

from msgspec import Struct

from hub.schedules.periods import Every, Period
from hub.schedules.zones import (
    ahead,
    first_instant,
    offset_at,
    transition,
    wall_of,
    zone_of,
)

WEEKDAYS: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)
#: From the finest to the coarsest.
ORDER: Final = (Every.HOUR, Every.DAY, Every.WEEK, Every.MONTH, Every.QUARTER, Every.YEAR)
_HOUR: Final = timedelta(hours=1)
_TICK: Final = timedelta(microseconds=1)
_QUARTER: Final = 3
_TO_THE_HOUR: Final = len("2026-11-23T05")
_FORMS: Final = {Every.DAY: "%Y-%m-%d", Every.MONTH: "%Y-%m", Every.YEAR: "%Y"}


class Stretch(Struct, frozen=True, order=True):
    """One hour, day, week ...: from an instant to another, and the key of a partition of it."""

    begin: datetime
    end: datetime
    key: str


class Cut(Struct, frozen=True, rename="camel", omit_defaults=True):
    """How time is cut. `week_start`: the weekday on which weeks begin, 0 is Monday."""

    every: Every
    timezone: str = "UTC"
    week_start: int = 0

    def __post_init__(self) -> None:
        """ValueError if there is no such time zone, or no such weekday."""
        zone_of(self.timezone)
        if not 0 <= self.week_start < len(WEEKDAYS):
            raise ValueError(f"week_start is {self.week_start}; 0 (Monday) to 6 is expected")
        if self.week_start and self.every is not Every.WEEK:
            raise ValueError(f"only weeks start on a weekday, and this is {self.every}")

    @property
    def zone(self) -> tzinfo:
        return zone_of(self.timezone)

    def at(self, instant: datetime) -> Stretch:
        """The stretch in which an instant lies."""
        zone = self.zone
        wall = wall_of(instant, zone)
        if self.every is Every.HOUR:
            offset = offset_at(instant, zone)
            return next(one for one, its in _hours(_hour_of(wall), zone) if its == offset)
        begin = self.floor(wall)
        while instant < first_instant(begin, zone):
            begin = self.floor(begin - _TICK)
        while instant >= first_instant(self._after(begin), zone):
            begin = self._after(begin)
        return self._stretch(begin, zone)

    def beginning(self, since: datetime, until: datetime) -> Iterator[Stretch]:
        """Those that begin in [since, until), in their order."""
        return takewhile(lambda one: one.begin < until, self.following(since))

    def following(self, since: datetime) -> Iterator[Stretch]:
        """Those that begin at an instant or after it, without end."""
        first = self.at(since)
        if first.begin >= since:
            yield first
        yield from self._from_hour(first) if self.every is Every.HOUR else self._from(first)

    def of_wall(self, wall: datetime) -> list[Stretch]:
        """Those that a wall time lies in: none where clocks leave it out, two hours where they are put back."""
        zone = self.zone
        if self.every is Every.HOUR:
            return [one for one, _ in _hours(_hour_of(wall), zone)]
        one = self._stretch(self.floor(wall), zone)
        return [one] if one.begin < one.end else []

    def floor(self, wall: datetime) -> datetime:
        """The wall time at which the stretch begins that this one lies in."""
        day = wall.replace(hour=0, minute=0, second=0, microsecond=0)
        match self.every:
            case Every.HOUR:
                return _hour_of(wall)
            case Every.DAY:
                return day
            case Every.WEEK:
                return day - timedelta(days=(day.weekday() - self.week_start) % 7)
            case Every.MONTH:
                return day.replace(day=1)
            case Every.QUARTER:
                return day.replace(day=1, month=(day.month - 1) // _QUARTER * _QUARTER + 1)
            case Every.YEAR:
                return day.replace(day=1, month=1)

    def _from(self, last: Stretch) -> Iterator[Stretch]:
        zone = self.zone
        begin, since = self._after(self.floor(wall_of(last.begin, zone))), last.end
        while True:
            following = self._after(begin)
            until = first_instant(following, zone)
            if since < until:  # one that clocks leave out is none
                yield Stretch(since, until, self._key(begin))
            begin, since = following, until

    def _from_hour(self, last: Stretch) -> Iterator[Stretch]:
        while True:
            last = self.at(last.end)
            yield last

    def _after(self, begin: datetime) -> datetime:
        return Period(self.every).after(begin)

    def _stretch(self, begin: datetime, zone: tzinfo) -> Stretch:
        end = first_instant(self._after(begin), zone)
        return Stretch(first_instant(begin, zone), end, self._key(begin))

    def _key(self, begin: datetime) -> str:
        if self.every is Every.WEEK:
            return begin.strftime("%G-W%V" if self.week_start == 0 else "%Y-%m-%d")
        if self.every is Every.QUARTER:
            return f"{begin:%Y}-Q{(begin.month - 1) // _QUARTER + 1}"
        return begin.strftime(_FORMS[self.every])


def hour_with(wall: datetime, offset: timedelta, timezone: str) -> Stretch | None:
    """The hour that clocks call so while they are ahead of UTC by this."""
    found = (one for one, its in _hours(_hour_of(wall), zone_of(timezone)) if its == offset)
    return next(found, None)


def _hour_of(wall: datetime) -> datetime:
    return wall.replace(minute=0, second=0, microsecond=0)


def _hours(wall: datetime, zone: tzinfo) -> list[tuple[Stretch, timedelta]]:
    """The stretches during which clocks show this hour, each with its offset, in their order.

    Where there are several, the offset stands in their keys.
    """
    last = wall + _HOUR - _TICK
    told = {ahead(at, zone, fold) for at in (wall, last) for fold in (0, 1)}
    key = wall.isoformat()[:_TO_THE_HOUR]
    if len(told) == 1:  # nothing is moved here
        (offset,) = told
        begin = (wall - offset).replace(tzinfo=UTC)
        return [(Stretch(begin, begin + _HOUR, key), offset)]
    found = [(one, offset) for offset in told if (one := _during(wall, offset, zone)) is not None]
    several = len(found) > 1
    return [
        (Stretch(begin, end, f"{key}{_said(offset) if several else ''}"), offset)
        for (begin, end), offset in sorted(found)
    ]


def _during(wall: datetime, offset: timedelta, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """When clocks show this hour with this offset; None: never."""
    begin = (wall - offset).replace(tzinfo=UTC)
    end = begin + _HOUR
    begins = offset_at(begin, zone) == offset
    ends = offset_at(end - _TICK, zone) == offset
    if begins and ends:
        return begin, end
    if begins:
        return begin, transition(begin, end, zone)
    return (transition(begin, end - _TICK, zone), end) if ends else None


def _said(offset: timedelta) -> str:
    """`+02:00`, as ISO 8601 has it."""
    minutes, seconds = divmod(abs(offset) // timedelta(seconds=1), 60)
    text = f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text
