"""Figures over time, as Marquez's home page draws them: bare arrays of intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from msgspec import Struct
from starlette.responses import Response

from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.params import Eyes, Hub, Text
from hub.errors import BadInput
from hub.schedules.zones import zone_of
from hub.store import stats

router = APIRouter(prefix="/api/v1/stats", tags=["stats"], responses=RESPONSES)


class Period(StrEnum):
    """The last 24 hours by the hour, or the last 7 days by the day."""

    DAY = "DAY"
    WEEK = "WEEK"


class EventsInterval(Struct, rename="camel"):
    start_interval: datetime
    end_interval: datetime
    fail: int
    start: int
    complete: int
    abort: int


class CountInterval(Struct, rename="camel"):
    """`count` is how many there were at the end of the interval."""

    start_interval: datetime
    end_interval: datetime
    count: int


async def bounds_of(
    period: Period = Period.DAY,
    timezone: Annotated[
        Text, Query(max_length=64, description="whose days; UTC if not told")
    ] = "UTC",
) -> list[datetime]:
    """The bounds of the intervals, the last one after now."""
    return bounds(period, zone_named(timezone), datetime.now(UTC))


Bounds = Annotated[list[datetime], Depends(bounds_of)]


@router.get("/lineage-events", responses=answers(list[EventsInterval]))
def lineage_events(hub: Hub, eyes: Eyes, between: Bounds) -> Response:
    with hub.db.reading() as connection:
        found = stats.events_between(connection, eyes, between)
    rows = [
        EventsInterval(start, end, *(n.get(kind, 0) for kind in _KINDS))
        for start, end, n in zip(between, between[1:], found, strict=False)
    ]
    return answer(rows)


_KINDS = ("FAIL", "START", "COMPLETE", "ABORT")


@router.get("/jobs", responses=answers(list[CountInterval]))
def jobs(hub: Hub, eyes: Eyes, between: Bounds) -> Response:
    return _grown(hub, eyes, "jobs", between)


@router.get("/datasets", responses=answers(list[CountInterval]))
def datasets(hub: Hub, eyes: Eyes, between: Bounds) -> Response:
    return _grown(hub, eyes, "datasets", between)


@router.get("/sources", responses=answers(list[CountInterval]))
def sources(hub: Hub, eyes: Eyes, between: Bounds) -> Response:
    return _grown(hub, eyes, "sources", between)


def _grown(hub: Hub, eyes: Eyes, what: stats.Counted, between: list[datetime]) -> Response:
    with hub.db.reading() as connection:
        counts = stats.grown_to(connection, eyes, what, between[1:])
    rows = zip(between, between[1:], counts, strict=False)
    return answer([CountInterval(*row) for row in rows])


def zone_named(name: str) -> tzinfo:
    """A time zone by its IANA name, or an offset such as +02:00."""
    try:
        return zone_of(name.replace(" ", "+"))  # what became of a plus in the query
    except ValueError as error:
        raise BadInput("timezone", name, "an IANA name such as Europe/Zurich") from error


def bounds(period: Period, zone: tzinfo, now: datetime) -> list[datetime]:
    """25 full hours ending after `now`, or 8 midnights of the zone."""
    if period is Period.DAY:
        last = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        return [last - timedelta(hours=24 - i) for i in range(25)]
    today = now.astimezone(zone).date()
    days = [today + timedelta(days=i - 6) for i in range(8)]
    # Midnights are taken one by one: a day may have 23 or 25 hours.
    return [datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(UTC) for d in days]
