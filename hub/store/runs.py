"""Runs: one, those of a job, the attempts and facts of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from hub.errors import NotFound
from hub.model import Direction, EntityName, Viewer
from hub.store.facets import Facets, facets_of_runs
from hub.store.names import find_job, match_job
from hub.store.reading import (
    Page,
    PublicKind,
    Slice,
    among,
    cut,
    dataset_seen,
    job_seen,
    kept_per_viewer,
    newest_first,
    newest_of_each,
    public_uuid,
    to_uuid_text,
    uuid_text,
)
from hub.store.tables import (
    attempt,
    backfill_told,
    dataset,
    dataset_update,
    job,
    job_version,
    namespace,
    run,
    run_dataset,
)
from hub.store.views import RunDatasetView, RunView, VersionId

_parent, _root = run.alias("parent"), run.alias("root")
_MILLISECOND = timedelta(milliseconds=1)

#: What a list is sorted by, and what a view shows of a run's own row.
_SHOWN = (
    run.c.sort_at,
    run.c.id,
    run.c.job_id,
    run.c.natural_id,
    run.c.map_index,
    run.c.state,
    run.c.attempt_uuid,
    run.c.attempt_no,
    run.c.started_at,
    run.c.ended_at,
    run.c.nominal_start,
    run.c.nominal_end,
    run.c.partition_key,
    run.c.error_class,
    run.c.error_message,
    run.c.external_url,
    run.c.created_at,
    run.c.updated_at,
    run.c.own_state,
    run.c.queued_at,
    run.c.backfill,
    backfill_told.c.state.label("backfill_state"),
)
_AGE = itemgetter(0, 1)

Io = dict[tuple[int, str], list[RunDatasetView]]
_NOTHING: dict[Any, Any] = {}


@kept_per_viewer
def select_runs_in_brief(viewer: Viewer) -> Select[Any]:
    """The runs the viewer may see, by what their own rows say."""
    return (
        select(
            *_SHOWN,
            job.c.name.label("job_name"),
            namespace.c.name.label("namespace"),
            _parent.c.attempt_uuid.label("parent_uuid"),
            _root.c.attempt_uuid.label("root_uuid"),
        )
        .join(job, job.c.id == run.c.job_id)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .outerjoin(_parent, _parent.c.id == run.c.parent_run_id)
        .outerjoin(_root, _root.c.id == run.c.root_run_id)
        .outerjoin(
            backfill_told,
            (backfill_told.c.orchestrator_id == run.c.orchestrator_id)
            & (backfill_told.c.natural_id == run.c.backfill),
        )
        .where(job_seen(viewer))
    )


@kept_per_viewer
def select_runs(viewer: Viewer) -> Select[Any]:
    """Rows that `run_views` takes, of the runs the viewer may see."""
    return select_runs_in_brief(viewer).add_columns(_version().label("version"))


def _version() -> ColumnElement[bytes]:
    """The version of its job that a run which began belongs to: the latest made by its end."""
    at = func.coalesce(run.c.ended_at, run.c.updated_at)
    mine = select(job_version.c.uuid).where(
        job_version.c.job_id == run.c.job_id,
        job_version.c.created_at <= at,
        run.c.started_at.is_not(None),
    )
    return mine.order_by(job_version.c.created_at.desc()).limit(1).scalar_subquery()


def find_run(
    connection: Connection, viewer: Viewer, run_uuid: UUID, within: Sequence[EntityName] = ()
) -> int:
    """The id of the run that any of its attempts' UUIDs names; raises NotFound.

    Several jobs of one Dagster run carry the same UUID: the first recorded counts, unless the
    job is named by `within` (any reading of its name).
    """
    statement = (
        select(attempt.c.run_id)
        .join(job, job.c.id == attempt.c.job_id)
        .where(attempt.c.uuid == run_uuid.bytes, job_seen(viewer))
        .order_by(attempt.c.id)
    )
    if within:
        statement = statement.where(attempt.c.job_id == match_job(connection, viewer, within))
    found = connection.scalar(statement.limit(1))
    if found is None:
        raise NotFound(f"Run '{run_uuid}' not found.")
    return int(found)


def job_of(connection: Connection, run_id: int) -> int:
    return int(connection.execute(select(run.c.job_id).where(run.c.id == run_id)).scalar_one())


def get_run(
    connection: Connection, viewer: Viewer, run_uuid: UUID, within: Sequence[EntityName] = ()
) -> RunView:
    key = find_run(connection, viewer, run_uuid, within)
    return run_views_by_id(connection, viewer, [key], facets=True)[key]


def list_runs(
    connection: Connection, viewer: Viewer, name: EntityName, page: Page
) -> Slice[RunView]:
    """The runs of a job, the latest first."""
    job_id = find_job(connection, viewer, name)
    mine = select_runs(viewer).where(run.c.job_id == job_id)
    rows = connection.execute(newest_first(mine, page, run.c.sort_at, run.c.id)).all()
    kept, following = cut(rows, page, lambda row: (row.sort_at, row.id))
    views = run_views(connection, viewer, kept, facets=True)
    total = connection.scalar(select(func.count()).where(run.c.job_id == job_id))
    return Slice(views, following, total)


def runs_until(
    connection: Connection, viewer: Viewer, job_id: int, until: datetime, count: int
) -> list[RunView]:
    """The latest runs of a job that were there at an instant, the latest first, in brief."""
    mine = select_runs_in_brief(viewer).where(run.c.job_id == job_id, run.c.sort_at <= until)
    ordered = mine.order_by(run.c.sort_at.desc(), run.c.id.desc()).limit(count)
    return brief_views(connection.execute(ordered))


def latest_runs(
    connection: Connection, viewer: Viewer, job_ids: list[int], count: int, *, brief: bool = False
) -> dict[int, list[RunView]]:
    """The latest runs of each job, without facets; `brief`: without datasets and version too."""
    keys = newest_of_each(connection, run, "job_id", "sort_at", job_ids, count)
    chosen = select_runs_in_brief(viewer) if brief else select_runs(viewer)
    rows = among(connection, chosen, run.c.id, keys)
    rows.sort(key=_AGE, reverse=True)
    views = brief_views(rows) if brief else run_views(connection, viewer, rows)
    found: dict[int, list[RunView]] = defaultdict(list)
    for row, view in zip(rows, views, strict=True):
        found[row.job_id].append(view)
    return found


def brief_views(rows: Iterable[Row[Any]]) -> list[RunView]:
    """Of rows of `select_runs_in_brief`: without datasets, version and facets."""
    return [_view(row) for row in rows]


def run_views_by_id(
    connection: Connection, viewer: Viewer, keys: Sequence[int], *, facets: bool = False
) -> dict[int, RunView]:
    rows = among(connection, select_runs(viewer), run.c.id, keys)
    views = run_views(connection, viewer, rows, facets=facets)
    return {row.id: view for row, view in zip(rows, views, strict=True)}


def run_views(
    connection: Connection, viewer: Viewer, rows: Sequence[Row[Any]], *, facets: bool = False
) -> list[RunView]:
    """Rows of `select_runs` with their datasets and, if asked for, facets."""
    keys = [row.id for row in rows]
    io = _datasets_of(connection, viewer, keys)
    told = facets_of_runs(connection, keys) if facets else {}
    return [_view(row, io, row.version, told.get(row.id, {})) for row in rows]


def _view(
    row: Row[Any], io: Io = _NOTHING, version: bytes | None = None, facets: Facets = _NOTHING
) -> RunView:
    told: tuple[Any, ...] = tuple(row)
    # Names of a row are looked up one by one, which costs more than all else here.
    (
        (_, key, _, natural_id, map_index, state, uuid, number, started, ended),
        (nominal_start, nominal_end, partition, error_class, error_message, url),
        (created, updated, own_state, queued, backfill, fill_state, job_name, space, parent, root),
    ) = told[:10], told[10:16], told[16:26]
    return RunView(
        id=to_uuid_text(uuid),
        job=EntityName(space, job_name),
        created_at=created,
        updated_at=updated,
        nominal_start_time=nominal_start,
        nominal_end_time=nominal_end,
        state=state,
        started_at=started,
        ended_at=ended,
        duration_ms=_duration(started, ended),
        args={},
        job_version=None if version is None else VersionId(space, job_name, uuid_text(version)),
        input_dataset_versions=io.get((key, Direction.INPUT), []),
        output_dataset_versions=io.get((key, Direction.OUTPUT), []),
        facets=facets,
        natural_id=natural_id,
        map_index=map_index,
        attempt=number,
        partition=partition,
        parent_run_id=uuid_text(parent),
        root_run_id=uuid_text(root),
        error_class=error_class,
        error_message=error_message,
        external_url=url,
        own_state=own_state,
        queued_at=queued,
        backfill=backfill,
        backfill_state=fill_state,
    )


def _duration(started: datetime | None, ended: datetime | None) -> int | None:
    if started is None or ended is None:
        return None
    return int(max(0, (ended - started) // _MILLISECOND))


def version_then(at: ColumnElement[Any], of: ColumnElement[int]) -> ColumnElement[int]:
    """The id of the dataset's latest update at or before an instant."""
    latest = select(dataset_update.c.id).where(
        dataset_update.c.dataset_id == of, dataset_update.c.at <= at
    )
    return latest.order_by(dataset_update.c.at.desc()).limit(1).scalar_subquery()


@kept_per_viewer
def _select_io(viewer: Viewer) -> Select[Any]:
    return (
        select(
            run_dataset.c.run_id,
            run_dataset.c.direction,
            run_dataset.c.dataset_id,
            run_dataset.c.attempt_id,
            run_dataset.c.partition_key,
            run_dataset.c.at,
            run_dataset.c.rows,
            run_dataset.c.bytes,
            run_dataset.c.files,
            dataset.c.name,
            namespace.c.name.label("namespace"),
            version_then(run_dataset.c.at, run_dataset.c.dataset_id).label("update_id"),
        )
        .join(dataset, dataset.c.id == run_dataset.c.dataset_id)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .where(dataset_seen(viewer))
    )


def _datasets_of(connection: Connection, viewer: Viewer, run_ids: list[int]) -> Io:
    rows = among(connection, _select_io(viewer), run_dataset.c.run_id, run_ids)
    # Attempts tell each for themselves: of one dataset (partition) the last word counts.
    last = {
        (row.run_id, row.direction, row.dataset_id, row.partition_key): row
        for row in sorted(rows, key=lambda row: (row.at, row.attempt_id))
    }
    found: Io = defaultdict(list)
    for row in last.values():
        found[row.run_id, row.direction].append(_run_dataset(row))
    return found


def _run_dataset(row: Row[Any]) -> RunDatasetView:
    version = row.update_id and public_uuid(PublicKind.UPDATE, row.update_id)
    return RunDatasetView(
        VersionId(row.namespace, row.name, version),
        {},
        row.partition_key or None,
        row.rows,
        row.bytes,
        row.files,
    )
