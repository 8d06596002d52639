"""The slots that a schedule demands, as the orchestrator that declared it finds them.

The judges are Airflow's timetables, Dagster's own iteration and Prefect's schedules; `tests/unit/slots`
holds what the first two say in every time zone, `tests/answers/prefect` what the third says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import dropwhile, islice, takewhile
from typing import Final

from msgspec import Struct

from hub.model import Schedule
from hub.schedules.chains import (
    Chain,
    IntervalChain,
    RuleChain,
    ShownChain,
    TickChain,
    TriggerChain,
    WallChain,
    around,
)
from hub.schedules.cron import Cron, cron_of, crons_of
from hub.schedules.intervals import interval_of
from hub.schedules.zones import zone_of

#: No more slots than this are counted up at once.
MOST: Final = 100_000
#: Distances that are kept of one schedule.
_GAPS: Final = 200
#: The distance to a slot that never comes.
_FAR: Final = timedelta(days=36525)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Slot(Struct, frozen=True, order=True):
    """One occurrence. `due_at`: when its run is to start; `nominal_at`: what that run is called by."""

    due_at: datetime
    nominal_at: datetime


class Timetable:
    """The slots of one schedule, between its start and its end. It heeds no pause: `expected` does.

    `floating`: an interval of which nobody has told the phase; slots are counted from 1970.
    """

    def __init__(self, schedule: Schedule, chain: Chain) -> None:
        self._schedule, self._chain = schedule, chain
        self._gaps: dict[datetime, timedelta] = {}  # asked for again and again, at the same slots
        self._lead = timedelta(seconds=schedule.data_interval_s or 0)
        self.floating = schedule.kind == "interval" and _anchor(schedule) is None

    def between(self, after: datetime, until: datetime, most: int = MOST) -> list[Slot]:
        """Those due after the one and until the other, and of these the first `most`."""
        slots = takewhile(lambda it: it.due_at <= until and self._open(it), self._after(after))
        return list(islice(slots, most))

    def next(self, after: datetime) -> Slot | None:
        """The first that is due after an instant; None if there will be none."""
        found = next(self._after(after), None)
        return found if found is not None and self._open(found) else None

    def gap(self, at: datetime) -> timedelta:
        """From the last due at or before an instant to the first after it, be they within or not."""
        held = self._gaps.get(at)
        if held is None:
            found = around(self._chain, at)
            held = found[1] - found[0] if found else _FAR
            if len(self._gaps) >= _GAPS:
                self._gaps.clear()
            self._gaps[at] = held
        return held

    def _after(self, after: datetime) -> Iterator[Slot]:
        """Those that are due after an instant and not before the schedule's start."""
        start = self._schedule.start_at
        if start is not None and start > after:
            after = start - timedelta(microseconds=1)
        slots = (slot for slot in self._slots(after) if slot.due_at > after)
        return dropwhile(lambda slot: start is not None and self._bounded(slot) < start, slots)

    def _slots(self, after: datetime) -> Iterator[Slot]:
        if self._schedule.timing == "interval":
            return (Slot(due, begin) for begin, due in self._chain.data_from_before(after))
        return (Slot(due, due - self._lead) for due in self._chain.from_before(after))

    def _open(self, slot: Slot) -> bool:
        end = self._schedule.end_at
        return end is None or self._bounded(slot) <= end

    def _bounded(self, slot: Slot) -> datetime:
        """What must lie between start and end: of Airflow's data intervals their beginning."""
        return slot.nominal_at if self._schedule.timing == "interval" else slot.due_at


@lru_cache(maxsize=20_000)
def timetable_of(schedule: Schedule) -> Timetable | None:
    """None: the clock demands nothing (dataset, manual), or what it demands can't be read."""
    try:
        chain = _chain(schedule)
    except ValueError:
        return None
    return Timetable(schedule, chain) if chain is not None else None


_CHAINS: Final[Mapping[str, Callable[[Sequence[Cron], tzinfo], Chain]]] = {
    "tick": TickChain,
    "wall": WallChain,
    "rule": RuleChain,
    "shown": ShownChain,
}


def _chain(schedule: Schedule) -> Chain | None:
    match schedule.kind:
        case "cron":
            told = crons_of(schedule.expression)
            crons = [cron for one in told if (cron := cron_of(one)) is not None]
            if not crons or len(crons) < len(told):
                return None
            kind = _CHAINS.get(schedule.timing, TriggerChain)
            return kind(crons, zone_of(schedule.timezone))
        case "interval":
            anchor = _anchor(schedule) or _EPOCH
            return IntervalChain(interval_of(schedule.expression), anchor)
        case _:
            return None


def _anchor(schedule: Schedule) -> datetime | None:
    """Without catchup Airflow lays data intervals as if the first had begun in 1970."""
    if schedule.anchor is None and schedule.timing == "interval" and schedule.catchup is False:
        return _EPOCH
    return schedule.anchor or schedule.start_at
