"""Calendars of trackside.yaml, and how schedules and rules name them.

    calendars:
      - {name: bavaria, country: DE, subdivision: BY, timezone: Europe/Berlin}
      - {name: closing, days: month_end}

A schedule or a rule names one (`calendar: bavaria`), or says which days count and which do not
(`calendar: {only: bavaria, except: [closing]}`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.errors import ConfigError
from hub.schedules.calendars import Calendar
from hub.schedules.days import Choice, Days, Which
from hub.settings import Settings
from hub.settings.given import read

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[str, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Calendars = Mapping[str, Days]


class CalendarGiven(BaseModel):
    """A calendar as the operator writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    days: Which = Field(Which.BUSINESS, description="which of its days are meant")
    country: str | None = None
    subdivision: str | None = None
    timezone: str = "UTC"
    weekend: list[Weekday] = ["sat", "sun"]
    closed: list[date] = []
    open: list[date] = []
    weekdays: list[Weekday] = Field([], description="with days: weekdays")
    dates: list[date] = Field([], description="with days: dates")

    @model_validator(mode="after")
    def _lists_belong_to_their_days(self) -> CalendarGiven:
        for which, listed in ((Which.WEEKDAYS, self.weekdays), (Which.DATES, self.dates)):
            if bool(listed) is not (self.days is which):
                raise ValueError(f"{which} and days: {which} need each other")
        return self


class ChoiceGiven(BaseModel):
    """Days of any calendar of `only` that are in none of `except`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    only: list[str] = []
    excluded: list[str] = Field([], alias="except")

    @model_validator(mode="before")
    @classmethod
    def _from_names(cls, given: Any) -> Any:
        """A name alone is meant by `only`, and one name needs no list."""
        if isinstance(given, str):
            given = {"only": given}
        if not isinstance(given, dict):
            return given
        return {word: [it] if isinstance(it, str) else it for word, it in given.items()}


def calendars_of(settings: Settings) -> Calendars:
    """Raises ConfigError; tells all that is wrong."""
    found: dict[str, Days] = {}

    def make(one: CalendarGiven) -> None:
        days = _days(one)
        days.calendar.check()
        if one.name in found:
            raise ValueError(f"the calendar {one.name!r} stands more than once")
        found[one.name] = days

    read(settings, "calendars", CalendarGiven, make)
    return found


def choice_of(given: ChoiceGiven | None, calendars: Calendars) -> Choice | None:
    """Raises ConfigError for a calendar that is not there."""
    if given is None or not (given.only or given.excluded):
        return None
    only, excluded = (
        tuple(_named(name, calendars) for name in names) for names in (given.only, given.excluded)
    )
    return Choice(only, excluded)


def _named(name: str, calendars: Calendars) -> Days:
    if name not in calendars:
        known = ", ".join(sorted(calendars)) or "none"
        raise ConfigError(f"calendar: there is no calendar {name!r}; known: {known}")
    return calendars[name]


def _days(one: CalendarGiven) -> Days:
    calendar = Calendar(
        one.country,
        one.subdivision,
        one.timezone,
        _numbers(one.weekend),
        frozenset(one.closed),
        frozenset(one.open),
    )
    return Days(one.name, calendar, one.days, _numbers(one.weekdays), frozenset(one.dates))


def _numbers(days: list[Weekday]) -> frozenset[int]:
    return frozenset(WEEKDAYS.index(day) for day in days)
