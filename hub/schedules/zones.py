"""Time zones by name, and what wall clocks in them show.

A wall time is a naive datetime. Where clocks are put on, some never come; where they are put back,
some come twice.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"Z|[+-]\d\d:?\d\d")


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
    return (wall - _offset(wall, zone, fold)).replace(tzinfo=UTC)


def later(wall: datetime, zone: tzinfo) -> datetime:
    """In UTC; of two instants the second. One that never comes is moved on by what is left out."""
    offset = min(_offset(wall, zone, 0), _offset(wall, zone, 1))
    return (wall - offset).replace(tzinfo=UTC)


def never_comes(wall: datetime, zone: tzinfo) -> bool:
    return _offset(wall, zone, 0) < _offset(wall, zone, 1)


def comes_twice(wall: datetime, zone: tzinfo) -> bool:
    return _offset(wall, zone, 0) > _offset(wall, zone, 1)


def _offset(wall: datetime, zone: tzinfo, fold: int) -> timedelta:
    offset = wall.replace(tzinfo=zone, fold=fold).utcoffset()
    assert offset is not None
    return offset
