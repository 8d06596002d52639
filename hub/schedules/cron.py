"""Cron expressions as Airflow and Dagster read them.

Both read them with croniter: five fields, a sixth for seconds, names, L, #, and presets.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from croniter import CroniterBadDateError, croniter

# Of Airflow's presets the one that croniter doesn't know.
_PRESETS = {"@quarterly": "0 0 1 */3 *"}
#: Times that are found in one go, and kept of one expression.
AT_ONCE: Final = 4
KEPT: Final = 200
#: As far behind the last one kept, those between are found one by one.
_NEAR: Final = timedelta(days=2)
#: A day of the month that every month has.
_EVERY_MONTH = 28


def crons_of(expression: str) -> list[str]:
    """The cron expressions in a declared one, which has one in each line."""
    lines = (line.strip() for line in expression.splitlines())
    return [_PRESETS.get(line, line) for line in lines if line]


def is_cron(expression: str) -> bool:
    return cron_of(expression) is not None


@lru_cache(maxsize=20_000)
def cron_of(expression: str) -> Cron | None:
    """None: it can't be read."""
    return Cron(expression) if croniter.is_valid(expression) else None


class Cron:
    """One expression, read against wall clocks: naive datetimes in and out.

    croniter takes a tenth of a millisecond for one step, so that the times found last are kept:
    one after the other without a gap, in a tuple that is only replaced.
    """

    def __init__(self, expression: str) -> None:
        self._cron = croniter(expression, datetime(2000, 1, 1))  # noqa: DTZ001  a wall time
        self._fields: list[list[Any]] = self._cron.expanded
        self._nth = bool(self._cron.nth_weekday_of_month)
        self._lock = threading.Lock()  # croniter keeps a place of its own
        self._known: tuple[datetime, ...] = ()

    def after(self, wall: datetime) -> datetime | None:
        """The first time it shows after this one; None if that is not within fifty years."""
        known = self._known
        if not known or not known[0] <= wall < known[-1]:
            known = self._learned(wall)
        place = bisect_right(known, wall)
        return known[place] if place < len(known) else None

    def before(self, wall: datetime) -> datetime | None:
        known = self._known
        if not known or not known[0] < wall <= known[-1]:
            known = self._learned(wall)
        place = bisect_left(known, wall)
        return known[place - 1] if place else None

    def _learned(self, wall: datetime) -> tuple[datetime, ...]:
        """Times from before `wall` to after it, as far as there are any; those known go on."""
        with self._lock:
            known = list(self._known)
            if not known or not known[0] < wall or wall - known[-1] > _NEAR:
                first = self._step(self._cron.get_prev, wall)
                known = [] if first is None else [first]
            last = known[-1] if known else wall
            more = AT_ONCE
            while more and (found := self._step(self._cron.get_next, last)) is not None:
                known.append(found)
                last = found
                more -= found > wall
            self._known = tuple(known[-KEPT:])
            return self._known

    @staticmethod
    def _step(step: Callable[..., Any], wall: datetime) -> datetime | None:
        try:
            found: datetime = step(datetime, start_time=wall)
        except CroniterBadDateError:
            return None
        return found

    def walls(self, wall: datetime) -> Iterator[datetime]:
        """All after this one."""
        found = self.after(wall)
        while found is not None:
            yield found
            found = self.after(found)

    @property
    def every_hour(self) -> bool:
        """Airflow and Dagster let such a one go on by the hour where clocks change."""
        return self._fields[1] == ["*"]

    @property
    def plain(self) -> bool:
        """Once a day, on all or some weekdays, or once a month, and nothing else."""
        minute, hour, day, month, weekday = self._fields[:5]
        if self._nth or month != ["*"] or not (_one(minute) and _one(hour)):
            return False
        if day == ["*"]:
            return weekday == ["*"] or all(isinstance(value, int) for value in weekday)
        return _one(day) and day[0] <= _EVERY_MONTH and weekday == ["*"]


def _one(values: list[Any]) -> bool:
    return len(values) == 1 and isinstance(values[0], int)
