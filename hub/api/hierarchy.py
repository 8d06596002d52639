"""Runs within runs, the attempts of a run, and the lineage of runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Depth, Eyes, Hub, JobOfRun, Paged
from hub.api.runs import Runs
from hub.store import hierarchy, run_lineage, runs
from hub.store.run_lineage import LineageRun, ReadDataset
from hub.store.views import VersionId

router = APIRouter(prefix="/api/v1", tags=["runs"], responses=RESPONSES)

RunLimit = Annotated[int, Query(alias="runLimit", ge=1, le=10_000, description="most runs")]
RunIdQuery = Annotated[UUID, Query(alias="runId")]


class Attempts(Struct, rename="camel"):
    attempts: list[hierarchy.AttemptView]


class LineageJob(Struct, rename="camel"):
    namespace: str
    name: str
    version: str | None


class RunTimes(Struct, rename="camel"):
    id: str
    start: datetime | None
    end: datetime | None
    status: str


class RunWithInputs(Struct, rename="camel"):
    """`depth` counts from the run that was asked for."""

    job: LineageJob
    run: RunTimes
    inputs: list[ReadDataset]
    outputs: list[VersionId]
    depth: int


class RunLineage(Struct, rename="camel"):
    runs: list[RunWithInputs]


@router.get("/jobs/runs/{id}/attempts", responses=answers(Attempts))
def list_attempts(id: UUID, hub: Hub, eyes: Eyes, job: JobOfRun) -> Response:  # noqa: A002
    """The attempts of a run, the latest first."""
    with hub.db.reading() as connection:
        run_id = runs.find_run(connection, eyes, id, job)
        return answer(Attempts(hierarchy.list_attempts(connection, run_id)))


@router.get("/jobs/runs/{id}/children", responses=answers(Runs))
def list_children(
    id: UUID,  # noqa: A002  Marquez's word
    hub: Hub,
    eyes: Eyes,
    job: JobOfRun,
    page: Paged,
) -> Response:
    """The runs directly within a run, such as the tasks of a DAG run; the latest first."""
    with hub.db.reading() as connection:
        run_id = runs.find_run(connection, eyes, id, job)
        found = hierarchy.list_children(connection, eyes, run_id, page)
    return answer(Runs(found.items, found.total, found.next))


@router.get("/jobs/runs/{id}/hierarchy", responses=answers(hierarchy.Tree))
def get_hierarchy(
    id: UUID,  # noqa: A002  Marquez's word
    hub: Hub,
    eyes: Eyes,
    job: JobOfRun,
    limit: RunLimit = 1000,
) -> Response:
    """The whole tree that a run belongs to, level by level from its root."""
    with hub.db.reading() as connection:
        run_id = runs.find_run(connection, eyes, id, job)
        return answer(hierarchy.tree_of(connection, eyes, run_id, limit))


@router.get("/runlineage/upstream", responses=answers(RunLineage))
def get_upstream(
    run: RunIdQuery, hub: Hub, eyes: Eyes, job: JobOfRun, depth: Depth = 20, limit: RunLimit = 1000
) -> Response:
    """The run, the runs that made what it read, and so on."""
    return _walked(hub, run_lineage.upstream, eyes, run, job, depth, limit)


@router.get("/runlineage/downstream", responses=answers(RunLineage))
def get_downstream(
    run: RunIdQuery, hub: Hub, eyes: Eyes, job: JobOfRun, depth: Depth = 20, limit: RunLimit = 1000
) -> Response:
    """The run, the runs that read what it made, and so on."""
    return _walked(hub, run_lineage.downstream, eyes, run, job, depth, limit)


def _walked(
    hub: Hub, walk: Any, eyes: Eyes, run: UUID, job: JobOfRun, depth: int, limit: int
) -> Response:
    with hub.db.reading() as connection:
        run_id = runs.find_run(connection, eyes, run, job)
        found = walk(connection, eyes, run_id, depth, limit)
    return answer(RunLineage([_shown(each) for each in found]))


def _shown(each: LineageRun) -> RunWithInputs:
    run = each.run
    version = run.job_version.version if run.job_version else None
    return RunWithInputs(
        LineageJob(run.job.namespace, run.job.name, version),
        RunTimes(run.id, run.started_at, run.ended_at, run.state),
        each.inputs,
        [output.dataset_version_id for output in run.output_dataset_versions],
        each.depth,
    )
