"""The instants at which a schedule is due, one after the other.

A chain is endless, knows nothing of a schedule's start and end, and is begun a little before the
instant that is asked about: Airflow finds each time from the one before, and where clocks change
that makes a difference.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import groupby, pairwise

from hub.schedules.cron import Cron
from hub.schedules.zones import at_fold, comes_twice, earlier, later, never_comes, wall_of

#: By no more than this are clocks put on or back, but for days that were left out of a calendar.
_SHIFT = timedelta(hours=3)


class Chain(ABC):
    @abstractmethod
    def from_before(self, at: datetime) -> Iterator[datetime]:
        """In rising order, from two or more before `at` if there are so many."""

    def data_from_before(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Data intervals: when each begins, and when it ends and is due."""
        return pairwise(self.from_before(at))


class TriggerChain(Chain):
    """Crons as Airflow's CronMixin follows them; of several, whichever comes first."""

    def __init__(self, crons: Sequence[Cron], zone: tzinfo) -> None:
        self._crons, self._zone = crons, zone

    def from_before(self, at: datetime) -> Iterator[datetime]:
        found: datetime | None = self._before(self._before(_settled(at, self._zone)))
        while found is not None:
            yield found
            found = self._after(found)

    def data_from_before(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        begin: datetime | None = self._before(self._before(_settled(at, self._zone)))
        while begin is not None and (end := self._after(begin)) is not None:
            yield begin, end
            begin = self._next_data(begin, end)

    def _next_data(self, begin: datetime, end: datetime) -> datetime:
        """The end, but where clocks are put on: there Airflow goes back and forth.

        It may even come to nothing new and stop for ever. What it should have done is still due.
        """
        if _steady(begin - _SHIFT, end + _SHIFT, self._zone):
            return end
        aligned = self._aligned(end)
        if aligned <= begin:
            aligned = self._after(aligned) or end
        return aligned if aligned > begin else end

    def _aligned(self, at: datetime) -> datetime:
        """Airflow's _align_to_prev."""
        wall = wall_of(at, self._zone)
        found = max((t for c in self._crons if (t := self._back(c, at, wall))), default=at)
        return at if self._after(found) == at else found

    def _back(self, cron: Cron, at: datetime, wall: datetime) -> datetime | None:
        found = cron.before(wall)
        if found is None:
            return None
        return at - (wall - found) if cron.every_hour else later(found, self._zone)

    def _after(self, at: datetime) -> datetime | None:
        wall = wall_of(at, self._zone)
        return min((t for c in self._crons if (t := self._step(c, at, wall))), default=None)

    def _step(self, cron: Cron, at: datetime, wall: datetime) -> datetime | None:
        found = cron.after(wall)
        if found is None:
            return None
        return at + (found - wall) if cron.every_hour else later(found, self._zone)

    def _before(self, at: datetime) -> datetime:
        """The same if there is none before."""
        wall = wall_of(at, self._zone)
        found = max((w for c in self._crons if (w := c.before(wall))), default=None)
        return at if found is None else later(found, self._zone)


class TickChain(Chain):
    """Crons as Dagster iterates over them; of several, all."""

    def __init__(self, crons: Sequence[Cron], zone: tzinfo) -> None:
        self._crons, self._zone = crons, zone

    def from_before(self, at: datetime) -> Iterator[datetime]:
        start = self._start(_settled(at, self._zone))
        merged = heapq.merge(*(self._ticks(cron, start) for cron in self._crons))
        return (tick for tick, _ in groupby(merged))

    def _start(self, at: datetime) -> datetime:
        wall = wall_of(at, self._zone)
        for _ in range(3):
            wall = max((w for c in self._crons if (w := c.before(wall))), default=wall)
        return wall

    def _ticks(self, cron: Cron, start: datetime) -> Iterator[datetime]:
        last = None
        for tick in self._instants(cron, start):
            if last is None or tick > last:
                last = tick
                yield tick

    def _instants(self, cron: Cron, start: datetime) -> Iterator[datetime]:
        for twice, walls in groupby(cron.walls(start), lambda w: comes_twice(w, self._zone)):
            if twice and cron.every_hour:
                both = ((earlier(w, self._zone), later(w, self._zone)) for w in walls)
                yield from sorted(instant for pair in both for instant in pair)
            else:
                yield from (tick for wall in walls if (tick := self._instant(cron, wall)))

    def _instant(self, cron: Cron, wall: datetime) -> datetime | None:
        """Dagster looks at changes of clocks only between one and four, for the plainest crons."""
        at_night = wall.hour in {1, 2, 3}
        if never_comes(wall, self._zone):
            if cron.every_hour:
                return None
            return self._put_on(wall, cron) if at_night else earlier(wall, self._zone)
        if cron.plain and not at_night:
            return earlier(wall, self._zone)
        return later(wall, self._zone)

    def _put_on(self, wall: datetime, cron: Cron) -> datetime:
        """When clocks have been put on, by what the zone calls daylight saving: some call it none."""
        saving = (wall + timedelta(hours=1)).replace(tzinfo=self._zone).dst()
        moved = wall.replace(minute=0, second=0) + (saving or timedelta(0))
        return at_fold(moved, self._zone, int(cron.plain))


class WallChain(Chain):
    """Crons as Prefect reads them: whatever the clock shows twice is due the first time only, and what
    it leaves out is due so much later.
    """

    def __init__(self, crons: Sequence[Cron], zone: tzinfo) -> None:
        self._crons, self._zone = crons, zone

    def from_before(self, at: datetime) -> Iterator[datetime]:
        wall = wall_of(_settled(at, self._zone), self._zone)
        for _ in range(3):
            wall = max((w for c in self._crons if (w := c.before(wall))), default=wall)
        merged = heapq.merge(*(self._instants(cron, wall) for cron in self._crons))
        return (instant for instant, _ in groupby(merged))

    def _instants(self, cron: Cron, start: datetime) -> Iterator[datetime]:
        moved: deque[datetime] = deque()
        for wall in cron.walls(start):
            instant = earlier(wall, self._zone)
            if never_comes(wall, self._zone):
                moved.append(instant)
                continue
            while moved and moved[0] <= instant:
                yield moved.popleft()
            yield instant


class RuleChain(WallChain):
    """Recurrence rules as Prefect reads them: what the clock leaves out is due so much earlier."""

    def _instants(self, cron: Cron, start: datetime) -> Iterator[datetime]:
        last = None
        for wall in cron.walls(start):
            instant = at_fold(wall, self._zone, int(never_comes(wall, self._zone)))
            if last is None or instant > last:
                last = instant
                yield instant


class ShownChain(WallChain):
    """Crons as Argo and Kubernetes read them: due each time the clock shows it, be it twice or never."""

    def _instants(self, cron: Cron, start: datetime) -> Iterator[datetime]:
        for twice, walls in groupby(cron.walls(start), lambda w: comes_twice(w, self._zone)):
            if twice:
                both = ((earlier(w, self._zone), later(w, self._zone)) for w in walls)
                yield from sorted(instant for pair in both for instant in pair)
            else:
                yield from (earlier(w, self._zone) for w in walls if not never_comes(w, self._zone))


class IntervalChain(Chain):
    """Whole intervals away from an anchor."""

    def __init__(self, step: timedelta, anchor: datetime) -> None:
        self._step, self._anchor = step, anchor

    def from_before(self, at: datetime) -> Iterator[datetime]:
        found = self._anchor + ((at - self._anchor) // self._step - 2) * self._step
        while True:
            yield found
            found += self._step


def around(chain: Chain, at: datetime) -> tuple[datetime, datetime] | None:
    """The last at or before an instant and the first after; None if nothing follows."""
    return next((pair for pair in pairwise(chain.from_before(at)) if pair[1] > at), None)


def _settled(at: datetime, zone: tzinfo) -> datetime:
    """Some hours earlier if clocks change near."""
    return at if _steady(at - _SHIFT, at + _SHIFT, zone) else at - _SHIFT


def _steady(begin: datetime, end: datetime, zone: tzinfo) -> bool:
    """Whether clocks show the same change as has come to pass."""
    return wall_of(end, zone) - wall_of(begin, zone) == end - begin
