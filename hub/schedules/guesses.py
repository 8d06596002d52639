"""Schedules that might be behind a row of starts, the simplest first.

A guess is made of the starts' places within a period: those of nearly all must lie in a narrow arc,
at whose beginning runs are due. Runs start late rather than early, so the beginning is rounded down
to a minute, and to a rounder one that is hardly further away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from math import ceil
from statistics import median
from typing import Final

from msgspec import Struct

from hub.model import Schedule
from hub.schedules.intervals import first_of, interval_text
from hub.schedules.zones import wall_of

#: Of starts, as many may lie outside the arc; of slots, as many may have none.
SLACK: Final = 0.1
_EARLY: Final = 2.0  # seconds before a minute that still belong to it
_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 86400.0
_MINUTES: Final = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
_WIDEST: Final = 600.0  # of the arc of an interval, which fits whatever is nearly regular
_HOURS: Final = (2, 3, 4, 6, 8, 12)
_WORKDAYS: Final = frozenset({1, 2, 3, 4, 5})


class Guess(Struct, frozen=True):
    """`reach`: so many seconds after a slot nearly all runs have started; `width`: of the arc.

    `freedom`: among how many schedules of its kind it was chosen, roughly.
    """

    schedule: Schedule
    reach: float
    width: float
    freedom: float
    words: str


class _Arc(Struct, frozen=True):
    begin: float
    width: float

    @property
    def due(self) -> float:
        """Seconds into the period."""
        at = self.begin + _EARLY
        for grain in (900.0, 300.0):
            rounder = at // grain * grain
            if at - rounder <= 30 + self.width / 4:
                return rounder
        return at // _MINUTE * _MINUTE

    @property
    def reach(self) -> float:
        return self.begin - self.due + self.width


def guesses(starts: Sequence[datetime], zones: Sequence[tuple[str, tzinfo]]) -> Iterator[Guess]:
    """Of starts in order."""
    gap = median((b - a).total_seconds() for a, b in pairwise(starts))
    for period in _periods(gap):
        for name, zone in zones:
            yield from _every(starts, period, name, zone)
    for guess in (_daily, _monthly, _in_hours):
        for name, zone in zones:
            yield from guess(starts, name, zone)
    yield from _interval(starts, gap)


def _periods(gap: float) -> Iterator[int]:
    """Seconds, of those that a cron can have and that may be meant."""
    for minutes in (*_MINUTES, *(60 * hours for hours in _HOURS)):
        if 0.75 <= gap / (60 * minutes) <= 1.33:
            yield 60 * minutes


def _every(starts: Sequence[datetime], period: int, name: str, zone: tzinfo) -> Iterator[Guess]:
    arc = _arc((_second_of_day(wall_of(at, zone)) for at in starts), period)
    if period <= _HOUR:
        cron = f"{_minutes(arc, period)} * * * *"
    else:
        hours = ",".join(
            str(h) for h in range(int(arc.due // _HOUR) % 24, 24, int(period // _HOUR))
        )
        cron = f"{int(arc.due % _HOUR // _MINUTE)} {hours} * * *"
    words = f"every {period // 60} minutes"
    yield Guess(Schedule("cron", cron, name), arc.reach, arc.width, 300, words)


def _daily(starts: Sequence[datetime], name: str, zone: tzinfo) -> Iterator[Guess]:
    """On all days, or on some of the week."""
    walls = [wall_of(at, zone) for at in starts]
    arc = _arc(map(_second_of_day, walls), _DAY)
    time = f"{int(arc.due % _HOUR // _MINUTE)} {int(arc.due // _HOUR) % 24}"
    clock = f"{int(arc.due // _HOUR) % 24:02}:{int(arc.due % _HOUR // _MINUTE):02} {name}"
    reach, width = arc.reach, arc.width
    yield Guess(Schedule("cron", f"{time} * * *", name), reach, width, 300, f"daily at {clock}")
    days = _common(_day_of(wall, arc).isoweekday() % 7 for wall in walls)
    if days and _sure(days, _day_of(walls[0], arc), _day_of(walls[-1], arc)):
        on = "1-5" if days == _WORKDAYS else ",".join(map(str, sorted(days)))
        words = f"at {clock} on weekdays {on}"
        yield Guess(Schedule("cron", f"{time} * * {on}", name), reach, width, 3000, words)


def _monthly(starts: Sequence[datetime], name: str, zone: tzinfo) -> Iterator[Guess]:
    walls = [wall_of(at, zone) for at in starts]
    if (walls[-1] - walls[0]).days < 28 * (len(walls) - 1) * (1 - SLACK):
        return
    arc = _arc(map(_second_of_day, walls), _DAY)
    time = f"{int(arc.due % _HOUR // _MINUTE)} {int(arc.due // _HOUR) % 24}"
    on = [_day_of(wall, arc) for wall in walls]
    last = all((day + timedelta(1)).day == 1 for day in on)
    day = "L" if last else str(Counter(day.day for day in on).most_common(1)[0][0])
    words = f"monthly on day {day}"
    schedule = Schedule("cron", f"{time} {day} * *", name)
    yield Guess(schedule, arc.reach, arc.width, 10_000, words)


def _in_hours(starts: Sequence[datetime], name: str, zone: tzinfo) -> Iterator[Guess]:
    """Every so many minutes, within some hours of some days. Both must have been passed over."""
    walls = [wall_of(at, zone) for at in starts]
    gap = min(Counter(round((b - a).total_seconds() / 60) for a, b in pairwise(starts)).items(),
              key=lambda it: (-it[1], it[0]))[0]  # fmt: skip
    if (walls[-1] - walls[0]).days < 8 or gap > 60:
        return
    period = 60 * min(_MINUTES, key=lambda minutes: abs(minutes - gap))
    arc = _arc(map(_second_of_day, walls), period)
    moved = [wall - timedelta(seconds=arc.reach / 2) for wall in walls]
    hours, days = _common(w.hour for w in moved), _common(w.isoweekday() % 7 for w in moved)
    if not hours or len(walls) < 2 * len(hours):
        return
    on = "*" if len(days) == 7 else ",".join(map(str, sorted(days)))
    cron = f"{_minutes(arc, period)} {','.join(map(str, sorted(hours)))} * * {on}"
    words = f"every {period // 60} minutes in hours {min(hours)} to {max(hours)}"
    yield Guess(Schedule("cron", cron, name), arc.reach, arc.width, 1e6, words)


def _interval(starts: Sequence[datetime], gap: float) -> Iterator[Guess]:
    """An interval that no cron has, in whole minutes."""
    step = _refined(starts, gap)
    period = round(step / _MINUTE) * _MINUTE
    cycles = (starts[-1] - starts[0]).total_seconds() / step
    if period < 2 * _MINUTE or abs(step - period) * cycles > period / 4:
        return
    arc = _arc((at.timestamp() for at in starts), period)
    if arc.width > _WIDEST:
        return
    anchor = datetime.fromtimestamp(arc.due, UTC)
    anchor = first_of(timedelta(seconds=period), anchor)
    schedule = Schedule("interval", interval_text(period), anchor=anchor)
    words = f"every {round(period / 60)} minutes"
    yield Guess(schedule, arc.reach, arc.width, 10_000, words)


def _refined(starts: Sequence[datetime], gap: float) -> float:
    """The period whose multiples lie nearest to the starts."""
    seconds = [(at - starts[0]).total_seconds() for at in starts]
    place, places = 0, [0]
    for a, b in pairwise(seconds):
        place += max(1, round((b - a) / gap))
        places.append(place)
    middle, mean = sum(places) / len(places), sum(seconds) / len(seconds)
    spread = sum((p - middle) ** 2 for p in places)
    return sum((p - middle) * (s - mean) for p, s in zip(places, seconds, strict=True)) / spread


def _arc(seconds: Iterable[float], period: float) -> _Arc:
    """The narrowest that holds nearly all of the places within the period.

    All of them, if that is hardly wider.
    """
    places = sorted(second % period for second in seconds)
    most = _narrowest(places, ceil(len(places) * (1 - SLACK)), period)
    whole = _narrowest(places, len(places), period)
    return whole if whole.width <= 2 * most.width + _MINUTE else most


def _narrowest(places: Sequence[float], wanted: int, period: float) -> _Arc:
    count = len(places)
    doubled = [*places, *(place + period for place in places)]
    begin = min(range(count), key=lambda n: (doubled[n + wanted - 1] - doubled[n], n))
    return _Arc(doubled[begin], doubled[begin + wanted - 1] - doubled[begin])


def _minutes(arc: _Arc, period: int) -> str:
    """A cron's first field."""
    first, step = int(arc.due % period // _MINUTE), period // 60
    if step == 60:
        return str(first)
    return f"*/{step}" if first == 0 else f"{first}-59/{step}"


def _second_of_day(wall: datetime) -> float:
    return wall.hour * _HOUR + wall.minute * _MINUTE + wall.second + wall.microsecond / 1e6


def _day_of(wall: datetime, arc: _Arc) -> date:
    """The day of the slot: that of a run that is late by no more than the arc is wide."""
    return (wall - timedelta(seconds=arc.due) + timedelta(seconds=_EARLY)).date()


def _common(values: Iterable[int]) -> frozenset[int]:
    """Those that are no exceptions."""
    counts = Counter(values)
    share = counts.total() / len(counts)
    return frozenset(value for value, count in counts.items() if count > 0.4 * share)


def _sure(days: frozenset[int], first: date, last: date) -> bool:
    """Other days were passed over twice; the weekend, which is nobody's chance, once."""
    passed = Counter(
        (first + timedelta(n)).isoweekday() % 7 for n in range((last - first).days + 1)
    )
    needed = 1 if days == _WORKDAYS else 2
    return len(days) < 7 and all(passed[day] >= needed for day in set(range(7)) - days)
