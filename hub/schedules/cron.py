"""Cron expressions as Airflow and Dagster read them.

Both read them with croniter: five fields, a sixth for seconds, names, L, #, and presets.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from croniter import CroniterBadDateError, croniter

# Of Airflow's presets the one that croniter doesn't know.
_PRESETS = {"@quarterly": "0 0 1 */3 *"}
#: A day of the month that every month has.
_EVERY_MONTH = 28


def crons_of(expression: str) -> list[str]:
    """The cron expressions in a declared one, which has one in each line."""
    lines = (line.strip() for line in expression.splitlines())
    return [_PRESETS.get(line, line) for line in lines if line]


def is_cron(expression: str) -> bool:
    return bool(croniter.is_valid(expression))


class Cron:
    """One expression, read against wall clocks: naive datetimes in and out."""

    def __init__(self, expression: str) -> None:
        self._cron = croniter(expression, datetime(2000, 1, 1))  # noqa: DTZ001  a wall time
        self._fields: list[list[Any]] = self._cron.expanded
        self._nth = bool(self._cron.nth_weekday_of_month)

    def after(self, wall: datetime) -> datetime | None:
        """The first time it shows after this one; None if that is not within fifty years."""
        try:
            found: datetime = self._cron.get_next(datetime, start_time=wall)
        except CroniterBadDateError:
            return None
        return found

    def before(self, wall: datetime) -> datetime | None:
        try:
            found: datetime = self._cron.get_prev(datetime, start_time=wall)
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
