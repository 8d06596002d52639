"""Jobs: the table, and one of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query, Request
from msgspec import Struct
from starlette.responses import Response

from hub.api.params import Eyes, Hub, Paged, Text
from hub.evaluate.explain import BaselineTold, Explanation, explain
from hub.evaluate.watch import Watch
from hub.model import EntityName, RunState, Viewer
from hub.rules.base import Subject
from hub.schedules.spans import soonest
from hub.store import incidents, jobs, names, runs, schedules
from hub.store.db import Connection
from hub.store.grid import days_of, grid_of
from hub.store.incident_views import IncidentView
from hub.store.reading import Page
from hub.store.views import JobVersionView, JobView, RunView
from hub.web import links
from hub.web.creep import creep_of
from hub.web.dots import Band, Point, dots
from hub.web.launching import offer_of
from hub.web.picture import lineage_of
from hub.web.runs_grid import calendar, grid
from hub.web.site import LEFT_EMPTY, page, pages

router: Final = pages()

Namespace = Annotated[Text | None, Query(max_length=4096)]
Name = Annotated[Text, Query(min_length=1, max_length=4096)]
_SECOND: Final = 1000
_RUNS: Final = 60
_GRID: Final = 40
_SLOTS: Final = 5


class Listed(Struct, frozen=True):
    """A job in the table. good_at: when it last completed, of its latest runs; took_s: the last."""

    job: JobView
    next_at: datetime | None
    good_at: datetime | None
    took_s: float | None


@router.get("/jobs")
def show_jobs(
    request: Request,
    hub: Hub,
    eyes: Eyes,
    paged: Paged,
    namespace: Namespace = None,
    state: Annotated[RunState | None, Query(description="of the latest run"), LEFT_EMPTY] = None,
    team: Annotated[Text | None, Query(max_length=512), LEFT_EMPTY] = None,
    text: Annotated[Text | None, Query(max_length=512), LEFT_EMPTY] = None,
) -> Response:
    which = jobs.Which(namespace, () if state is None else (state,), team, text)
    asked = {"namespace": namespace, "team": team, "text": text}
    with hub.db.reading() as connection:
        found = jobs.list_keys(connection, eyes, _fifty(paged), which)
        listed = _listed(connection, eyes, found.items, datetime.now(UTC))
    return page(
        request,
        "jobs.html",
        listed=listed,
        total=found.total,
        next=found.next,
        asked=asked,
        narrowed=which != jobs.Which(),
        state=state,
        states=[RunState.RUNNING, RunState.FAILED, RunState.COMPLETED, RunState.ABORTED],
    )


def _listed(connection: Connection, eyes: Viewer, keys: list[int], now: datetime) -> list[Listed]:
    views = jobs.job_views_by_id(connection, eyes, keys, runs=jobs.LATEST_RUNS)
    due = schedules.next_slots(connection, eyes, keys, now)
    return [
        Listed(views[key], due.get(key), _good_at(views[key]), last_length(views[key]))
        for key in keys
    ]


def _good_at(job: JobView) -> datetime | None:
    good = (run.ended_at for run in job.latest_runs or () if run.state == RunState.COMPLETED)
    return next((at for at in good if at is not None), None)


def _fifty(paged: Page) -> Page:
    return Page(min(paged.limit, 50), paged.offset, paged.after)


@router.get("/job")
def show_job(request: Request, hub: Hub, eyes: Eyes, namespace: Name, name: Name) -> Response:
    called, now = EntityName(namespace, name), datetime.now(UTC)
    with hub.db.reading() as connection:
        key = names.find_job(connection, eyes, called)
        view = jobs.get_job(connection, eyes, called)
        past = runs.latest_runs(connection, eyes, [key], _RUNS, brief=True).get(key, [])
        told = _explained(hub, connection, key, now)
        band, found = _band(told.baseline), _incidents(connection, eyes, key)
        points = [point for run in past if (point := _point(run))]
        return page(
            request,
            "job.html",
            job=view,
            runs=past,
            band=band,
            lengths=dots(points, "how long its runs took", band, raised=creep_of(found)),
            schedule=schedules.schedule_of(connection, eyes, key),
            told=told,
            incidents=found,
            children=jobs.list_child_jobs(connection, eyes, key, 100),
            warnings=schedules.list_warnings(connection, key),
            picture=lineage_of(connection, eyes, job=called),
            facets=sorted(view.facets.items()),
            grid=grid(grid_of(connection, eyes, key, _GRID), called),
            calendar=calendar(days_of(connection, key, now), now),
            slots=coming(connection, eyes, key, now),
            versions=_versions(connection, eyes, called),
            launch=offer_of(request, hub, view.orchestrator, called),
        )


def coming(connection: Connection, eyes: Viewer, key: int, now: datetime) -> list[datetime]:
    """When its next slots are due."""
    held = schedules.held_of(connection, eyes, key)
    if held is None or held.span.schedule.paused:
        return []
    slots = soonest(held.span, now, now + timedelta(days=400), _SLOTS)
    return [slot.due_at for slot in slots]


class Version(Struct, frozen=True):
    """A version of a job, and what it read and wrote that the one before did not, or no longer."""

    at: datetime
    name: str
    location: str | None
    came: list[str]
    went: list[str]


def _versions(connection: Connection, eyes: Viewer, name: EntityName) -> list[Version]:
    found = jobs.list_job_versions(connection, eyes, name, Page(11)).items
    return [unlike(one, before) for one, before in zip(found, [*found[1:], None], strict=False)][
        :10
    ]


def unlike(one: JobVersionView, before: JobVersionView | None) -> Version:
    """How a version differs from the one before."""
    here, there = _touched(one), _touched(before) if before is not None else set()
    came = [] if before is None else sorted(here - there)
    return Version(one.created_at, one.version[:8], one.location, came, sorted(there - here))


def _touched(one: JobVersionView) -> set[str]:
    return {f"reads {name.name}" for name in one.inputs} | {
        f"writes {name.name}" for name in one.outputs
    }


def _explained(hub: Hub, connection: Connection, key: int, now: datetime) -> Explanation:
    watch = Watch(hub.db, hub.writer, hub.book, hub.plan)
    return explain(connection, watch, hub.book, Subject.JOB, key, now, lambda _: False)


def _incidents(connection: Connection, eyes: Viewer, key: int) -> list[IncidentView]:
    wanted = incidents.Filter(job_id=key)
    return incidents.list_incidents(connection, eyes, wanted, Page(20)).items


def _point(run: RunView) -> Point | None:
    at = run.started_at
    if at is None or run.duration_ms is None:
        return None
    return Point(at, run.duration_ms / _SECOND, run.state, links.run(run.id, run.job))


def _band(told: BaselineTold | None) -> Band | None:
    if told is None or told.expected_s is None:
        return None
    return Band(told.expected_s, told.limit_s)


def last_length(job: JobView) -> float | None:
    """How long the latest run that ended took, in seconds."""
    ended = (run.duration_ms for run in job.latest_runs or () if run.ended_at is not None)
    found = next((ms for ms in ended if ms is not None), None)
    return None if found is None else found / _SECOND
