"""A job's schedule over time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, select

from hub.model import Schedule
from hub.schedules.days import Choice
from hub.schedules.spans import Habit, Origin, Span
from hub.store.hub_schedules import HubSchedules, decoded, encoded, held_schedules
from hub.store.reading import among
from hub.store.tables import job, schedule, schedule_span
from hub.store.types import from_micros
from hub.store.upsert import upsert

_FIELDS = [name for name in Schedule.__struct_fields__ if name in schedule.c]
_DECLARED = select(
    schedule.c.job_id, schedule.c.at, job.c.facet_marks, *(schedule.c[name] for name in _FIELDS)
).join(job, job.c.id == schedule.c.job_id)
_SPANS = select(schedule_span).order_by(schedule_span.c.since)

_OWN = (Origin.FILE, Origin.LEARNED)
_RANK = {origin: rank for rank, origin in enumerate(Origin)}

Spans = dict[int, list[Span]]


def in_force(
    connection: Connection, jobs: Iterable[int], changed: HubSchedules | None = None
) -> dict[int, Span]:
    """The schedule that holds now, since when: the file's, else a declared one, else a learned one.

    changed: those of the hub that are not saved yet.
    """
    keys = set(jobs)
    held: HubSchedules = {**held_schedules(connection, keys), **(changed or {})}
    found = {}
    spans = [declared(connection, keys), *(_of(held, origin) for origin in _OWN)]
    for key in keys:
        mine = [span for each in spans if (span := each.get(key)) is not None]
        if mine:
            found[key] = min(mine, key=lambda span: _RANK[span.origin])
    return found


def _of(held: HubSchedules, origin: Origin) -> dict[int, Span]:
    rows = ((key, one) for (key, whose), one in held.items() if whose is origin and one)
    return {key: span for key, one in rows if (span := one.span(origin)) is not None}


def declared(connection: Connection, jobs: Iterable[int]) -> dict[int, Span]:
    """What events and observations say now, since when."""
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
        found[row.job_id].append(
            Span(
                msgspec.json.decode(row.schedule, type=Schedule),
                row.since,
                row.until,
                Origin(row.origin or Origin.DECLARED),
                decoded(row.days, Choice),
                decoded(row.habit, Habit),
            )
        )
    return found


def edited(held: list[Span], span: Span | None, now: datetime) -> list[Span]:
    """The spans with what holds now as the last; the same again changes nothing.

    None: nothing holds any more. `now`: when whose word counts changed.
    """
    if span is None:
        return _ended(held, now)
    if not held:
        return [span]
    last = held[-1]
    if last.until is None and _same(last, span):
        return [*held[:-1], replace(last, habit=span.habit)]
    if last.until is not None or last.origin is not span.origin:
        # What is declared may have been so for long, while something else held.
        span = replace(span, since=max(span.since, last.until or now))
    elif span.since < last.since:
        return held
    if last.since == span.since:
        return [*held[:-1], span]
    return [*held[:-1], replace(last, until=last.until or span.since), span]


def _ended(held: list[Span], now: datetime) -> list[Span]:
    if not held or held[-1].until is not None:
        return held
    return [*held[:-1], replace(held[-1], until=max(now, held[-1].since))]


def _same(one: Span, other: Span) -> bool:
    return (one.schedule, one.origin, one.days) == (other.schedule, other.origin, other.days)


def save_spans(connection: Connection, found: Spans) -> None:
    """Keeps what `edited` has changed: of each job the last two."""
    rows = [
        {
            "job_id": job_id,
            "since": span.since,
            "until": span.until,
            "schedule": encoded(span.schedule),
            "origin": span.origin.value,
            "days": encoded(span.days),
            "habit": encoded(span.habit),
        }
        for job_id, held in found.items()
        for span in held[-2:]
    ]
    upsert(connection, schedule_span, rows)
