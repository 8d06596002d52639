"""All that the page of a job or dataset shows, in one call; and the parts one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Cursor, Eyes, Hub, Instant, Limit, Paged, Text
from hub.api.paths import Name
from hub.errors import BadInput, NotFound
from hub.model import EntityName
from hub.store import datasets, jobs, names, quality, schedules, slots, upcoming
from hub.store.jobs import list_child_jobs
from hub.store.lineage import Way, walk
from hub.store.reading import Page
from hub.store.views import DatasetView, JobView

router = APIRouter(prefix="/api/v1", tags=["pages"], responses=RESPONSES)

_JOB = "/namespaces/{namespace}/jobs/{job}"
_DATASET = "/namespaces/{namespace}/datasets/{dataset}"
#: How many of each thing a page shows at first.
FIRST = Page(limit=20)
#: So far ahead the slots of many jobs are told.
_FARTHEST = timedelta(days=35)
_SOONEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class JobPage(Struct, rename="camel"):
    """`job.latestRuns` are its runs; `children` the jobs within it, such as the tasks of a DAG."""

    job: JobView
    schedule: schedules.ScheduleView | None
    warnings: list[schedules.WarningView]
    children: list[JobView]
    upstream_jobs: list[EntityName]
    downstream_jobs: list[EntityName]


class DatasetPage(Struct, rename="camel"):
    dataset: DatasetView
    updates: list[quality.UpdateView]
    checks: list[quality.CheckView]
    freshness_policy: quality.FreshnessView | None
    producers: list[EntityName]
    consumers: list[EntityName]


class Warnings(Struct, rename="camel"):
    warnings: list[schedules.WarningView]


class Schedules(Struct, rename="camel"):
    schedules: list[schedules.ScheduleView]
    next_cursor: str | None


class UpcomingSlots(Struct, rename="camel"):
    slots: list[upcoming.UpcomingSlotView]
    next_cursor: str | None


class Checks(Struct, rename="camel"):
    checks: list[quality.CheckView]
    next_cursor: str | None


class Updates(Struct, rename="camel"):
    updates: list[quality.UpdateView]
    total_count: int | None
    next_cursor: str | None


@router.get(_JOB + "/overview", responses=answers(JobPage))
def get_job_page(namespace: Name, job: Name, hub: Hub, eyes: Eyes) -> Response:
    name = EntityName(namespace, job)
    with hub.db.reading() as connection:
        key = names.find_job(connection, eyes, name)
        page = JobPage(
            jobs.get_job(connection, eyes, name),
            schedules.schedule_of(connection, eyes, key),
            schedules.list_warnings(connection, key),
            list_child_jobs(connection, eyes, key, FIRST.limit),
            _jobs_next_to(connection, eyes, job_id=key, way=Way.UPSTREAM),
            _jobs_next_to(connection, eyes, job_id=key, way=Way.DOWNSTREAM),
        )
    return answer(page)


@router.get(_DATASET + "/overview", responses=answers(DatasetPage))
def get_dataset_page(namespace: Name, dataset: Name, hub: Hub, eyes: Eyes) -> Response:
    name = EntityName(namespace, dataset)
    with hub.db.reading() as connection:
        key = names.find_dataset(connection, eyes, name)
        page = DatasetPage(
            datasets.get_dataset(connection, eyes, name),
            quality.list_updates(connection, eyes, key, FIRST).items,
            quality.list_checks(connection, eyes, key, FIRST).items,
            quality.freshness_of(connection, key),
            _jobs_next_to(connection, eyes, dataset_id=key, way=Way.UPSTREAM),
            _jobs_next_to(connection, eyes, dataset_id=key, way=Way.DOWNSTREAM),
        )
    return answer(page)


def _jobs_next_to(connection: object, eyes: Eyes, **start: object) -> list[EntityName]:
    """The names of the jobs one step away."""
    depth = 0 if "dataset_id" in start else 1
    graph = walk(connection, eyes, depth=depth, limit=200, **start)  # type: ignore[arg-type]
    return names.names_of_jobs(connection, graph.jobs - {start.get("job_id")})  # type: ignore[arg-type]


@router.get(_JOB + "/warnings", responses=answers(Warnings))
def list_warnings(namespace: Name, job: Name, hub: Hub, eyes: Eyes) -> Response:
    """What was sloppy in the events of a job and survived."""
    with hub.db.reading() as connection:
        key = names.find_job(connection, eyes, EntityName(namespace, job))
        return answer(Warnings(schedules.list_warnings(connection, key)))


@router.get(_JOB + "/schedule", responses=answers(schedules.ScheduleView))
def get_schedule(namespace: Name, job: Name, hub: Hub, eyes: Eyes) -> Response:
    """When a job is meant to run: as the file says, else as it is declared, else as it was learned."""
    with hub.db.reading() as connection:
        key = names.find_job(connection, eyes, EntityName(namespace, job))
        found = schedules.schedule_of(connection, eyes, key)
    if found is None:
        raise NotFound(f"Job '{job}' has no schedule: none is declared, and none was learned yet.")
    return answer(found)


@router.get(_JOB + "/slots", responses=answers(slots.SlotsView))
def list_slots(
    namespace: Name,
    job: Name,
    hub: Hub,
    eyes: Eyes,
    since: Annotated[Instant | None, Query(alias="from", description="a day before `to`")] = None,
    to: Annotated[Instant | None, Query(description="now")] = None,
    until: Annotated[Instant | None, Query(description="also those upcoming until then")] = None,
) -> Response:
    """When the schedule of a job demanded runs, as far as all is known, and which run answered; and will demand them."""
    now = datetime.now(UTC)
    end = to or now
    begin = since or end - timedelta(days=1)
    with hub.db.reading() as connection:
        key = names.find_job(connection, eyes, EntityName(namespace, job))
        return answer(slots.slots_of(connection, eyes, key, begin, end, now, until))


@router.get("/schedules", responses=answers(Schedules))
def list_schedules(hub: Hub, eyes: Eyes, page: Paged) -> Response:
    """The schedule of every job that has one, be it of the file, declared or learned."""
    with hub.db.reading() as connection:
        found = schedules.list_schedules(connection, eyes, page)
    return answer(Schedules(found.items, found.next))


@router.get("/schedules/upcoming", responses=answers(UpcomingSlots))
def list_upcoming_slots(
    hub: Hub,
    eyes: Eyes,
    since: Annotated[Instant | None, Query(alias="from", description="now")] = None,
    to: Annotated[Instant | None, Query(description="a day after `from`")] = None,
    team: Annotated[Text | None, Query(max_length=63)] = None,
    namespace: Annotated[Text | None, Query(max_length=4096)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """What all jobs are meant to do next, job by job. A page may be short, and not be the last."""
    begin = since or datetime.now(UTC)
    if not _SOONEST <= begin <= _LATEST:
        raise BadInput("from", begin.isoformat(), f"a time from {_SOONEST:%Y} to {_LATEST:%Y}")
    end = to or begin + timedelta(days=1)
    if not begin <= end <= begin + _FARTHEST:
        raise BadInput("to", end.isoformat(), f"a time within {_FARTHEST.days} days after `from`")
    asked = upcoming.Asked(begin, end, team, namespace)
    with hub.db.reading() as connection:
        found = upcoming.list_upcoming(connection, eyes, asked, Page(limit, after=cursor))
    return answer(UpcomingSlots(found.items, found.next))


@router.get(_DATASET + "/checks", responses=answers(Checks))
def list_checks(namespace: Name, dataset: Name, hub: Hub, eyes: Eyes, page: Paged) -> Response:
    """The results of a dataset's checks, the latest first."""
    with hub.db.reading() as connection:
        key = names.find_dataset(connection, eyes, EntityName(namespace, dataset))
        found = quality.list_checks(connection, eyes, key, page)
    return answer(Checks(found.items, found.next))


@router.get(_DATASET + "/updates", responses=answers(Updates))
def list_updates(namespace: Name, dataset: Name, hub: Hub, eyes: Eyes, page: Paged) -> Response:
    """The updates of a dataset, the latest first."""
    with hub.db.reading() as connection:
        key = names.find_dataset(connection, eyes, EntityName(namespace, dataset))
        found = quality.list_updates(connection, eyes, key, page)
    return answer(Updates(found.items, found.total, found.next))
