"""The schedules that hold, and what was sloppy in a job's events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, or_, select

from hub.model import EntityName, Schedule, Viewer
from hub.schedules.spans import Habit, Origin, Span
from hub.store.hub_schedules import HubSchedule, held_schedules
from hub.store.reading import Page, Slice, among, cut, decode_cursor, job_seen
from hub.store.tables import hub_schedule, job, job_warning, namespace, schedule
from hub.store.views import View


class LearnedView(View, frozen=True):
    """What a schedule was learned from. A run later than the tolerance is later than usual."""

    runs: int
    tolerance_s: float
    evidence: str


class ScheduleView(View, frozen=True):
    """When a job is meant to run. `origin`: file, facet, observation or learned; of several the
    file's holds, then what is declared. `calendar`: on which days alone it is due.
    """

    job: EntityName
    kind: str
    expression: str
    timezone: str
    paused: bool | None
    catchup: bool | None
    max_active_runs: int | None
    start_at: datetime | None
    end_at: datetime | None
    declared_at: datetime
    origin: str
    timing: str
    anchor: datetime | None
    data_interval_s: float | None
    grace_s: float | None
    calendar: str | None
    learned: LearnedView | None


class WarningView(View, frozen=True):
    """Sloppiness in events that was survived."""

    path: str
    message: str
    first_at: datetime
    last_at: datetime


class JobSchedule(View, frozen=True):
    """The schedule that holds of a job."""

    id: int
    job: EntityName
    span: Span
    origin: str

    def view(self) -> ScheduleView:
        held, habit = self.span.schedule, self.span.habit
        return ScheduleView(
            self.job,
            held.kind,
            held.expression,
            held.timezone,
            held.paused,
            held.catchup,
            held.max_active_runs,
            held.start_at,
            held.end_at,
            self.span.since,
            self.origin,
            held.timing,
            held.anchor,
            held.data_interval_s,
            held.grace_s,
            self.span.days.words if self.span.days else None,
            None if habit is None else _learned(habit),
        )


def _learned(habit: Habit) -> LearnedView:
    return LearnedView(habit.runs, habit.tolerance.total_seconds(), habit.evidence)


_DECLARED = select(schedule)
_FIELDS = [name for name in Schedule.__struct_fields__ if name in schedule.c]


def list_schedules(connection: Connection, viewer: Viewer, page: Page) -> Slice[ScheduleView]:
    """All that hold, in the order in which their jobs became known."""
    found = page_of_schedules(connection, _scheduled(viewer), page)
    return Slice([one.view() for one in found.items], found.next)


def page_of_schedules(connection: Connection, jobs: Select[Any], page: Page) -> Slice[JobSchedule]:
    """Of jobs as `scheduled_jobs` selects them."""
    statement = jobs.order_by(job.c.id).limit(page.limit + 1).offset(page.offset)
    if page.after is not None:
        statement = statement.where(job.c.id > decode_cursor(page.after, tuple[int])[0])
    rows, following = cut(connection.execute(statement).all(), page, lambda row: (row.id,))
    return Slice(_holding(connection, rows), following)


def schedule_of(connection: Connection, viewer: Viewer, job_id: int) -> ScheduleView | None:
    found = held_of(connection, viewer, job_id)
    return None if found is None else found.view()


def held_of(connection: Connection, viewer: Viewer, job_id: int) -> JobSchedule | None:
    rows = connection.execute(_scheduled(viewer).where(job.c.id == job_id)).all()
    return next(iter(_holding(connection, rows)), None)


def scheduled_jobs(
    viewer: Viewer, *, team: str | None = None, space: str | None = None
) -> Select[Any]:
    """Jobs that have a schedule and that the viewer may see."""
    statement = _scheduled(viewer)
    if team is not None:
        statement = statement.where(job.c.team == team)
    return statement if space is None else statement.where(namespace.c.name == space)


def _scheduled(viewer: Viewer) -> Select[Any]:
    mine = hub_schedule.c
    declared = exists().where(schedule.c.job_id == job.c.id)
    ours = exists().where(mine.job_id == job.c.id, mine.schedule.is_not(None))
    return (
        select(job.c.id, job.c.name, namespace.c.name.label("space"))
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .where(or_(declared, ours), job_seen(viewer))
    )


def _holding(connection: Connection, jobs: Iterable[Row[Any]]) -> list[JobSchedule]:
    names = {row.id: EntityName(row.space, row.name) for row in jobs}
    declared = {row.job_id: row for row in among(connection, _DECLARED, schedule.c.job_id, names)}
    ours = held_schedules(connection, names)
    found = (
        _held(key, name, declared.get(key), ours.get((key, Origin.FILE)), ours.get((key, _LAST)))
        for key, name in names.items()
    )
    return [one for one in found if one is not None]


_LAST = Origin.LEARNED


def _held(
    key: int,
    name: EntityName,
    declared: Row[Any] | None,
    filed: HubSchedule | None,
    learned: HubSchedule | None,
) -> JobSchedule | None:
    """The file's, else the declared, else the learned one."""
    if filed is not None and (span := filed.span(Origin.FILE)) is not None:
        return JobSchedule(key, name, span, Origin.FILE)
    if declared is not None:
        fields = {field: getattr(declared, field) for field in _FIELDS}
        told = Schedule(**fields | {"timing": declared.timing or "trigger"})
        return JobSchedule(key, name, Span(told, declared.at), declared.origin)
    if learned is not None and (span := learned.span(Origin.LEARNED)) is not None:
        return JobSchedule(key, name, span, Origin.LEARNED)
    return None


def list_warnings(connection: Connection, job_id: int, limit: int = 100) -> list[WarningView]:
    """The latest warnings of a job. Whoever asks may see the job."""
    statement = select(job_warning).where(job_warning.c.job_id == job_id)
    ordered = statement.order_by(job_warning.c.last_at.desc(), job_warning.c.path)
    return [
        WarningView(row.path, row.message, row.first_at, row.last_at)
        for row in connection.execute(ordered.limit(limit))
    ]
