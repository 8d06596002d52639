"""The slots of a job and the runs that answered them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import convert
from sqlalchemy import Connection, Row, select

from hub.errors import BadInput
from hub.model import Schedule, Viewer
from hub.schedules.matching import EARLY, LATE, Matching, Start, match
from hub.schedules.origins import origin_of
from hub.schedules.slots import Slot, Timetable, timetable_of
from hub.schedules.spans import Span, expected
from hub.store.expectations import NOBODY, horizons
from hub.store.reading import uuid_text
from hub.store.schedules import ScheduleView, schedule_of
from hub.store.spans import spans_of
from hub.store.tables import job, run
from hub.store.views import View

#: Slots of one answer, and runs that are looked through for them.
MOST_SLOTS: Final = 1_000
MOST_RUNS: Final = 20_000


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


class SlotsView(View, frozen=True):
    """`expectedFrom`: since when the schedule is known; null: the clock demands nothing.
    `knownTo`: up to when all runs are known; null: the first read is still under way. Slots beyond
    these bounds are not listed, nor those of the time in which the job was paused.
    """

    slots: list[SlotView]
    expected_from: datetime | None
    known_to: datetime | None
    paused: bool | None


def slots_of(
    connection: Connection,
    viewer: Viewer,
    job_id: int,
    begin: datetime,
    end: datetime,
    now: datetime,
) -> SlotsView:
    """Those due after `begin` and until `end`. BadInput if they are too many for one answer."""
    known_to = _known_to(connection, job_id, now)
    declared = schedule_of(connection, viewer, job_id)
    timetable = timetable_of(_schedule(declared)) if declared else None
    if declared is None or timetable is None:
        return SlotsView([], None, known_to, declared.paused if declared else None)
    spans = _spans(connection, job_id, declared)
    begin, end = max(begin, spans[0].since), min(end, known_to or begin)
    if begin >= end:
        return SlotsView([], spans[0].since, known_to, declared.paused)
    if (end - begin) / timetable.gap(end) > MOST_SLOTS:
        raise BadInput("from", begin.isoformat(), f"a time within {MOST_SLOTS:,} slots of `to`")
    rows, found = _matched(connection, job_id, spans, timetable, begin, end)
    shown = [slot for slot in (*found.taken, *found.open) if slot.due_at > begin]
    views = [_view(slot, found, rows) for slot in sorted(shown)]
    return SlotsView(views, spans[0].since, known_to, declared.paused)


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
    return rows, match(slots, list(_starts(rows)))


def _spans(connection: Connection, job_id: int, declared: ScheduleView) -> Sequence[Span]:
    """The schedule over time; one that was declared just now is not among them yet."""
    held = spans_of(connection, [job_id]).get(job_id)
    return held or [Span(_schedule(declared), declared.declared_at)]


def _known_to(connection: Connection, job_id: int, now: datetime) -> datetime | None:
    owner = connection.scalar(select(job.c.orchestrator_id).where(job.c.id == job_id))
    return horizons(connection, now).of(owner or NOBODY)


def _schedule(declared: ScheduleView) -> Schedule:
    return convert(declared, Schedule, from_attributes=True)


def _runs(connection: Connection, job_id: int, since: datetime) -> list[Row[Any]]:
    held = run.c
    statement = select(
        held.id,
        held.natural_id,
        held.attempt_uuid,
        held.state,
        held.sort_at,
        held.nominal_start,
        held.queued_at,
        held.started_at,
        held.ended_at,
    ).where(held.job_id == job_id, held.sort_at >= since)
    return list(connection.execute(statement.order_by(held.sort_at).limit(MOST_RUNS)))


def _starts(rows: Mapping[int, Row[Any]]) -> Iterator[Start]:
    for key, row in rows.items():
        yield Start(key, row.queued_at or row.sort_at, row.nominal_start, origin_of(row.natural_id))


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
