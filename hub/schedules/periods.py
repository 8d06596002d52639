"""Partitions of time: what their keys say, how far they lie apart, and which should be there."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Final

from msgspec import Struct

#: Keys from which a period is learned, at least.
FEWEST: Final = 8
#: Periods that are looked through, at most.
MOST: Final = 1000
#: Keys that are further ahead say nothing of the present.
AHEAD: Final = timedelta(days=400)
#: Share of steps that must be the same, and of weekdays and hours that must have their partition.
_REGULAR: Final = 0.6
_SEEN_TWICE: Final = 2
_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
#: What a partition may be later than is usual: a part of its length, and at least so much.
_PART: Final = 0.1
_LEAST: Final = timedelta(minutes=10)
_SPREAD: Final = 6.0  # median deviations
_MONTHS: Final = 12
_EVERY_MONTH: Final = 28

_GAP = r"(?:[-/_T .]?(?:[A-Za-z]+=)?)"
_TIME = re.compile(
    rf"(?<!\d)(?P<year>(?:19|20)\d\d){_GAP}(?P<month>0[1-9]|1[0-2])"
    rf"(?:{_GAP}(?P<day>0[1-9]|[12]\d|3[01])"
    rf"(?:{_GAP}(?P<hour>[01]\d|2[0-3])(?::?(?P<minute>[0-5]\d)(?::?(?P<second>[0-5]\d))?)?)?)?"
    r"(?!\d)"
)
_LETTERS: Final[Mapping[str, str]] = {
    "year": "%Y",
    "month": "%m",
    "day": "%d",
    "hour": "%H",
    "minute": "%M",
    "second": "%S",
}
_WEEKS = re.compile(r"(?<!\d)(?P<year>(?:19|20)\d\d)-?W(?P<week>[0-5]\d)(?!\d)")


class Every(StrEnum):
    """How far partitions lie apart."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Part(Struct, frozen=True):
    """A key as a wall time, when its partition begins, with the text around it."""

    key: str
    head: str
    begin: datetime  # naive
    tail: str
    shape: str  # of the time, for strftime

    def key_of(self, begin: datetime) -> str:
        """The key of another partition of the same kind."""
        return f"{self.head}{begin.strftime(self.shape)}{self.tail}"


class Period(Struct, frozen=True):
    """How partitions follow each other: `count` hours, days, weeks or whatever it is apart.

    hours, weekdays: those that have partitions; None: all.
    """

    every: Every
    count: int = 1
    hours: frozenset[int] | None = None
    weekdays: frozenset[int] | None = None

    def after(self, begin: datetime) -> datetime:
        """When the next one begins, which is when this one ends."""
        if self.every in _IN_MONTHS:
            months = begin.year * _MONTHS + begin.month - 1 + self.count * _IN_MONTHS[self.every]
            return begin.replace(year=months // _MONTHS, month=months % _MONTHS + 1)
        return begin + self.count * _LENGTH[self.every]

    def wanted(self, begin: datetime) -> bool:
        return (self.hours is None or begin.hour in self.hours) and (
            self.weekdays is None or begin.weekday() in self.weekdays
        )

    def between(self, first: datetime, until: datetime) -> Iterator[datetime]:
        """Those that should be there from the first, which is one of them, and that begin by then."""
        while first <= until:
            if self.wanted(first):
                yield first
            first = self.after(first)


_LENGTH: Final[Mapping[Every, timedelta]] = {Every.HOUR: _HOUR, Every.DAY: _DAY, Every.WEEK: _WEEK}
_IN_MONTHS: Final[Mapping[Every, int]] = {Every.MONTH: 1, Every.QUARTER: 3, Every.YEAR: _MONTHS}


@lru_cache(maxsize=65_536)
def part_of(key: str, shape: str | None = None) -> Part | None:
    """What the key says; `shape`: as strptime reads it. None: it is no time."""
    if shape is not None:
        return _part(key, (0, len(key)), key, shape, shape)
    found = _WEEKS.search(key)
    if found:
        form = "%G-W%V" if "-W" in found[0] else "%GW%V"
        return _part(key, found.span(), f"{found[0]} 1", f"{form} %u", form)
    found = _TIME.search(key)
    return None if found is None else _timed(key, found)


def _timed(key: str, found: re.Match[str]) -> Part | None:
    there = [name for name in _LETTERS if found[name] is not None]
    shape, at = "", found.start()
    for name in there:
        shape += key[at : found.start(name)] + _LETTERS[name]
        at = found.end(name)
    told = {"day": 1} | {name: int(found[name]) for name in there}
    try:
        begin = datetime(**told)  # type: ignore[arg-type]  # noqa: DTZ001  a wall time
    except ValueError:
        return None
    return Part(key, key[: found.start()], begin, key[at:], shape)


def _part(key: str, span: tuple[int, int], text: str, form: str, shape: str) -> Part | None:
    try:
        begin = datetime.strptime(text, form).replace(tzinfo=None)  # noqa: DTZ007  a wall time
    except ValueError:
        return None
    return Part(key, key[: span[0]], begin, key[span[1] :], shape)


def learn_period(begins: Sequence[datetime]) -> Period | None:
    """How partitions that begin at these times, in rising order, follow each other.

    None: they are fewer than eight, or irregular.
    """
    if len(begins) < FEWEST:
        return None
    if len({(at.day, at.time()) for at in begins}) == 1 and begins[0].day <= _EVERY_MONTH:
        return _checked(Period(Every.MONTH), begins)
    steps = Counter(after - before for before, after in pairwise(begins))
    step, _ = steps.most_common(1)[0]
    for every, length in ((Every.WEEK, _WEEK), (Every.DAY, _DAY), (Every.HOUR, _HOUR)):
        if step % length == timedelta(0):
            return _checked(_usual(Period(every, step // length), begins), begins)
    return None


def _checked(period: Period, begins: Sequence[datetime]) -> Period | None:
    """The period if most of what it wants is there, and nothing that it does not know of."""
    there = set(begins)
    wanted = list(period.between(begins[0], begins[-1]))
    hits = sum(at in there for at in wanted)
    if hits < _REGULAR * max(len(wanted), 1) or hits < _REGULAR * len(begins):
        return None
    return period


def _usual(period: Period, begins: Sequence[datetime]) -> Period:
    """With the weekdays and hours that have partitions, where not all do."""
    if period.every is Every.WEEK or period.count != 1:
        return period
    days = {at.date() for at in begins}
    weekdays = _weekdays(days)
    if period.every is Every.DAY:
        return Period(period.every, 1, None, weekdays)
    by_hour = Counter(at.hour for at in begins)
    hours = frozenset(hour for hour, count in by_hour.items() if count >= _REGULAR * len(days))
    return Period(period.every, 1, hours, weekdays)


def _weekdays(days: Collection[date]) -> frozenset[int] | None:
    """Those that have partitions; None: all, as in a whole week without a gap."""
    first, whole = min(days), (max(days) - min(days)).days + 1
    if len(days) == whole >= _WEEK.days:
        return None
    possible = Counter((first + timedelta(days=n)).weekday() for n in range(whole))
    had = Counter(day.weekday() for day in days)
    return frozenset(
        day for day, n in possible.items() if n >= _SEEN_TWICE and had[day] >= _REGULAR * n
    )


def usual_lag(lags: Sequence[float], length_s: float) -> timedelta | None:
    """By how much a partition may follow its end, of seconds by which others did.

    None: they come irregularly, or are too few.
    """
    if len(lags) < FEWEST:
        return None
    middle = median(lags)
    spread = median(abs(lag - middle) for lag in lags)
    if spread > length_s / 4:
        return None
    margin = max(_SPREAD * spread, _PART * length_s, _LEAST.total_seconds())
    return timedelta(seconds=middle + margin)


def families(keys: Iterable[str], shape: str | None) -> list[list[Part]]:
    """Keys that are times, by the text around the time and its shape, each in rising order."""
    found: dict[tuple[str, str, str], list[Part]] = defaultdict(list)
    for part in filter(None, (part_of(key, shape) for key in keys)):
        found[part.head, part.shape, part.tail].append(part)
    return [sorted(parts, key=lambda part: part.begin) for parts in found.values()]


def nearest(parts: Sequence[Part], now: datetime) -> Sequence[Part]:
    """Without those far ahead, as of a year that never comes, and those long before the others."""
    past = [part for part in parts if part.begin <= now + AHEAD]
    step = min((b.begin - a.begin for a, b in pairwise(past)), default=AHEAD)
    first = past[-1].begin - MOST * step if past else now
    return [part for part in past if part.begin >= first]
