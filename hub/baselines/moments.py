"""Where moments lie in the calendar of a time zone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LEVELS: Final = ("weekday", "day type and hour", "hour of the week")
SPECIAL: Final = (
    "last day of the month",
    "last business day of the month",
    "first day of the month",
    "first business day of the month",
    "holiday",
)
DAYS: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


class Moments(NamedTuple):
    """For each moment its bucket at every level, and a row of flags for every special day."""

    buckets: tuple[Ints, ...]  # as LEVELS
    special: Flags  # as SPECIAL, by moment
    days: NDArray[Any]


def moments(
    times: Sequence[datetime],
    zone: tzinfo,
    holidays: Collection[date] = (),
    *,
    month_end: bool = True,
) -> Moments:
    """Hours are rounded, so that a job of 02:00 has one bucket though it starts at 01:59."""
    local = [time.astimezone(zone) for time in times]
    rows = np.array([(t.toordinal(), (t.hour * 60 + t.minute + 30) // 60 % 24) for t in local])
    ordinal, hour = rows[:, 0], rows[:, 1]
    weekday = (ordinal - 1) % 7
    buckets = (weekday, (weekday >= 5) * 24 + hour, weekday * 24 + hour)
    days = (ordinal - 719163).astype("M8[D]")
    return Moments(buckets, _special(days, holidays, month_end=month_end), days)


def _special(days: NDArray[Any], holidays: Collection[date], *, month_end: bool) -> Flags:
    off = np.array(sorted(holidays), dtype="M8[D]")
    found = np.zeros((len(SPECIAL), len(days)), dtype=np.bool_)
    if len(off):
        found[4] = np.isin(days, off)
    if month_end:
        month = days.astype("M8[M]")
        first, following = month.astype("M8[D]"), (month + 1).astype("M8[D]")
        found[0] = days == following - 1
        found[1] = days == np.busday_offset(following - 1, 0, roll="backward", holidays=off)
        found[2] = days == first
        found[3] = days == np.busday_offset(first, 0, roll="forward", holidays=off)
    return found
