"""The slots of a job and the runs that answered them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from hub.errors import BadInput
from hub.model import Viewer
from hub.schedules.matching import EARLY, LATE, Matching, Start, match
from hub.schedules.origins import origin_of
from hub.schedules.slots import Slot, Timetable, timetable_of
from hub.schedules.spans import Span, expected, soonest
from hub.store.expectations import NOBODY, horizons
from hub.store.reading import uuid_text
from hub.store.schedules import held_of
from hub.store.spans import spans_of
from hub.store.tables import job, run
from hub.store.views import View

#: Slots of one answer, and runs that are looked through for them.
MOST_SLOTS: Final = 1_000
MOST_RUNS: Final = 20_000
#: So far ahead upcoming slots are looked for.
FARTHEST: Final = timedelta(days=400)


class SlotRunView(View, frozen=True):
    """The run that answered a slot: the run id of its latest attempt, and how it went."""

    run_id: str | None
    state: str
    nominal_at: datetime | None
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None


class SlotView(View, frozen=True):
    """One occurrence that the schedule demands; `run` is null where none has answered it."""

    due_at: datetime
    nominal_at: datetime
    run: SlotRunView | None


class UpcomingView(View, frozen=True):
    """A slot that is due yet."""

    due_at: datetime
    nominal_at: datetime


class SlotsView(View, frozen=True):
    """`upcoming`: those due after `knownTo`, where they were asked for. `expectedFrom`: since when the schedule is known; null: the clock demands nothing.
    `knownTo`: up to when all runs are known; null: the first read is still under way. Slots beyond
    these bounds are not listed, nor those of the time in which the job was paused.
    """

    slots: list[SlotView]
    expected_from: datetime | None
    known_to: datetime | None
    paused: bool | None
    upcoming: list[UpcomingView]


def slots_of(
    connection: Connection,
    viewer: Viewer,
    job_id: int,
    begin: datetime,
    end: datetime,
    now: datetime,
    until: datetime | None = None,
) -> SlotsView:
    """Those due after `begin` and until `end`, and those upcoming `until` then.

    BadInput if they are too many for one answer.
    """
    known_to = _known_to(connection, job_id, now)
    held = held_of(connection, viewer, job_id)
    timetable = timetable_of(held.span.schedule) if held else None
    if held is None or timetable is None:
        return SlotsView([], None, known_to, held.span.schedule.paused if held else None, [])
    paused = held.span.schedule.paused
    coming = _upcoming(held.span, known_to or now, until)
    # One that came into force just now is not among the spans yet.
    spans = spans_of(connection, [job_id]).get(job_id) or [held.span]
    begin, end = max(begin, spans[0].since), min(end, known_to or begin)
    if begin >= end:
        return SlotsView([], spans[0].since, known_to, paused, coming)
    if (end - begin) / timetable.gap(end) > MOST_SLOTS:
        raise BadInput("from", begin.isoformat(), f"a time within {MOST_SLOTS:,} slots of `to`")
    rows, found = _matched(connection, job_id, spans, timetable, begin, end)
    shown = [slot for slot in (*found.taken, *found.open) if slot.due_at > begin]
    views = [_view(slot, found, rows) for slot in sorted(shown)]
    return SlotsView(views, spans[0].since, known_to, paused, coming)


def _upcoming(span: Span, after: datetime, until: datetime | None) -> list[UpcomingView]:
    """Those that the schedule will demand. BadInput if they are too many for one answer."""
    if until is None or until <= after:
        return []
    if until - after > FARTHEST:
        raise BadInput("until", until.isoformat(), f"a time within {FARTHEST.days} days")
    slots = soonest(span, after, until, MOST_SLOTS + 1)
    if len(slots) > MOST_SLOTS:
        raise BadInput("until", until.isoformat(), f"a time within {MOST_SLOTS:,} slots")
    return [UpcomingView(slot.due_at, slot.nominal_at) for slot in slots]


def _matched(
    connection: Connection,
    job_id: int,
    spans: Sequence[Span],
    timetable: Timetable,
    begin: datetime,
    end: datetime,
) -> tuple[Mapping[int, Row[Any]], Matching]:
    """Beginning some slots earlier, for a run may be late for one of those."""
    earlier = begin - LATE * timetable.gap(begin)
    slots = expected(spans, earlier, end)
    rows = {row.id: row for row in _runs(connection, job_id, earlier - EARLY)}
    learned = spans[-1].habit is not None
    return rows, match(slots, list(_starts(rows, by_name=not learned)))


def _known_to(connection: Connection, job_id: int, now: datetime) -> datetime | None:
    owner = connection.scalar(select(job.c.orchestrator_id).where(job.c.id == job_id))
    return horizons(connection, now).of(owner or NOBODY)


def _runs(connection: Connection, job_id: int, since: datetime) -> list[Row[Any]]:
    held = run.c
    statement = select(
        held.id,
        held.natural_id,
        held.backfill,
        held.attempt_uuid,
        held.state,
        held.sort_at,
        held.nominal_start,
        held.queued_at,
        held.started_at,
        held.ended_at,
    ).where(held.job_id == job_id, held.sort_at >= since)
    return list(connection.execute(statement.order_by(held.sort_at).limit(MOST_RUNS)))


def _starts(rows: Mapping[int, Row[Any]], *, by_name: bool) -> Iterator[Start]:
    """By name: what a run is called by says of which slot it is, but for learned ones."""
    for key, row in rows.items():
        nominal = row.nominal_start if by_name else None
        yield Start(
            key, row.queued_at or row.sort_at, nominal, origin_of(row.natural_id, row.backfill)
        )


def _view(slot: Slot, found: Matching, rows: Mapping[int, Row[Any]]) -> SlotView:
    start = found.of(slot)
    return SlotView(slot.due_at, slot.nominal_at, _answer(rows[start.run]) if start else None)


def _answer(row: Row[Any]) -> SlotRunView:
    return SlotRunView(
        uuid_text(row.attempt_uuid),
        row.state,
        row.nominal_start,
        row.queued_at,
        row.started_at,
        row.ended_at,
    )
