"""A job's schedule over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection, select, update

from hub.model import Schedule
from hub.schedules.spans import Span
from hub.store.reading import among
from hub.store.tables import job, schedule, schedule_span
from hub.store.types import from_micros

_FIELDS = [name for name in Schedule.__struct_fields__ if name in schedule.c]
_DECLARED = select(
    schedule.c.job_id, schedule.c.at, job.c.facet_marks, *(schedule.c[name] for name in _FIELDS)
).join(job, job.c.id == schedule.c.job_id)
_SPANS = select(schedule_span).order_by(schedule_span.c.since)

Spans = dict[int, list[Span]]


def declared(connection: Connection, jobs: Iterable[int]) -> dict[int, Span]:
    """What is declared now, since when."""
    found = {}
    for key, at, marks, *told in among(connection, _DECLARED, schedule.c.job_id, jobs):
        fields = dict(zip(_FIELDS, told, strict=True))
        # Written by a release that knew no other.
        what = Schedule(**fields | {"timing": fields["timing"] or "trigger"})
        found[key] = Span(what, max(at, _limited_at(marks) or at))
    return found


def _limited_at(marks: str | None) -> datetime | None:
    """When pauses and limits were told last, which have a mark of their own."""
    held = msgspec.json.decode(marks, type=dict[str, tuple[int, str]]) if marks else {}
    return from_micros(held["~limits"][0]) if "~limits" in held else None


def spans_of(connection: Connection, jobs: Iterable[int]) -> Spans:
    found: Spans = defaultdict(list)
    for row in among(connection, _SPANS, schedule_span.c.job_id, jobs):
        what = msgspec.json.decode(row.schedule, type=Schedule)
        found[row.job_id].append(Span(what, row.since, row.until))
    return found


def edited(held: list[Span], now: Span) -> list[Span]:
    """The spans with what is declared now as the last; the same again changes nothing."""
    if not held:
        return [now]
    last = held[-1]
    if last.schedule == now.schedule or now.since < last.since:
        return held
    if last.since == now.since:
        return [*held[:-1], now]
    return [*held[:-1], Span(last.schedule, last.since, now.since), now]


def save_spans(connection: Connection, job_id: int, held: list[Span]) -> None:
    """Keeps what `edited` has changed: the last two of them."""
    mine = schedule_span.c
    for span in held[-2:]:
        values = {"until": span.until, "schedule": msgspec.json.encode(span.schedule).decode()}
        where = (mine.job_id == job_id) & (mine.since == span.since)
        if not connection.execute(update(schedule_span).where(where).values(values)).rowcount:
            row = {"job_id": job_id, "since": span.since, **values}
            connection.execute(schedule_span.insert().values(row))
