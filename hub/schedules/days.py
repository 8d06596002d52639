"""The days that a calendar names, and which of them a schedule or a rule is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from hub.schedules.calendars import Calendar, month_end
from hub.schedules.zones import earlier, later, zone_of

_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)


class Which(StrEnum):
    """Which days of a calendar are meant."""

    BUSINESS = "business"
    HOLIDAYS = "holidays"
    MONTH_END = "month_end"
    FIRST_BUSINESS_DAY = "first_business_day"
    LAST_BUSINESS_DAY = "last_business_day"
    WEEKDAYS = "weekdays"
    DATES = "dates"


class Days(Struct, frozen=True):
    """A calendar by its name, and which of its days are meant. `weekdays` from Monday, 0."""

    name: str
    calendar: Calendar = Calendar()
    which: Which = Which.BUSINESS
    weekdays: frozenset[int] = frozenset()
    dates: frozenset[date] = frozenset()

    def take(self, at: datetime) -> bool:
        """Whether the instant lies in one of the days, in the calendar's time zone."""
        return self.has(self.calendar.day_of(at))

    def has(self, day: date) -> bool:
        match self.which:
            case Which.BUSINESS:
                return self.calendar.is_business_day(day)
            case Which.HOLIDAYS:
                return day in self.calendar.closed or self.calendar.holiday(day) is not None
            case Which.MONTH_END:
                return day == month_end(day)
            case Which.WEEKDAYS:
                return day.weekday() in self.weekdays
            case Which.DATES:
                return day in self.dates
            case _:
                return self._is_the_nth(day)

    def midnight(self, at: datetime) -> datetime:
        """When the next day begins."""
        zone = zone_of(self.calendar.timezone)
        wall = datetime.combine(self.calendar.day_of(at) + _DAY, time())
        return next((it for it in (earlier(wall, zone), later(wall, zone)) if it > at), at + _DAY)

    def _is_the_nth(self, day: date) -> bool:
        nth = 1 if self.which is Which.FIRST_BUSINESS_DAY else -1
        if not self.calendar.is_business_day(day):
            return False
        try:
            return day == self.calendar.business_day(day.year, day.month, nth)
        except ValueError:  # a month without any
            return False


class Choice(Struct, frozen=True):
    """Days of any of `only` (all days if there are none) that are not among `excluded`."""

    only: tuple[Days, ...] = ()
    excluded: tuple[Days, ...] = ()

    def take(self, at: datetime) -> bool:
        if any(days.take(at) for days in self.excluded):
            return False
        return not self.only or any(days.take(at) for days in self.only)

    def midnight(self, at: datetime) -> datetime:
        """When, after an instant, a day of one of the calendars begins."""
        return min((days.midnight(at) for days in (*self.only, *self.excluded)), default=at + _DAY)

    def stretches(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The times within, both ends included, that are taken: from the one until before the other."""
        at, begun = begin, None
        while at <= end:
            if self.take(at):
                begun = begun or at
            elif begun is not None:
                yield begun, at
                begun = None
            at = self.midnight(at)
        if begun is not None:
            yield begun, end + _TICK

    @property
    def words(self) -> str:
        """`only business, except closing`."""
        parts = (("only", self.only), ("except", self.excluded))
        return ", ".join(f"{word} {_names(days)}" for word, days in parts if days)


def _names(days: Iterable[Days]) -> str:
    return " or ".join(one.name for one in days)
