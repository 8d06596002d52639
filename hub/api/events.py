"""Raw lineage events."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from msgspec import Raw, Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Instant, JobOfRun, Paged
from hub.errors import NotFound
from hub.store import events, runs

router = APIRouter(prefix="/api/v1", tags=["events"], responses=RESPONSES)

_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


class Order(StrEnum):
    """By event time."""

    DESC = "desc"
    ASC = "asc"


class LineageEvents(Struct, rename="camel"):
    """`totalCount` is of all lineage events the viewer may see, of whatever kind and time."""

    events: list[Raw]
    total_count: int | None
    next_cursor: str | None


class RunEvents(Struct, rename="camel"):
    events: list[events.EventView]
    next_cursor: str | None


@router.get("/events/lineage", responses=answers(LineageEvents))
def list_lineage_events(
    hub: Hub,
    eyes: Eyes,
    page: Paged,
    before: Annotated[Instant, Query()] = _LAST,
    after: Annotated[Instant, Query()] = _FIRST,
    order: Annotated[Order, Query(alias="sortDirection")] = Order.DESC,
) -> Response:
    """Run events as they were sent, by event time."""
    with hub.db.reading() as connection:
        found = events.list_run_events(
            connection, eyes, page, before=before, after=after, newest=order is Order.DESC
        )
    return answer(LineageEvents(found.items, found.total, found.next))


@router.get("/events/lineage/{number}", responses=answers(events.EventView))
def get_lineage_event(
    number: Annotated[int, Path(ge=1, le=2**53)], hub: Hub, eyes: Eyes
) -> Response:
    """One event by the hub's number of it."""
    with hub.db.reading() as connection:
        found = events.get_event(connection, eyes, number)
    if found is None:
        raise NotFound(f"Lineage event {number} not found.")
    return answer(found)


@router.get("/jobs/runs/{id}/events", responses=answers(RunEvents))
def list_run_events(
    id: UUID,  # noqa: A002  Marquez's word
    hub: Hub,
    eyes: Eyes,
    job: JobOfRun,
    page: Paged,
) -> Response:
    """Every event of a run and its attempts, the latest first."""
    with hub.db.reading() as connection:
        run_id = runs.find_run(connection, eyes, id, job)
        found = events.list_events_of_run(connection, run_id, page)
    return answer(RunEvents(found.items, found.next))
