"""Maintenance windows: when, and of what; of trackside.yaml and of the API.

    maintenance:
      - {name: patching, days: [sat], at: "22:00", duration: PT4H, timezone: Europe/Berlin,
         select: {orchestrator: airflow-prod}}
      - {name: move, begin: 2026-12-01T20:00:00Z, end: 2026-12-02T04:00:00Z}

What the file manages is read-only in the API.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Any

from msgspec import Struct
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from hub.evaluate.agenda import Crons, Instant, Interval, Zone
from hub.evaluate.calendars import WEEKDAYS, Weekday
from hub.model import EntityName
from hub.schedules.intervals import interval_of
from hub.schedules.windows import OnceWindow, RecurringWindow, Window, weekly
from hub.settings import Settings
from hub.settings.file import FILE_NAME
from hub.settings.given import read
from hub.store.maintenance import DeclaredWindow
from hub.store.types import storable


def _clock(value: object) -> object:
    """Without quotes YAML takes 22:00 for a number."""
    if isinstance(value, int):
        raise ValueError('expected a time of day in quotes, as in "22:00"')  # noqa: TRY004  for pydantic
    return value


Words = Annotated[str, AfterValidator(storable)]


class WindowSelector(BaseModel):
    """Of what: all that is told must be so; * is any text. Nothing told: everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    team: Words | None = Field(None, max_length=63)
    orchestrator: Words | None = Field(None, max_length=63)
    namespace: Words | None = Field(None, max_length=4096, description="of jobs")
    job: Words | None = Field(None, max_length=4096, description="names of jobs")

    def takes(self, subject: Within) -> bool:
        return (
            self.team in (None, subject.team)
            and self.orchestrator in (None, subject.orchestrator)
            and self._names(subject.job)
        )

    def _names(self, job: EntityName | None) -> bool:
        if self.namespace is None and self.job is None:
            return True
        return (
            job is not None
            and fnmatchcase(job.namespace, self.namespace or "*")
            and fnmatchcase(job.name, self.job or "*")
        )


class Within(Struct, frozen=True):
    """What may be under maintenance; `job`: of a dataset the one that updated it last."""

    team: str | None = None
    orchestrator: str | None = None
    job: EntityName | None = None


def within(row: Any) -> Within:
    """Of the row of a job, dataset or orchestrator."""
    return Within(row.team, row.orchestrator, row.job)


class WindowGiven(BaseModel):
    """A window: from `begin` to `end`, or again and again for a `duration`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", examples=["patching"])
    reason: Words = Field("", max_length=1000)
    select: WindowSelector = WindowSelector()
    begin: Instant | None = None
    end: Instant | None = None
    cron: Crons | None = Field(None, max_length=1000, description="when it begins")
    days: list[Weekday] | None = Field(None, description="on which it begins, with `at`")
    at: Annotated[time | None, BeforeValidator(_clock)] = Field(
        None, description="the time of day at which it begins"
    )
    duration: Interval | None = Field(None, max_length=63, description="ISO 8601, as in PT4H")
    timezone: Zone = "UTC"

    _window: Window = PrivateAttr()

    @model_validator(mode="after")
    def _can_be_read(self) -> WindowGiven:
        self._window = self._made()
        return self

    def _made(self) -> Window:
        if self.begin is not None and self.end is not None:
            self._refuse("cron", "days", "at", "duration")
            return OnceWindow(self.begin, self.end)
        if self.duration is None or (self.cron is None) is (self.at is None):
            raise ValueError("needs begin and end, or a duration and either cron or at")
        self._refuse("begin", "end", *(("days",) if self.cron else ()))
        lasts = interval_of(self.duration)
        if self.cron is not None:
            return RecurringWindow(self.cron, lasts, self.timezone)
        assert self.at is not None
        numbers = [WEEKDAYS.index(day) for day in self.days or ()]
        return weekly(numbers, self.at, lasts, self.timezone)

    def _refuse(self, *names: str) -> None:
        told = [name for name in names if getattr(self, name) is not None]
        if told:
            raise ValueError(f"{', '.join(told)}: not together with the others")

    @property
    def window(self) -> Window:
        return self._window


class Maintenance(Struct, frozen=True):
    """A window. `managed_by`: the file's name. over_at: when it is over for good, if that is known."""

    given: WindowGiven
    managed_by: str | None = None
    declared_by: str | None = None
    declared_at: datetime | None = None
    over_at: datetime | None = None

    def covers(self, at: datetime) -> bool:
        return (self.over_at is None or at < self.over_at) and self.given.window.covers(at)

    def next_edge(self, at: datetime) -> datetime | None:
        edge = self.given.window.next_edge(at)
        if self.over_at is None or (edge is not None and edge < self.over_at):
            return edge
        return self.over_at if self.covers(at) else None


def windows_of(settings: Settings) -> Sequence[Maintenance]:
    """Those of the file. Raises ConfigError; tells all that is wrong."""
    place = settings.config.name if settings.config else FILE_NAME
    names: set[str] = set()

    def make(one: WindowGiven) -> Maintenance:
        if one.name in names:
            raise ValueError(f"the window {one.name!r} stands more than once")
        names.add(one.name)
        return Maintenance(one, managed_by=place)

    return read(settings, "maintenance", WindowGiven, make)


def of_store(rows: Iterable[DeclaredWindow]) -> list[Maintenance]:
    """Those that were declared over the API."""
    return [
        Maintenance(
            _given(row.spec),
            declared_by=row.declared_by,
            declared_at=row.declared_at,
            over_at=row.over_at,
        )
        for row in rows
    ]


@lru_cache(maxsize=1024)
def _given(spec: str) -> WindowGiven:
    return WindowGiven.model_validate_json(spec)
