"""Jobs and their versions."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.access import viewer_of
from hub.api.answers import answer, answers
from hub.api.edits import edit
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Operator, Paged
from hub.api.paths import Name, NewName
from hub.model import EntityName, RunState
from hub.record.terms import whole_words
from hub.store import jobs, tags
from hub.store.views import JobVersionView, JobView

router = APIRouter(prefix="/api/v1", tags=["jobs"], responses=RESPONSES)

_ONE = "/namespaces/{namespace}/jobs/{job}"

States = Annotated[list[RunState], Query(alias="lastRunStates", max_length=len(RunState))]


class Jobs(Struct, rename="camel"):
    jobs: list[JobView]
    total_count: int | None
    next_cursor: str | None


class JobVersions(Struct, rename="camel"):
    versions: list[JobVersionView]
    next_cursor: str | None


@router.get("/jobs", responses=answers(Jobs))
def list_all_jobs(hub: Hub, eyes: Eyes, page: Paged, states: States = []) -> Response:  # noqa: B006
    """Jobs of all namespaces, those with news first. Facets only when one job is asked for."""
    with hub.db.reading() as connection:
        found = jobs.list_jobs(connection, eyes, page, states=states)
    return answer(Jobs(found.items, found.total, found.next))


@router.get("/namespaces/{namespace}/jobs", responses=answers(Jobs))
def list_jobs(
    namespace: Name,
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    states: States = [],  # noqa: B006  FastAPI makes a new one
) -> Response:
    with hub.db.reading() as connection:
        found = jobs.list_jobs(connection, eyes, page, within=namespace, states=states)
    return answer(Jobs(found.items, found.total, found.next))


@router.get(_ONE, responses=answers(JobView))
def get_job(namespace: Name, job: Name, hub: Hub, eyes: Eyes) -> Response:
    with hub.db.reading() as connection:
        return answer(jobs.get_job(connection, eyes, EntityName(namespace, job)))


@router.delete(_ONE, responses=answers(JobView))
def hide_job(namespace: Name, job: Name, hub: Hub, by: Operator) -> Response:
    """Hides a job until its next event; shows it as it was."""
    name = EntityName(namespace, job)
    by.require_namespace(namespace)
    return answer(
        edit(
            hub,
            by,
            "job_hidden",
            f"{namespace}/{job}",
            lambda connection, _: jobs.hide_job(connection, viewer_of(by), name),
        )
    )


@router.get(_ONE + "/versions", responses=answers(JobVersions))
def list_job_versions(namespace: Name, job: Name, hub: Hub, eyes: Eyes, page: Paged) -> Response:
    with hub.db.reading() as connection:
        found = jobs.list_job_versions(connection, eyes, EntityName(namespace, job), page)
    return answer(JobVersions(found.items, found.next))


@router.get(_ONE + "/versions/{version}", responses=answers(JobVersionView))
def get_job_version(namespace: Name, job: Name, version: UUID, hub: Hub, eyes: Eyes) -> Response:
    with hub.db.reading() as connection:
        name = EntityName(namespace, job)
        return answer(jobs.get_job_version(connection, eyes, name, version))


@router.post(_ONE + "/tags/{tag}", responses=answers(JobView))
def tag_job(namespace: Name, job: Name, tag: NewName, hub: Hub, by: Operator) -> Response:
    """Puts a tag on a job; shows the job."""
    name, eyes = EntityName(namespace, job), viewer_of(by)
    by.require_namespace(namespace)
    edit(
        hub,
        by,
        "job_tagged",
        f"{namespace}/{job}",
        lambda connection, now: tags.tag_job(connection, eyes, name, tag, now, whole_words),
    )
    with hub.db.reading() as connection:
        return answer(jobs.get_job(connection, eyes, name))


@router.delete(_ONE + "/tags/{tag}", responses=answers(JobView))
def untag_job(namespace: Name, job: Name, tag: NewName, hub: Hub, by: Operator) -> Response:
    """Takes a tag off a job; shows the job."""
    name, eyes = EntityName(namespace, job), viewer_of(by)
    by.require_namespace(namespace)
    edit(
        hub,
        by,
        "job_untagged",
        f"{namespace}/{job}",
        lambda connection, _: tags.untag_job(connection, eyes, name, tag, whole_words),
    )
    with hub.db.reading() as connection:
        return answer(jobs.get_job(connection, eyes, name))
