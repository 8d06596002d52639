"""Raw lineage events, as they were sent (less what was redacted)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Raw
from sqlalchemy import Connection, Row, Select, or_, select

from hub.model import EventType, Viewer
from hub.store.reading import (
    Page,
    Slice,
    cut,
    dataset_seen,
    decode_moment,
    job_seen,
    newest_first,
    unpack,
)
from hub.store.stats import total_events
from hub.store.tables import dataset, job, lineage_event
from hub.store.views import View

_at, _id = lineage_event.c.event_time, lineage_event.c.id


class EventView(View, frozen=True):
    """One event with the hub's own number of it and the time it came in."""

    id: int
    received_at: datetime
    event_time: datetime
    event_type: str
    event: Raw


def list_run_events(
    connection: Connection,
    viewer: Viewer,
    page: Page,
    *,
    before: datetime,
    after: datetime,
    newest: bool = True,
) -> Slice[Raw]:
    """Run events by event time, between two instants, the latest or the earliest first."""
    statement = (
        select(_at, _id, lineage_event.c.payload)
        .join(job, job.c.id == lineage_event.c.job_id)
        .where(
            _at >= after,
            _at < before,
            lineage_event.c.event_type.in_(list(EventType)),
            job_seen(viewer),
        )
    )
    paged = newest_first if newest else _oldest_first
    rows = connection.execute(paged(statement, page, _at, _id)).all()
    kept, following = cut(rows, page, _key)
    return Slice(
        [Raw(unpack(row.payload)) for row in kept], following, total_events(connection, viewer)
    )


def list_events_of_run(connection: Connection, run_id: int, page: Page) -> Slice[EventView]:
    """The events of one run, the latest first. Whoever asks may see the run."""
    statement = select(lineage_event).where(lineage_event.c.run_id == run_id)
    rows = connection.execute(newest_first(statement, page, _at, _id)).all()
    kept, following = cut(rows, page, _key)
    return Slice([_view(row) for row in kept], following)


def get_event(connection: Connection, viewer: Viewer, event_id: int) -> EventView | None:
    """One event by the hub's number of it."""
    statement = (
        select(lineage_event)
        .outerjoin(job, job.c.id == lineage_event.c.job_id)
        .outerjoin(dataset, dataset.c.id == lineage_event.c.dataset_id)
        .where(
            _id == event_id,
            or_(job.c.id.is_(None), job_seen(viewer)),
            or_(dataset.c.id.is_(None), dataset_seen(viewer)),
        )
    )
    row = connection.execute(statement).first()
    return None if row is None else _view(row)


def _oldest_first(statement: Select[Any], page: Page, at: Any, key: Any) -> Select[Any]:
    if page.after is not None:
        moment, last = decode_moment(page.after)
        statement = statement.where(at >= moment, or_(at > moment, key > last))
    return statement.order_by(at, key).limit(page.limit + 1).offset(page.offset)


def _key(row: Row[Any]) -> tuple[object, ...]:
    return row.event_time, row.id


def _view(row: Row[Any]) -> EventView:
    return EventView(
        row.id, row.received_at, row.event_time, row.event_type, Raw(unpack(row.payload))
    )
