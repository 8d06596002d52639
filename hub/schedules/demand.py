"""What a job's schedule demands around an instant: slots to match its runs to, and what comes next."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from datetime import datetime, timedelta
from typing import Final

from hub.schedules.slots import Slot, timetable_of
from hub.schedules.spans import Span, expected

#: Slots before those in question that are matched too, so that a late run finds its own.
BEFORE: Final = 4
#: No more slots than this are looked through.
MOST_SLOTS: Final = 500
#: How far ahead the next slot is looked for.
AHEAD: Final = timedelta(days=400)


def due_slots(spans: Sequence[Span], begin: datetime, as_of: datetime) -> list[Slot]:
    """Those due by now, from a few before `begin`; the last `MOST_SLOTS`."""
    begin = max(begin, as_of - MOST_SLOTS * gap_at(spans, as_of))
    reach = timedelta(hours=1)
    while True:
        slots = expected(spans, begin - reach, as_of)
        before = sum(slot.due_at < begin for slot in slots)
        if before >= BEFORE or reach > AHEAD or begin - reach < spans[0].since:
            return slots[max(0, before - BEFORE) :]
        reach *= 8


def next_slot(
    spans: Sequence[Span],
    as_of: datetime,
    limit_of: Callable[[Slot], datetime],
    behind: timedelta,
    taken: Container[Slot] = (),
) -> Slot | None:
    """The first slot whose limit is still to come and that is not taken yet.

    No limit lies more than `behind` after its slot.
    """
    reach = timedelta(hours=1)
    while reach < AHEAD:
        for slot in expected(spans, as_of - behind, as_of + reach):
            if slot not in taken and limit_of(slot) > as_of:
                return slot
        reach *= 8
    return None


def span_at(spans: Sequence[Span], at: datetime) -> Span | None:
    """What was declared at the time."""
    return next((s for s in spans if s.since < at and (s.until is None or at <= s.until)), None)


def gap_at(spans: Sequence[Span], at: datetime) -> timedelta:
    """The distance between slots, by what is declared now."""
    timetable = timetable_of(spans[-1].schedule) if spans else None
    return AHEAD if timetable is None else timetable.gap(at)
