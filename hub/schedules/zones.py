"""Time zones by name, and what wall clocks in them show.

A wall time is a naive datetime. Where clocks are put on, some never come; where they are put back,
some come twice.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"Z|[+-]\d\d:?\d\d")
_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1_000)
def zone_of(name: str) -> tzinfo:
    """A time zone by its IANA name, or an offset such as +02:00. ValueError if there is none."""
    if _OFFSET.fullmatch(name):
        offset = datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
        assert offset is not None
        return offset
    try:
        return ZoneInfo(name)
    except (LookupError, OSError) as error:  # unknown, or the name of a folder
        raise ValueError(f"{name!r} is no time zone") from error


def wall_of(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def earlier(wall: datetime, zone: tzinfo) -> datetime:
    """In UTC; of two instants the first. One that never comes is moved on by what is left out."""
    return at_fold(wall, zone, 0)


def at_fold(wall: datetime, zone: tzinfo, fold: int) -> datetime:
    """In UTC, as Python reads a fold: of one that never comes, 1 moves it back, not on."""
    return (wall - ahead(wall, zone, fold)).replace(tzinfo=UTC)


def later(wall: datetime, zone: tzinfo) -> datetime:
    """In UTC; of two instants the second. One that never comes is moved on by what is left out."""
    offset = min(ahead(wall, zone, 0), ahead(wall, zone, 1))
    return (wall - offset).replace(tzinfo=UTC)


def never_comes(wall: datetime, zone: tzinfo) -> bool:
    return ahead(wall, zone, 0) < ahead(wall, zone, 1)


def comes_twice(wall: datetime, zone: tzinfo) -> bool:
    return ahead(wall, zone, 0) > ahead(wall, zone, 1)


def first_instant(wall: datetime, zone: tzinfo) -> datetime:
    """In UTC: the first at which clocks show this wall time, or a later one where it is left out."""
    first, second = ahead(wall, zone, 0), ahead(wall, zone, 1)
    if first >= second:
        return (wall - first).replace(tzinfo=UTC)
    return transition(at_fold(wall, zone, 1), at_fold(wall, zone, 0), zone)


def transition(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """The first instant, to the second, with the offset of `after`; `before` has another."""
    offset = offset_at(after, zone)
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2 or 1)
        if offset_at(middle, zone) == offset:
            after = middle
        else:
            before = middle
    return after


def offset_at(at: datetime, zone: tzinfo) -> timedelta:
    """By what clocks are ahead of UTC at an instant."""
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def ahead(wall: datetime, zone: tzinfo, fold: int) -> timedelta:
    """By what clocks that show this are ahead of UTC."""
    offset = wall.replace(tzinfo=zone, fold=fold).utcoffset()
    assert offset is not None
    return offset
