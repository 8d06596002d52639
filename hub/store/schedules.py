"""Declared schedules, and what was sloppy in a job's events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from hub.model import EntityName, Viewer
from hub.store.reading import Page, Slice, cut, decode_cursor, job_seen
from hub.store.tables import job, job_warning, namespace, schedule
from hub.store.views import View


class ScheduleView(View, frozen=True):
    """When a job is meant to run, as declared; `origin`: facet or observation."""

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


class WarningView(View, frozen=True):
    """Sloppiness in events that was survived."""

    path: str
    message: str
    first_at: datetime
    last_at: datetime


def _seen(viewer: Viewer) -> Any:
    return (
        select(schedule, job.c.name.label("job_name"), namespace.c.name.label("namespace"))
        .join(job, job.c.id == schedule.c.job_id)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .where(job_seen(viewer))
    )


def list_schedules(connection: Connection, viewer: Viewer, page: Page) -> Slice[ScheduleView]:
    """All declared schedules, in the order in which their jobs became known."""
    statement = _seen(viewer).order_by(schedule.c.job_id).limit(page.limit + 1).offset(page.offset)
    if page.after is not None:
        statement = statement.where(schedule.c.job_id > decode_cursor(page.after, tuple[int])[0])
    rows, following = cut(connection.execute(statement).all(), page, lambda row: (row.job_id,))
    return Slice([_view(row) for row in rows], following)


def schedule_of(connection: Connection, viewer: Viewer, job_id: int) -> ScheduleView | None:
    row = connection.execute(_seen(viewer).where(schedule.c.job_id == job_id)).first()
    return None if row is None else _view(row)


def list_warnings(connection: Connection, job_id: int, limit: int = 100) -> list[WarningView]:
    """The latest warnings of a job. Whoever asks may see the job."""
    statement = select(job_warning).where(job_warning.c.job_id == job_id)
    ordered = statement.order_by(job_warning.c.last_at.desc(), job_warning.c.path)
    return [
        WarningView(row.path, row.message, row.first_at, row.last_at)
        for row in connection.execute(ordered.limit(limit))
    ]


def _view(row: Row[Any]) -> ScheduleView:
    return ScheduleView(
        EntityName(row.namespace, row.job_name),
        row.kind,
        row.expression,
        row.timezone,
        row.paused,
        row.catchup,
        row.max_active_runs,
        row.start_at,
        row.end_at,
        row.at,
        row.origin,
        row.timing or "trigger",
        row.anchor,
        row.data_interval_s,
    )
