"""Jobs: lists, one with all that belongs to it, and its versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, Select, exists, func, or_, select, update

from hub.errors import NotFound
from hub.model import Direction, EntityName, RunState, Viewer
from hub.store.counts import recorded, total_of
from hub.store.facets import Facets, facets_of_jobs
from hub.store.names import find_job, find_namespace
from hub.store.reading import (
    Page,
    PublicKind,
    Slice,
    among,
    cut,
    dataset_seen,
    job_seen,
    json_list,
    kept_per_viewer,
    newest_first,
    public_uuid,
    uuid_text,
    without_index,
)
from hub.store.runs import latest_runs, run_views_by_id
from hub.store.tables import (
    dataset,
    edge,
    job,
    job_tag,
    job_version,
    namespace,
    orchestrator,
)
from hub.store.views import JobVersionView, JobView, RunView, VersionId

#: How many of a job's latest runs its views carry, as Marquez does.
LATEST_RUNS = 10

_parent = job.alias("parent")
_TYPES = {"STREAMING": "STREAM", "STREAM": "STREAM", "SERVICE": "SERVICE"}

#: What a view shows of a job's own row.
_SHOWN = (
    job.c.id,
    job.c.name,
    job.c.processing,
    job.c.integration,
    job.c.kind,
    job.c.parent_job_id,
    job.c.created_at,
    job.c.updated_at,
    job.c.location,
    job.c.description,
    job.c.owners,
    job.c.team,
    job.c.latest_run_id,
)

Io = dict[tuple[int, str], list[EntityName]]


def current_edge(edges: Any = edge) -> Any:
    """Whether an edge is as new as the latest run of its job that named datasets."""
    return or_(job.c.io_at.is_(None), edges.c.last_at >= job.c.io_at)


@kept_per_viewer
def select_jobs(viewer: Viewer) -> Select[Any]:
    """Rows that `job_views` takes, of the jobs the viewer may see."""
    return (
        select(
            *_SHOWN,
            namespace.c.name.label("namespace"),
            _parent.c.name.label("parent_name"),
            job_version.c.uuid.label("version_uuid"),
            orchestrator.c.name.label("orchestrator"),
            exists().where(job_tag.c.job_id == job.c.id).label("tagged"),
        )
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .outerjoin(_parent, _parent.c.id == job.c.parent_job_id)
        .outerjoin(job_version, job_version.c.id == job.c.version_id)
        .outerjoin(orchestrator, orchestrator.c.id == job.c.orchestrator_id)
        .where(job_seen(viewer))
    )


class Which(Struct, frozen=True):
    """Jobs of one namespace, with their latest run in one of these states, of a team, whose name
    holds a text; what is not told: all.
    """

    within: str | None = None
    states: Sequence[RunState] = ()
    team: str | None = None
    text: str | None = None


def list_jobs(
    connection: Connection,
    viewer: Viewer,
    page: Page,
    *,
    within: str | None = None,
    states: Sequence[RunState] = (),
) -> Slice[JobView]:
    """Jobs of all namespaces or one, those with news first; `states`: of their latest run."""
    found = list_keys(connection, viewer, page, Which(within, states))
    views = job_views_by_id(connection, viewer, found.items, runs=LATEST_RUNS)
    return Slice([views[key] for key in found.items], found.next, found.total)


def list_keys(
    connection: Connection,
    viewer: Viewer,
    page: Page,
    which: Which = Which(),  # noqa: B008  frozen
) -> Slice[int]:
    """The ids of such jobs, those with news first."""
    scope = None if which.within is None else find_namespace(connection, which.within)
    narrowed = list(_narrowed(which))
    conditions = [job_seen(viewer), *narrowed]
    if scope is not None:
        conditions.append(_of_namespace(connection, scope, page))
    some = select(job.c.id, job.c.updated_at).where(*conditions)
    rows = connection.execute(newest_first(some, page, job.c.updated_at, job.c.id)).all()
    kept, following = cut(rows, page, lambda row: (row.updated_at, row.id))
    if narrowed:
        total = connection.scalar(select(func.count()).select_from(job).where(*conditions))
    else:
        total = total_of(connection, viewer, "jobs", scope)
    return Slice([row.id for row in kept], following, total)


def _narrowed(which: Which) -> Iterator[ColumnElement[bool]]:
    if which.states:
        yield job.c.latest_run_state.in_(which.states)
    if which.team is not None:
        yield job.c.team == which.team
    if which.text is not None:
        yield job.c.name.icontains(which.text, autoescape=True)


def _of_namespace(connection: Connection, scope: int, page: Page) -> ColumnElement[bool]:
    """Jobs of a namespace. A large one is met soon enough along the index of update times; for a
    small one sorting its jobs is less work. PostgreSQL knows which; SQLite has to be told.
    """
    mine, every = recorded(connection, "jobs", scope), recorded(connection, "jobs")
    if mine**2 > (page.offset + page.limit) * every:
        return without_index(connection, job.c.namespace_id) == scope
    return job.c.namespace_id == scope


def get_job(connection: Connection, viewer: Viewer, name: EntityName) -> JobView:
    key = find_job(connection, viewer, name)
    return job_views_by_id(connection, viewer, [key], runs=LATEST_RUNS, facets=True)[key]


def list_child_jobs(
    connection: Connection, viewer: Viewer, job_id: int, limit: int
) -> list[JobView]:
    """The first of the jobs within a job, by name."""
    mine = select_jobs(viewer).where(job.c.parent_job_id == job_id)
    rows = connection.execute(mine.order_by(job.c.name, job.c.id).limit(limit)).all()
    return job_views(connection, viewer, rows)


def job_views_by_id(
    connection: Connection,
    viewer: Viewer,
    keys: Iterable[int],
    *,
    runs: int = 1,
    facets: bool = False,
) -> dict[int, JobView]:
    rows = among(connection, select_jobs(viewer), job.c.id, keys)
    views = job_views(connection, viewer, rows, runs=runs, facets=facets)
    return {row.id: view for row, view in zip(rows, views, strict=True)}


def job_views(
    connection: Connection,
    viewer: Viewer,
    rows: Sequence[Row[Any]],
    *,
    runs: int = 1,
    facets: bool = False,
) -> list[JobView]:
    """Rows of `select_jobs` with their datasets, tags and latest runs (1: only the latest).

    Facets, of the job and of its latest run, only if asked for: they are most of the bytes. Without
    them the runs before the latest are in brief.
    """
    keys = [row.id for row in rows]
    io = _datasets_of(connection, viewer, keys)
    tags = _tags_of(connection, [row.id for row in rows if row.tagged])
    told = facets_of_jobs(connection, keys) if facets else {}
    history = latest_runs(connection, viewer, keys, runs, brief=not facets) if runs > 1 else {}
    latest = _latest(connection, viewer, rows, facets=facets)
    return [
        _view(row, io, tags[row.id], told.get(row.id, {}), latest.get(row.id), history.get(row.id))
        for row in rows
    ]


def _latest(
    connection: Connection, viewer: Viewer, rows: Sequence[Row[Any]], *, facets: bool
) -> dict[int, RunView]:
    """The latest run of each job."""
    wanted = {row.latest_run_id: row.id for row in rows if row.latest_run_id is not None}
    views = run_views_by_id(connection, viewer, list(wanted), facets=facets)
    return {wanted[key]: view for key, view in views.items()}


def _view(
    row: Row[Any],
    io: Io,
    tags: list[str],
    facets: Facets,
    latest: RunView | None,
    history: list[RunView] | None,
) -> JobView:
    return JobView(
        id=EntityName(row.namespace, row.name),
        type=_TYPES.get((row.processing or "").upper(), "BATCH"),
        name=row.name,
        simple_name=_simple_name(row.name, row.parent_name),
        parent_job_name=row.parent_name,
        parent_job_uuid=row.parent_job_id and public_uuid(PublicKind.JOB, row.parent_job_id),
        created_at=row.created_at,
        updated_at=row.updated_at,
        namespace=row.namespace,
        inputs=io.get((row.id, Direction.INPUT), []),
        outputs=io.get((row.id, Direction.OUTPUT), []),
        location=row.location,
        description=row.description,
        latest_run=latest,
        latest_runs=history or None,  # Marquez's web UI falls over an empty list
        facets=facets,
        current_version=uuid_text(row.version_uuid),
        labels=[],
        tags=tags,
        orchestrator=row.orchestrator,
        integration=row.integration,
        kind=row.kind,
        owners=json_list(row.owners),
        team=row.team,
    )


def _simple_name(name: str, parent: str | None) -> str:
    """A task's name without its DAG's."""
    return name.removeprefix(f"{parent}.") if parent else name


@kept_per_viewer
def _select_io(viewer: Viewer) -> Select[Any]:
    return (
        select(edge.c.job_id, edge.c.direction, namespace.c.name, dataset.c.name)
        .join(job, job.c.id == edge.c.job_id)
        .join(dataset, dataset.c.id == edge.c.dataset_id)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .where(current_edge(), dataset_seen(viewer))
    )


def _datasets_of(connection: Connection, viewer: Viewer, job_ids: list[int]) -> Io:
    found: Io = defaultdict(list)
    rows = among(connection, _select_io(viewer), edge.c.job_id, job_ids)
    for job_id, direction, space, name in rows:
        found[job_id, direction].append(EntityName(space, name))
    for names in found.values():
        names.sort()
    return found


_TAGS = select(job_tag.c.job_id, job_tag.c.tag)


def _tags_of(connection: Connection, job_ids: list[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for job_id, tag in among(connection, _TAGS, job_tag.c.job_id, job_ids):
        found[job_id].append(tag)
    return found


# -- versions ----------------------------------------------------------------------------------


def list_job_versions(
    connection: Connection, viewer: Viewer, name: EntityName, page: Page
) -> Slice[JobVersionView]:
    """The versions of a job, the latest first."""
    mine = _versions(connection, viewer, name)
    rows = connection.execute(newest_first(mine, page, job_version.c.created_at, job_version.c.id))
    kept, following = cut(rows.all(), page, lambda row: (row.created_at, row.id))
    views = _version_views(connection, viewer, kept)
    return Slice(views, following)


def get_job_version(
    connection: Connection, viewer: Viewer, name: EntityName, version: UUID
) -> JobVersionView:
    mine = _versions(connection, viewer, name).where(job_version.c.uuid == version.bytes)
    rows = connection.execute(mine).all()
    if not rows:
        raise NotFound(f"Job version '{version}' not found.")
    return _version_views(connection, viewer, rows)[0]


def _versions(connection: Connection, viewer: Viewer, name: EntityName) -> Select[Any]:
    return (
        select(job_version, job.c.name, namespace.c.name.label("namespace"))
        .join(job, job.c.id == job_version.c.job_id)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .where(job_version.c.job_id == find_job(connection, viewer, name))
    )


def _version_views(
    connection: Connection, viewer: Viewer, rows: Sequence[Row[Any]]
) -> list[JobVersionView]:
    io = [(json_list(row.inputs), json_list(row.outputs)) for row in rows]
    names = _dataset_names(connection, viewer, {key for pair in io for ids in pair for key in ids})
    runs = run_views_by_id(connection, viewer, [row.run_id for row in rows])
    return [
        JobVersionView(
            id=VersionId(row.namespace, row.name, str(UUID(bytes=row.uuid))),
            name=row.name,
            created_at=row.created_at,
            version=str(UUID(bytes=row.uuid)),
            namespace=row.namespace,
            location=row.location,
            inputs=[names[key] for key in inputs if key in names],
            outputs=[names[key] for key in outputs if key in names],
            latest_run=runs.get(row.run_id),
        )
        for row, (inputs, outputs) in zip(rows, io, strict=True)
    ]


def _dataset_names(
    connection: Connection, viewer: Viewer, keys: Iterable[int]
) -> dict[int, EntityName]:
    statement = (
        select(dataset.c.id, namespace.c.name, dataset.c.name)
        .join(namespace, namespace.c.id == dataset.c.namespace_id)
        .where(dataset_seen(viewer))
    )
    rows = among(connection, statement, dataset.c.id, keys)
    return {key: EntityName(space, name) for key, space, name in rows}


def hide_job(connection: Connection, viewer: Viewer, name: EntityName) -> JobView:
    """Hides the job until its next event; shows it as it was."""
    view = get_job(connection, viewer, name)
    key = find_job(connection, viewer, name)
    connection.execute(update(job).where(job.c.id == key).values(hidden=True))
    return view
