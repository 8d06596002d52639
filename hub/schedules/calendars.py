"""Days on which business is done, and those on which it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final

from msgspec import Struct

from hub.schedules.zones import wall_of, zone_of

_DAY: Final = timedelta(days=1)
#: No month or row of holidays is without a business day for so long.
_FAR: Final = 60


class Calendar(Struct, frozen=True):
    """The holidays of a country (`DE`) and a part of it (`BY`), weekends, and what a team adds.

    `weekend` in weekdays from Monday, 0. A day in `open` is a business day whatever else it is; one
    in `closed` is none.
    """

    country: str | None = None
    subdivision: str | None = None
    timezone: str = "UTC"
    weekend: frozenset[int] = frozenset({5, 6})
    closed: frozenset[date] = frozenset()
    open: frozenset[date] = frozenset()

    def check(self) -> None:
        """ValueError if there is no such country, part or time zone, or every day is weekend."""
        zone_of(self.timezone)
        if not self.weekend < frozenset(range(7)):
            raise ValueError("weekend is not a part of the weekdays 0 (Monday) to 6")
        if self.country is None:
            if self.subdivision is not None:
                raise ValueError("subdivision needs a country")
            return
        try:
            _of_country(self.country, subdiv=self.subdivision)
        except NotImplementedError as error:
            raise ValueError(f"no holidays are known of {self._place}") from error

    def day_of(self, at: datetime) -> date:
        """The date in its time zone."""
        return wall_of(at, zone_of(self.timezone)).date()

    def holiday(self, day: date) -> str | None:
        """Its name."""
        if self.country is None:
            return None
        return _holidays(self.country, self.subdivision, day.year).get(day)

    def is_business_day(self, day: date) -> bool:
        if day in self.open:
            return True
        closed = day in self.closed or day.weekday() in self.weekend
        return not closed and self.holiday(day) is None

    def first_business_day(self, year: int, month: int) -> date:
        return self.business_day(year, month, 1)

    def last_business_day(self, year: int, month: int) -> date:
        return self.business_day(year, month, -1)

    def business_day(self, year: int, month: int, nth: int) -> date:
        """The nth of the month, counted from its end if negative. ValueError if it has not so many."""
        days = [day for day in days_of(year, month) if self.is_business_day(day)]
        try:
            return days[nth - 1 if nth > 0 else nth]
        except IndexError:
            raise ValueError(f"{year}-{month:02} has {len(days)} business days") from None

    def next_business_day(self, day: date) -> date:
        """The same if it is one. ValueError if none follows within two months."""
        days = (day + n * _DAY for n in range(_FAR))
        found = next((one for one in days if self.is_business_day(one)), None)
        if found is None:
            raise ValueError(f"no business day within {_FAR} days of {day}")
        return found

    @property
    def _place(self) -> str:
        return f"{self.country} {self.subdivision}" if self.subdivision else f"{self.country}"


def days_of(year: int, month: int) -> Iterator[date]:
    day = date(year, month, 1)
    while day.month == month:
        yield day
        day += _DAY


def month_end(day: date) -> date:
    """The last day of its month."""
    return (day.replace(day=28) + 4 * _DAY).replace(day=1) - _DAY


@cache
def _holidays(country: str, subdivision: str | None, year: int) -> dict[date, str]:
    return dict(_of_country(country, subdiv=subdivision, years=year))


def _of_country(country: str, **told: Any) -> Mapping[date, str]:
    import holidays  # each country is a module

    return holidays.country_holidays(country, **told)
