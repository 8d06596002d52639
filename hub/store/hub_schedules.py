"""Schedules that no orchestrator declares: those of the file, and those learned from history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, select

from hub.model import EntityName, Schedule
from hub.schedules.days import Choice
from hub.schedules.origins import is_by_clock
from hub.schedules.spans import Habit, Origin, Span
from hub.store.reading import among, chunks, newest_of_each
from hub.store.tables import hub_schedule, job, namespace, run, schedule
from hub.store.upsert import upsert

#: Runs that a schedule is learned from.
LATEST: Final = 90

_HELD = select(hub_schedule)
_DECLARED = select(schedule.c.job_id)
_PLAIN = select(job.c.id).where(job.c.hidden.is_(False), job.c.parent_job_id.is_(None))
_STARTS = select(run.c.job_id, run.c.started_at, run.c.natural_id, run.c.backfill).where(
    run.c.started_at.is_not(None)
)


class HubSchedule(Struct, frozen=True):
    """A job's schedule as the file says it, or as it was learned.

    schedule: None if the runs follow no clock. at: since when it holds. looked_at: when it was last
    tried to learn one, from so many `runs`.
    """

    schedule: Schedule | None
    at: datetime
    days: Choice | None = None
    habit: Habit | None = None
    looked_at: datetime | None = None
    runs: int | None = None

    def span(self, origin: Origin) -> Span | None:
        if self.schedule is None:
            return None
        return Span(self.schedule, self.at, origin=origin, days=self.days, habit=self.habit)


HubSchedules = Mapping[tuple[int, Origin], HubSchedule | None]
"""By job and origin; None: there is none any more."""


def held_schedules(
    connection: Connection, jobs: Iterable[int]
) -> dict[tuple[int, Origin], HubSchedule]:
    rows = among(connection, _HELD, hub_schedule.c.job_id, jobs)
    return {(row.job_id, Origin(row.origin)): _held(row) for row in rows}


def of_origin(connection: Connection, origin: Origin) -> dict[int, HubSchedule]:
    rows = connection.execute(_HELD.where(hub_schedule.c.origin == origin))
    return {row.job_id: _held(row) for row in rows}


def save_schedules(connection: Connection, found: HubSchedules) -> None:
    held = hub_schedule.c
    kept = []
    for origin in Origin:
        mine = {key: one for (key, whose), one in sorted(found.items()) if whose is origin}
        kept += [
            {"job_id": key, "origin": origin.value, **_values(one)}
            for key, one in mine.items()
            if one is not None
        ]
        gone = [key for key, one in mine.items() if one is None]
        for part in chunks(gone):
            where = (held.origin == origin.value) & held.job_id.in_(part)
            connection.execute(hub_schedule.delete().where(where))
    upsert(connection, hub_schedule, kept)


def _values(one: HubSchedule) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in HubSchedule.__struct_fields__}
    return values | {name: encoded(values[name]) for name in ("schedule", "days", "habit")}


def encoded(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _held(row: Row[Any]) -> HubSchedule:
    return HubSchedule(
        decoded(row.schedule, Schedule),
        row.at,
        decoded(row.days, Choice),
        decoded(row.habit, Habit),
        row.looked_at,
        row.runs,
    )


def decoded(text: str | None, kind: Any) -> Any:
    return None if text is None else msgspec.json.decode(text, type=kind)


# -- what is learned from ------------------------------------------------------------------------


def undeclared(connection: Connection, jobs: Iterable[int]) -> set[int]:
    """Those whose schedule nobody declares, and that do not run within others."""
    keys = {row.id for row in among(connection, _PLAIN, job.c.id, jobs)}
    return keys - {row.job_id for row in among(connection, _DECLARED, schedule.c.job_id, keys)}


def starts_of(connection: Connection, jobs: Iterable[int]) -> dict[int, list[datetime]]:
    """When the latest runs of each job started that a clock may have started."""
    found: dict[int, list[datetime]] = {key: [] for key in jobs}
    latest = newest_of_each(connection, run, "job_id", "sort_at", list(found), LATEST)
    for row in among(connection, _STARTS, run.c.id, latest):
        if is_by_clock(row.natural_id, row.backfill):
            found[row.job_id].append(row.started_at)
    return found


def jobs_like(connection: Connection, spaces: str, names: str) -> Iterator[tuple[int, EntityName]]:
    """Jobs whose namespace and name may match globs; more than do, for `[ab]` is any text here."""
    statement = (
        select(job.c.id, namespace.c.name.label("space"), job.c.name)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .where(_like(namespace.c.name, spaces), _like(job.c.name, names), job.c.hidden.is_(False))
    )
    for row in connection.execute(statement):
        yield row.id, EntityName(row.space, row.name)


def _like(column: Any, glob: str) -> Any:
    """Equality where nothing is left open, for which there is an index."""
    if not any(sign in glob for sign in "*?["):
        return column == glob
    text = "".join(_SIGNS.get(sign, sign) for sign in glob.split("[", 1)[0])
    return column.like(text + ("%" if "[" in glob else ""), escape="\\")


_SIGNS: Final = {"*": "%", "?": "_", "%": r"\%", "_": r"\_", "\\": r"\\"}
