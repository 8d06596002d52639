"""The slots of a job over time, while its schedule is edited, paused and resumed.

What held at an instant decides about the slots due then. A slot before an edit stays due, one that
only the new schedule would have had before it is not invented. While a job is paused nothing is
due; what Airflow makes up for afterwards (with catchup all of it, without the latest) is welcome
and not demanded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final

from msgspec import Struct

from hub.model import Schedule
from hub.schedules.days import Choice
from hub.schedules.slots import MOST, Slot, timetable_of

_TICK: Final = timedelta(microseconds=1)


class Origin(StrEnum):
    """Who says that a schedule is a job's. The file goes before all, what is learned after all."""

    FILE = "file"
    DECLARED = "declared"  # by an event or an observation
    LEARNED = "learned"


class Habit(Struct, frozen=True):
    """What a schedule was learned from. A run later than the tolerance is later than usual."""

    tolerance: timedelta
    runs: int
    evidence: str


class Span(Struct, frozen=True):
    """A schedule that came into force at `since` and held until another did; None: it still holds.

    days: on which days alone it is due. habit: of a learned one.
    """

    schedule: Schedule
    since: datetime
    until: datetime | None = None
    origin: Origin = Origin.DECLARED
    days: Choice | None = None
    habit: Habit | None = None


def expected(spans: Iterable[Span], after: datetime, until: datetime) -> list[Slot]:
    """Those due after the one and until the other, by what held at the time."""
    found: list[Slot] = []
    for span in spans:
        begin, end = max(after, span.since), min(until, span.until or until)
        if begin < end and not span.schedule.paused:
            found += _due(span, begin, end)
    return sorted(found)


def soonest(span: Span, after: datetime, until: datetime, most: int) -> list[Slot]:
    """The first of those that it demands after the one and until the other."""
    begin = max(after, span.since)
    if span.schedule.paused or begin >= until:
        return []
    return list(islice(_due(span, begin, until, most), most))


def _due(span: Span, begin: datetime, end: datetime, most: int = MOST) -> Iterator[Slot]:
    timetable = timetable_of(span.schedule)
    if timetable is None:
        return
    if span.days is None:
        yield from timetable.between(begin, end, most)
        return
    for first, last in span.days.stretches(begin, end):
        yield from timetable.between(max(begin, first - _TICK), last - _TICK, most)
