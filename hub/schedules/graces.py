"""How late a run may start before its slot is missed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from hub.schedules.demand import gap_at, span_at
from hub.schedules.spans import Span

#: Where none is told: a quarter of the distance between slots, within these.
LEAST: Final = timedelta(minutes=1)
MOST: Final = timedelta(minutes=10)
#: Of a learned schedule: later than is usual by half the distance between slots, within these.
LEAST_WIDE: Final = timedelta(minutes=5)
MOST_WIDE: Final = timedelta(hours=1)


def grace_of(spans: Sequence[Span], due_at: datetime, told: timedelta | None) -> timedelta:
    """Of a slot, by the schedule that demanded it: an edit does not move what is waited for.

    `told`: what the operator wants where the schedule tells none of its own; less than is usual is
    too little for a learned schedule.
    """
    span = span_at(spans, due_at)
    if span is not None and (declared := _declared(span)) is not None:
        return declared
    gap = gap_at([] if span is None else [span], due_at)
    if span is not None and span.habit is not None:
        wide = min(max(gap / 2, LEAST_WIDE), MOST_WIDE)
        return span.habit.tolerance + (wide if told is None else told)
    return usual_grace(gap) if told is None else told


def usual_grace(gap: timedelta) -> timedelta:
    """Where none is told, by the distance between slots."""
    return min(max(gap / 4, LEAST), MOST)


def longest(spans: Sequence[Span], told: timedelta | None) -> timedelta:
    """No slot has a longer grace."""
    tolerances = (span.habit.tolerance for span in spans if span.habit is not None)
    usual = max(tolerances, default=None)
    if usual is None:
        most = MOST if told is None else told
    else:
        most = usual + (MOST_WIDE if told is None else told)
    return max([most, *filter(None, map(_declared, spans))])


def _declared(span: Span) -> timedelta | None:
    grace_s = span.schedule.grace_s
    return None if grace_s is None else timedelta(seconds=grace_s)
