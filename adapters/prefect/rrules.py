"""Recurrence rules (RFC 5545) that a cron or an interval says as well.

Everything else is None: several rules in one, dates put in or left out, so many times and no more,
every other week, the last day of a month, places in a set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

#: What Prefect begins rules with that have no DTSTART: midnight of a Wednesday.
ANCHOR: Final = datetime(2020, 1, 1)  # noqa: DTZ001  a wall time
_DAYS: Final = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
_LENGTHS: Final = {
    "SECONDLY": timedelta(seconds=1),
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(days=7),
}
_ORDER: Final = ("MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_KNOWN: Final = frozenset(
    {"FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSECOND"}
    | {"UNTIL", "WKST"}
)


class _Rule(Struct, frozen=True):
    parts: Mapping[str, str]
    start: datetime

    def numbers(self, name: str, least: int, most: int) -> list[int] | None:
        """Of a part, in order; None if it is not there. ValueError if a cron can't say them."""
        if name not in self.parts:
            return None
        found = sorted({int(one) for one in self.parts[name].split(",")})
        if not found or found[0] < least or found[-1] > most:
            raise ValueError(name)
        return found


def cron_of_rule(text: str) -> str | None:
    """Crons that are due at the same times, one in each line."""
    try:
        rule = _parse(text)
        if rule is None or int(rule.parts.get("INTERVAL", "1")) != 1:
            return None
        return _cron(rule)
    except ValueError:
        return None


def interval_of_rule(text: str) -> tuple[timedelta, datetime] | None:
    """Of a rule in UTC that names no times: its step, and an instant at which it is due."""
    try:
        rule = _parse(text)
        if rule is None or set(rule.parts) - {"FREQ", "INTERVAL", "UNTIL", "WKST"}:
            return None
        step = _LENGTHS.get(rule.parts["FREQ"])
        times = int(rule.parts.get("INTERVAL", "1"))
    except ValueError:
        return None
    if step is None or times < 1:
        return None
    return step * times, rule.start.replace(tzinfo=UTC)


def until_of(text: str, zone: str) -> datetime | None:
    """Prefect reads UNTIL in the schedule's zone, whatever stands behind it."""
    rule = _parse(text)
    told = None if rule is None else rule.parts.get("UNTIL")
    return None if told is None else _wall(told).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _parse(text: str) -> _Rule | None:
    start, rules = ANCHOR, list[str]()
    for line in text.replace("\\n", "\n").split():
        name, _, value = line.rpartition(":")
        if name.partition(";")[0].upper() == "DTSTART":
            start = _wall(value)
        elif name.upper() in {"", "RRULE"}:
            rules.append(value)
        else:
            return None
    if len(rules) != 1:
        return None
    parts = dict(part.upper().split("=", 1) for part in rules[0].split(";") if part)
    return None if set(parts) - _KNOWN or "FREQ" not in parts else _Rule(parts, start)


def _wall(text: str) -> datetime:
    return datetime.fromisoformat(text.rstrip("Z")).replace(tzinfo=None)


def _cron(rule: _Rule) -> str | None:
    """What a rule does not name is taken from where it begins, down from its frequency."""
    frequency, start = rule.parts["FREQ"], rule.start
    if frequency not in _ORDER:
        return None
    rank = _ORDER.index(frequency)
    seconds = rule.numbers("BYSECOND", 0, 59) or [start.second]
    minutes = _field(rule.numbers("BYMINUTE", 0, 59), start.minute, free=rank < 1)
    hours = _field(rule.numbers("BYHOUR", 0, 23), start.hour, free=rank < 2)
    named = rule.numbers("BYMONTHDAY", 1, 31)
    weekdays = _weekdays(rule)
    if named is not None and weekdays != ["*"]:
        return None  # both must hold, of which a cron says either
    bare = named is None and weekdays == ["*"]
    days = _field(named, start.day, free=rank < 4 or not bare)
    months = _field(rule.numbers("BYMONTH", 1, 12), start.month, free=rank < 5 or not bare)
    if frequency == "WEEKLY" and bare:
        weekdays = [str(start.isoweekday() % 7)]
    tail = "" if seconds == [0] else f" {','.join(map(str, seconds))}"
    crons = product([f"{minutes} {hours} {days} {months}"], weekdays)
    return "\n".join(f"{head} {weekday}{tail}" for head, weekday in crons)


def _field(named: Sequence[int] | None, otherwise: int, *, free: bool) -> str:
    if named is not None:
        return ",".join(map(str, named))
    return "*" if free else str(otherwise)


def _weekdays(rule: _Rule) -> list[str]:
    """One field for plain weekdays, one for each that is counted within a month (2FR)."""
    told = [one for one in rule.parts.get("BYDAY", "").split(",") if one]
    plain = sorted(str(_DAYS.index(one)) for one in told if one in _DAYS)
    counted = [one for one in told if one not in _DAYS]
    if counted and (rule.parts["FREQ"] != "MONTHLY" or plain):
        raise ValueError("BYDAY")
    nth = [f"{_DAYS.index(one[-2:])}#{_count(one[:-2])}" for one in counted]
    return nth or [",".join(plain) or "*"]


def _count(text: str) -> int:
    """ValueError for the last of a month: of that croniter and rules differ."""
    number = int(text)
    if not 1 <= number <= 5:
        raise ValueError(text)
    return number
