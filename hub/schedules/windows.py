"""Maintenance windows: once, or again and again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Final

from hub.schedules.chains import TriggerChain
from hub.schedules.cron import Cron, crons_of, is_cron
from hub.schedules.days import Choice
from hub.schedules.zones import zone_of

#: Windows longer than this are written as one with a beginning and an end.
LONGEST: Final = timedelta(days=31)
#: So many windows that follow each other without a gap do so for ever.
_ENDLESS: Final = 2000
#: Days that are not excluded follow sooner, if at all.
_FAR: Final = timedelta(days=400)


class Window(ABC):
    """From its beginning, which belongs to it, to its end, which does not."""

    @abstractmethod
    def covers(self, at: datetime) -> bool: ...

    @abstractmethod
    def next_edge(self, at: datetime) -> datetime | None:
        """When, after an instant, `covers` next changes its answer; None: never again."""


class OnceWindow(Window):
    def __init__(self, begin: datetime, end: datetime) -> None:
        """ValueError if it ends before it has begun."""
        if not begin < end:
            raise ValueError(f"ends at {end}, which is not after {begin}")
        self._begin, self._end = begin, end

    def covers(self, at: datetime) -> bool:
        return self._begin <= at < self._end

    def next_edge(self, at: datetime) -> datetime | None:
        return next((edge for edge in (self._begin, self._end) if edge > at), None)


class RecurringWindow(Window):
    """Begins by a cron in a time zone and lasts so long, by a clock that nobody puts on or back."""

    def __init__(self, cron: str, duration: timedelta, timezone: str = "UTC") -> None:
        """ValueError: no cron, no time zone, or a duration that is not above zero and a month at most."""
        crons = crons_of(cron)
        if not crons or not all(is_cron(one) for one in crons):
            raise ValueError(f"{cron!r} is no cron expression")
        if not timedelta(0) < duration <= LONGEST:
            raise ValueError(f"lasts {duration}, which is not above zero and at most {LONGEST}")
        self._chain = TriggerChain([Cron(one) for one in crons], zone_of(timezone))
        self._duration = duration

    def covers(self, at: datetime) -> bool:
        begun = self._begun(at)
        return begun is not None and at < begun + self._duration

    def next_edge(self, at: datetime) -> datetime | None:
        """Windows that overlap or touch are one."""
        begins = self._chain.from_before(at)
        if not self.covers(at):
            return next((begin for begin in begins if begin > at), None)
        end = at
        for number, begin in enumerate(begins):
            if begin > end:
                break
            if number == _ENDLESS:
                return None
            end = max(end, begin + self._duration)
        return end

    def _begun(self, at: datetime) -> datetime | None:
        """When the latest began, at or before an instant."""
        begun = None
        for begin in self._chain.from_before(at):
            if begin > at:
                break
            begun = begin
        return begun


def weekly(
    days: Sequence[int], begin: time, duration: timedelta, timezone: str = "UTC"
) -> RecurringWindow:
    """At a time of day on weekdays from Monday, 0; none: every day. ValueError as above."""
    if not set(days) <= set(range(7)):
        raise ValueError(f"weekdays {list(days)} are not within 0 (Monday) to 6")
    on = ",".join(str((day + 1) % 7) for day in sorted(set(days))) or "*"
    return RecurringWindow(f"{begin.minute} {begin.hour} * * {on}", duration, timezone)


def covered(windows: Sequence[Window], at: datetime) -> bool:
    return any(window.covers(at) for window in windows)


class OffDays(Window):
    """The days that are not among those chosen."""

    def __init__(self, days: Choice) -> None:
        self._days = days

    def covers(self, at: datetime) -> bool:
        return not self._days.take(at)

    def next_edge(self, at: datetime) -> datetime | None:
        """Looked for within `_FAR`."""
        now, edge = self.covers(at), self._days.midnight(at)
        while self.covers(edge) is now:
            edge = self._days.midnight(edge)
            if edge - at > _FAR:
                return None
        return edge
