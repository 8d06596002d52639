"""Runs, and their facets."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from msgspec import Raw, Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, JobOfRun, Paged
from hub.api.paths import Name
from hub.model import EntityName
from hub.store import runs
from hub.store.facets import facets_of_jobs, facets_of_runs
from hub.store.run_causes import RunCauses, run_causes
from hub.store.views import RunView

router = APIRouter(prefix="/api/v1", tags=["runs"], responses=RESPONSES)


class Runs(Struct, rename="camel"):
    runs: list[RunView]
    total_count: int | None
    next_cursor: str | None


class FacetsOf(StrEnum):
    """Whose facets."""

    RUN = "run"
    JOB = "job"


class RunFacets(Struct, rename="camel"):
    run_id: UUID
    facets: dict[str, Raw]


@router.get("/namespaces/{namespace}/jobs/{job}/runs", responses=answers(Runs))
def list_runs(namespace: Name, job: Name, hub: Hub, eyes: Eyes, page: Paged) -> Response:
    """The runs of a job, the latest first."""
    with hub.db.reading() as connection:
        found = runs.list_runs(connection, eyes, EntityName(namespace, job), page)
    return answer(Runs(found.items, found.total, found.next))


@router.get("/jobs/runs/{id}", responses=answers(RunView))
def get_run(id: UUID, hub: Hub, eyes: Eyes, job: JobOfRun) -> Response:  # noqa: A002  Marquez's word
    """A run, by the run id of any of its attempts."""
    with hub.db.reading() as connection:
        return answer(runs.get_run(connection, eyes, id, job))


@router.get("/jobs/runs/{id}/causes", responses=answers(RunCauses))
def get_run_causes(id: UUID, hub: Hub, eyes: Eyes, job: JobOfRun) -> Response:  # noqa: A002
    """Why a run was started: the launch and its updates; what it has written; who tries it again."""
    with hub.db.reading() as connection:
        run_id = runs.find_run(connection, eyes, id, job)
        return answer(run_causes(connection, eyes, run_id, datetime.now(UTC)))


@router.get("/jobs/runs/{id}/facets", responses=answers(RunFacets))
def get_run_facets(
    id: UUID,  # noqa: A002  Marquez's word
    hub: Hub,
    eyes: Eyes,
    job: JobOfRun,
    of: Annotated[str, Query(alias="type", pattern="(?i)^(run|job)$", description="run or job")],
) -> Response:
    """The facets that the events of a run told, of the run itself or of its job."""
    with hub.db.reading() as connection:
        run_id = runs.find_run(connection, eyes, id, job)
        if of.lower() == FacetsOf.RUN:
            found = facets_of_runs(connection, [run_id]).get(run_id, {})
        else:
            job_id = runs.job_of(connection, run_id)
            found = facets_of_jobs(connection, [job_id]).get(job_id, {})
    return answer(RunFacets(id, found))
