"""The keys of partitions of time: one canonical form, whoever writes them.

Canonical are `2026-11-23T05`, `2026-11-23`, `2026-W48` (weeks that begin on another day than Monday:
the date of that day), `2026-11`, `2026-Q4` and `2026`, each in the time zone of its cut. Of an hour
that comes twice the offset is a part of its key: `2026-10-25T02+01:00`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from msgspec import Struct

from hub.schedules.periods import Every, Part, part_of
from hub.schedules.stretches import ORDER, WEEKDAYS, Cut, Stretch, hour_with
from hub.schedules.zones import wall_of, zone_of

#: What a single dimension's key may be headed by, as in Hive: `date=2026-11-23`.
_HEAD = re.compile(r"(?:[A-Za-z_]\w*=)?")
_TAIL = re.compile(r"(?:[.,]\d{1,9})?(?P<offset>Z|[+-]\d\d:?\d\d(?::?\d\d)?)?")
#: As Airflow writes the start of a week.
_WEEK_TOLD = re.compile(r" \(W\d\d\)")
_QUARTER = re.compile(r"(?P<year>(?:19|20)\d\d)-?Q(?P<quarter>[1-4])")
_YEAR = re.compile(r"(?:19|20)\d\d")
#: Dagster writes an hour so, and the second of two with its offset: without one it is the first.
_OF_DAGSTER = re.compile(r"\d{4}-\d\d-\d\d-\d\d:\d\d")
_NOUNS: Final = {Every.HOUR: "an hour"}


class Reading(Struct, frozen=True):
    """What a key says under a cut.

    stretches: the one it names; two hours if it may be either, for clocks are put back; none if it
    names none. note: why it names none, or two; "" if all is clear.
    """

    key: str  # canonical, or as it came
    stretches: tuple[Stretch, ...] = ()
    note: str = ""

    @property
    def ambiguous(self) -> bool:
        return len(self.stretches) > 1


class _Told(Struct, frozen=True):
    """A key as a wall time, or an instant, that is at least so exact."""

    wall: datetime
    exact: Every
    offset: timedelta | None = None
    point: bool = (
        False  # exact to the second: it says when something begins, and not how long it is
    )


@lru_cache(maxsize=65_536)
def read_key(key: str, cut: Cut) -> Reading:
    """What a key says of how time is cut."""
    told = _told(key, cut.every)
    if told is None:
        return Reading(key, note=f"{key!r} is no time")
    if ORDER.index(told.exact) > ORDER.index(cut.every):
        return Reading(key, note=f"{key!r} names {_noun(told.exact)}, not {_noun(cut.every)}")
    if told.offset is not None:
        one = _of_instant(told.wall, told.offset, cut)
        return Reading(one.key, (one,))
    return _of_wall(key, told, cut)


def normal(key: str, cut: Cut | None = None) -> str:
    """The canonical key; without a cut, of what the key itself says it is.

    What is ambiguous, or no time, is kept as it is; :func:`read_key` says why.
    """
    cut = cut or cut_of(key)
    return key if cut is None else read_key(key, cut).key


def cut_of(key: str) -> Cut | None:
    """How time is cut by what the key itself says, in UTC; None: a point in time, or no time at all."""
    told = _told(key, None)
    if told is None or told.point or told.offset is not None or told.wall.minute:
        return None
    return Cut(told.exact)


@lru_cache(maxsize=65_536)
def begin_of(key: str, timezone: str) -> datetime | None:
    """The wall time at which what a key names begins, be it one of several dimensions; None: none."""
    told = _told(key, None)
    if told is None:
        part = part_of(key)
        return None if part is None else part.begin
    if told.offset is None:
        return told.wall
    return wall_of((told.wall - told.offset).replace(tzinfo=UTC), zone_of(timezone))


def interval_key(begin: datetime, end: datetime | None, cut: Cut | None = None) -> str:
    """The key of a data interval, or a nominal time, as runs have it.

    Without a cut, an interval of just one hour, day, week or month of UTC is named so; any other by
    its beginning, an instant.
    """
    if cut is not None:
        return cut.at(begin).key
    found = (Cut(every).at(begin) for every in ORDER)
    fits = (one.key for one in found if (one.begin, one.end) == (begin, end))
    return next(fits, begin.astimezone(UTC).isoformat().replace("+00:00", "Z"))


def _of_instant(wall: datetime, offset: timedelta, cut: Cut) -> Stretch:
    if cut.every is Every.HOUR:
        hour = hour_with(wall, offset, cut.timezone)
        if hour is not None:
            return hour
    return cut.at((wall - offset).replace(tzinfo=UTC))


def _of_wall(key: str, told: _Told, cut: Cut) -> Reading:
    if ORDER.index(cut.every) > ORDER.index(Every.DAY) and told.exact in (Every.HOUR, Every.DAY):
        day = told.wall.replace(hour=0, minute=0, second=0, microsecond=0)
        if cut.floor(day) != day:
            return Reading(key, note=f"{key!r} begins no {_named(cut)}")
    found = cut.of_wall(told.wall)
    if not found:
        return Reading(key, note=f"{key!r} never comes in {cut.timezone}")
    if len(found) > 1 and _OF_DAGSTER.fullmatch(key):
        found = found[:1]
    if len(found) > 1:
        either = " or ".join(one.key for one in found)
        return Reading(key, tuple(found), f"{key!r} comes twice in {cut.timezone}: {either}")
    return Reading(found[0].key, tuple(found))


@lru_cache(maxsize=65_536)
def _told(key: str, every: Every | None) -> _Told | None:
    head = _HEAD.match(key)
    bare = key[head.end() :] if head else key
    if (quarter := _QUARTER.fullmatch(bare)) is not None:
        month = int(quarter["quarter"]) * 3 - 2
        return _Told(datetime(int(quarter["year"]), month, 1), Every.QUARTER)  # noqa: DTZ001
    if every is Every.YEAR and _YEAR.fullmatch(bare):
        return _Told(datetime(int(bare), 1, 1), Every.YEAR)  # noqa: DTZ001
    part = part_of(key)
    return None if part is None else _of_part(part)


def _of_part(part: Part) -> _Told | None:
    exact, tail = _exact(part.shape), _TAIL.fullmatch(part.tail)
    if _HEAD.fullmatch(part.head) is None:
        return None
    if exact is Every.DAY and _WEEK_TOLD.fullmatch(part.tail):
        return _Told(part.begin, exact)
    if tail is None or (part.tail and exact is not Every.HOUR):
        return None
    return _Told(part.begin, exact, _offset(tail["offset"]), "%S" in part.shape)


def _offset(text: str | None) -> timedelta | None:
    if text is None:
        return None
    return datetime.fromisoformat(f"2000-01-01T00:00:00{text}").utcoffset()


def _exact(shape: str) -> Every:
    if "%V" in shape:
        return Every.WEEK
    return Every.HOUR if "%H" in shape else Every.DAY if "%d" in shape else Every.MONTH


def _noun(every: Every) -> str:
    return _NOUNS.get(every, f"a {every}")


def _named(cut: Cut) -> str:
    return f"week from {WEEKDAYS[cut.week_start]}" if cut.every is Every.WEEK else cut.every
