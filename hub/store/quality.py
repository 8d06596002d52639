"""What was reported of a dataset's data: checks, updates, and how fresh it should be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from hub.model import Viewer
from hub.store.reading import (
    Page,
    PublicKind,
    Slice,
    among,
    cut,
    newest_first,
    public_uuid,
    uuid_text,
)
from hub.store.runs import select_runs_in_brief
from hub.store.tables import check_result, dataset_update, freshness_policy, run
from hub.store.views import View


class CheckView(View, frozen=True):
    """One result of a check; an empty `column` is the dataset as a whole."""

    name: str
    column: str | None
    partition: str | None
    at: datetime
    status: str
    severity: str
    expected: str | None
    actual: str | None
    run_id: str | None


class UpdateView(View, frozen=True):
    """The dataset (partition) was written."""

    version: str
    at: datetime
    partition: str | None
    rows: int | None
    bytes: int | None
    files: int | None
    lifecycle: str | None
    schema_version: str | None
    run_id: str | None
    job_namespace: str | None
    job_name: str | None


class FreshnessView(View, frozen=True):
    """How old the dataset may get, in seconds; with a cron, due at each tick."""

    max_lag_s: float
    cron: str | None
    timezone: str
    declared_at: datetime


def list_checks(
    connection: Connection, viewer: Viewer, dataset_id: int, page: Page
) -> Slice[CheckView]:
    """The results of a dataset's checks, the latest first. Whoever asks may see the dataset."""
    statement = select(check_result).where(check_result.c.dataset_id == dataset_id)
    paged = newest_first(statement, page, check_result.c.at, check_result.c.id)
    rows, following = cut(connection.execute(paged).all(), page, _key)
    runs = _runs_of(connection, viewer, rows)
    return Slice([_check(row, runs.get(row.run_id)) for row in rows], following)


def results_of(
    connection: Connection, viewer: Viewer, dataset_id: int, check: str, column: str, count: int
) -> list[CheckView]:
    """The latest results of one check, be they of any partition; column: "" for the whole dataset."""
    mine = check_result.c
    statement = (
        select(check_result)
        .where(mine.dataset_id == dataset_id, mine.name == check, mine.column_name == column)
        .order_by(mine.at.desc(), mine.id.desc())
        .limit(count)
    )
    rows = connection.execute(statement).all()
    runs = _runs_of(connection, viewer, rows)
    return [_check(row, runs.get(row.run_id)) for row in rows]


def list_updates(
    connection: Connection, viewer: Viewer, dataset_id: int, page: Page
) -> Slice[UpdateView]:
    """The updates of a dataset, the latest first. Whoever asks may see the dataset."""
    statement = select(dataset_update).where(dataset_update.c.dataset_id == dataset_id)
    paged = newest_first(statement, page, dataset_update.c.at, dataset_update.c.id)
    rows, following = cut(connection.execute(paged).all(), page, _key)
    counted = select(func.count()).where(dataset_update.c.dataset_id == dataset_id)
    runs = _runs_of(connection, viewer, rows)
    views = [_update(row, runs.get(row.run_id)) for row in rows]
    return Slice(views, following, connection.scalar(counted))


def freshness_of(connection: Connection, dataset_id: int) -> FreshnessView | None:
    """The freshness policy that was declared for a dataset."""
    statement = select(freshness_policy).where(freshness_policy.c.dataset_id == dataset_id)
    row = connection.execute(statement).first()
    if row is None:
        return None
    return FreshnessView(row.max_lag_s, row.cron, row.timezone, row.at)


def _key(row: Row[Any]) -> tuple[object, ...]:
    return row.at, row.id


def _runs_of(
    connection: Connection, viewer: Viewer, rows: Iterable[Row[Any]]
) -> dict[int, Row[Any]]:
    """The runs that made these rows, of those that the viewer may see.

    Looked up by their ids: joined with all runs, SQLite reads every one of them.
    """
    keys = {row.run_id for row in rows if row.run_id is not None}
    return {one.id: one for one in among(connection, select_runs_in_brief(viewer), run.c.id, keys)}


def _check(row: Row[Any], by: Row[Any] | None) -> CheckView:
    return CheckView(
        row.name,
        row.column_name or None,
        row.partition_key or None,
        row.at,
        row.status,
        row.severity,
        row.expected,
        row.actual,
        None if by is None else uuid_text(by.attempt_uuid),
    )


def _update(row: Row[Any], by: Row[Any] | None) -> UpdateView:
    return UpdateView(
        public_uuid(PublicKind.UPDATE, row.id),
        row.at,
        row.partition_key or None,
        row.rows,
        row.bytes,
        row.files,
        row.lifecycle,
        row.schema_id and public_uuid(PublicKind.SCHEMA, row.schema_id),
        None if by is None else uuid_text(by.attempt_uuid),
        None if by is None else by.namespace,
        None if by is None else by.job_name,
    )
