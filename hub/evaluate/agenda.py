"""Schedules of trackside.yaml, for jobs whose orchestrator declares none, or another one.

    schedules:
      - select: {namespace: cron-host, name: nightly_backup}
        cron: "30 2 * * *"
        timezone: Europe/Berlin
        calendar: {except: holidays}

Of several that select a job the first holds. What the file says goes before what events and
observations declare: it is what people want, and it can be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Annotated

from msgspec import Struct
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hub.evaluate.calendars import Calendars, ChoiceGiven, choice_of
from hub.model import EntityName, Schedule
from hub.schedules.cron import crons_of, is_cron
from hub.schedules.days import Choice
from hub.schedules.intervals import interval_of
from hub.schedules.zones import zone_of
from hub.settings import Settings
from hub.settings.given import read


def _crons(text: str) -> str:
    if not crons_of(text) or not all(is_cron(one) for one in crons_of(text)):
        raise ValueError(f"{text!r} is no cron expression")
    return text


def _interval(text: str) -> str:
    interval_of(text)
    return text


def _zone(name: str) -> str:
    zone_of(name)
    return name


def _utc(at: datetime) -> datetime:
    if at.year not in _YEARS:
        raise ValueError(f"expected a time from {_YEARS[0]} to {_YEARS[-1]}")
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


#: Further away there is arithmetic that fails.
_YEARS = range(1970, 2200)


Instant = Annotated[datetime, AfterValidator(_utc)]
Crons = Annotated[str, AfterValidator(_crons)]
Interval = Annotated[str, AfterValidator(_interval)]
Zone = Annotated[str, AfterValidator(_zone)]


class JobSelector(BaseModel):
    """Which jobs; * is any text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str = Field(min_length=1)
    name: str = Field(min_length=1)

    def takes(self, name: EntityName) -> bool:
        return fnmatchcase(name.namespace, self.namespace) and fnmatchcase(name.name, self.name)


class ScheduleGiven(BaseModel):
    """A schedule as the operator writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    select: JobSelector
    cron: Crons | None = Field(None, description="several on lines of their own")
    interval: Interval | None = Field(None, description="ISO 8601, as in PT2H")
    anchor: Instant | None = Field(None, description="an instant at which an interval is due")
    timezone: Zone = "UTC"
    calendar: ChoiceGiven | None = None
    start: Instant | None = None
    end: Instant | None = None
    paused: bool = False

    @model_validator(mode="after")
    def _says_when(self) -> ScheduleGiven:
        if (self.cron is None) is (self.interval is None):
            raise ValueError("needs either cron or interval")
        if self.anchor is not None and self.interval is None:
            raise ValueError("anchor belongs to an interval")
        return self

    def schedule(self) -> Schedule:
        return Schedule(
            "cron" if self.cron else "interval",
            self.cron or self.interval or "",
            self.timezone,
            paused=self.paused,
            start_at=self.start,
            end_at=self.end,
            anchor=self.anchor,
        )


class Entry(Struct, frozen=True):
    """A schedule of the file, and whose it is."""

    select: JobSelector
    schedule: Schedule
    days: Choice | None = None


class Agenda:
    """The schedules of the file, in its order."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = tuple(entries)

    def of(self, name: EntityName) -> Entry | None:
        return next((one for one in self.entries if one.select.takes(name)), None)


def agenda_of(settings: Settings, calendars: Calendars) -> Agenda:
    """Raises ConfigError; tells all that is wrong."""

    def make(one: ScheduleGiven) -> Entry:
        return Entry(one.select, one.schedule(), choice_of(one.calendar, calendars))

    return Agenda(read(settings, "schedules", ScheduleGiven, make))
