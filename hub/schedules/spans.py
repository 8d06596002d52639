"""The slots of a job over time, while its schedule is edited, paused and resumed.

What held at an instant decides about the slots due then. A slot before an edit stays due, one that
only the new schedule would have had before it is not invented. While a job is paused nothing is
due; what Airflow makes up for afterwards (with catchup all of it, without the latest) is welcome
and not demanded.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from hub.model import Schedule
from hub.schedules.slots import Slot, timetable_of


class Span(Struct, frozen=True):
    """A schedule that was declared at `since` and held until it was replaced; None: it still holds."""

    schedule: Schedule
    since: datetime
    until: datetime | None = None


def expected(spans: Iterable[Span], after: datetime, until: datetime) -> list[Slot]:
    """Those due after the one and until the other, by what was declared at the time."""
    found: list[Slot] = []
    for span in spans:
        begin, end = max(after, span.since), min(until, span.until or until)
        timetable = None if span.schedule.paused else timetable_of(span.schedule)
        if timetable is not None and begin < end:
            found += timetable.between(begin, end)
    return sorted(found)
