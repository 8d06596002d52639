"""Schedules as deployments declare them, in the hub's words, as far as these can say the same.

Prefect reads crons and rules by the wall clock (timings `wall`, `rule`). Nothing is told of what would not be exact: a
slot that nobody demands would be called missed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from adapters.prefect.rrules import cron_of_rule, interval_of_rule, until_of
from adapters.prefect.wire import Deployment
from hub.model import Schedule

_UTC: Final = frozenset({"UTC", "Etc/UTC", "GMT", "Z"})
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
#: Before that clocks may leave out the hour of the anchor, and Prefect then keeps to another one.
_MORNING: Final = 4
#: The days of a month on which the first, second, ... of a weekday falls.
_NTH: Final = {"1-7": 1, "8-14": 2, "15-21": 3, "22-28": 4}


class Told(Struct, frozen=True):
    """One schedule in the hub's words; timing: of crons, anchor: of an interval."""

    kind: str
    expression: str
    timezone: str = "UTC"
    timing: str = "wall"
    anchor: datetime | None = None
    end_at: datetime | None = None


def schedule_of(deployment: Deployment) -> Schedule:
    """What is declared of the deployment's job; those that are on count before those that are off.

    Of several the crons of the time zone that has most are told, else the only interval.
    """
    on = [one.schedule for one in deployment.schedules if one.active]
    told = [told_of(one) for one in on or [one.schedule for one in deployment.schedules]]
    known = [one for one in told if one is not None]
    limit = deployment.global_concurrency_limit
    most = limit.limit if limit is not None and limit.active else None
    if not known:
        return Schedule("manual", max_active_runs=most)
    chosen = _chosen(known)
    if chosen is None:
        return Schedule("manual", max_active_runs=most)
    return Schedule(
        chosen.kind,
        chosen.expression,
        chosen.timezone,
        paused=deployment.paused or not on,
        max_active_runs=most,
        end_at=chosen.end_at,
        timing=chosen.timing if chosen.kind == "cron" else "trigger",
        anchor=chosen.anchor,
    )


def told_of(schedule: Mapping[str, Any]) -> Told | None:
    """One of Prefect's schedules; None if the hub has no words that mean the same."""
    try:
        if isinstance(cron := schedule.get("cron"), str):
            return _cron(cron, _zone(schedule), day_or=schedule.get("day_or") is not False)
        if isinstance(seconds := schedule.get("interval"), int | float):
            return _interval(timedelta(seconds=seconds), schedule)
        if isinstance(rule := schedule.get("rrule"), str):
            return _rule(rule, _zone(schedule))
    except (ValueError, TypeError, OverflowError, LookupError, OSError):
        return None  # an interval or date beyond sense, or a zone that is not known here
    return None


def _chosen(told: Sequence[Told]) -> Told | None:
    """The hub knows one schedule of a job: several crons that are read alike, or one interval."""
    alike: defaultdict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in told:
        if one.kind == "cron":
            alike[one.timezone, one.timing].append(one)
    if not alike:
        return told[0] if len(told) == 1 else None
    (zone, timing), crons = max(alike.items(), key=lambda it: (len(it[1]), it[0]))
    lines = dict.fromkeys(sorted(one.expression for one in crons))
    ends = [one.end_at for one in crons]
    known = [end for end in ends if end is not None]
    end_at = max(known) if len(known) == len(ends) else None
    return Told("cron", "\n".join(lines), zone, timing, end_at=end_at)


def _zone(schedule: Mapping[str, Any]) -> str:
    told = schedule.get("timezone") or "UTC"
    return ZoneInfo(told).key


def _cron(cron: str, zone: str, *, day_or: bool) -> Told | None:
    """`day_or` false wants both the day of the month and the weekday, of which crons say either."""
    fields = cron.split()
    if day_or or len(fields) < 5 or "*" in {fields[2], fields[4]}:
        return Told("cron", cron, zone)
    nth, days = _NTH.get(fields[2]), _weekdays(fields[4])
    if nth is None or days is None or len(fields) > 5:
        return None
    return Told("cron", "\n".join(_nth(fields, day, nth) for day in days), zone)


def _weekdays(field: str) -> list[str] | None:
    days = field.split(",")
    return days if all(re.fullmatch(r"[0-7]|[A-Za-z]{3}", day) for day in days) else None


def _nth(fields: Sequence[str], day: str, nth: int) -> str:
    return " ".join((fields[0], fields[1], "*", fields[3], f"{day}#{nth}"))


def _interval(step: timedelta, schedule: Mapping[str, Any]) -> Told | None:
    """What is shorter than a day goes by the time that passes, whole days go by the wall clock."""
    anchor = datetime.fromisoformat(schedule["anchor_date"])
    anchor = anchor if anchor.tzinfo else anchor.replace(tzinfo=UTC)
    zone = _zone(schedule)
    if step <= timedelta(0):
        return None
    if step < _DAY or zone in _UTC:
        return Told("interval", _iso(step), anchor=anchor.astimezone(UTC))
    wall = anchor.astimezone(ZoneInfo(zone))
    if wall.hour < _MORNING:
        return None
    if step == _DAY:
        return Told("cron", _at(wall, "*"), zone)
    if step == _WEEK:
        return Told("cron", _at(wall, str(wall.isoweekday() % 7)), zone)
    return None


def _at(wall: datetime, weekday: str) -> str:
    seconds = f" {wall.second}" if wall.second else ""
    return f"{wall.minute} {wall.hour} * * {weekday}{seconds}"


def _iso(step: timedelta) -> str:
    return f"PT{step.total_seconds():.6f}".rstrip("0").rstrip(".") + "S"


def _rule(rule: str, zone: str) -> Told | None:
    if zone in _UTC and (found := interval_of_rule(rule)) is not None:
        step, anchor = found
        return Told("interval", _iso(step), anchor=anchor, end_at=until_of(rule, zone))
    cron = cron_of_rule(rule)
    return None if cron is None else Told("cron", cron, zone, "rule", end_at=until_of(rule, zone))


def as_written(deployment: Deployment) -> Iterable[str]:
    """Every schedule in Prefect's own words, for people."""
    for one in deployment.schedules:
        told = one.schedule
        text = next((f"{k} {told[k]}" for k in ("cron", "interval", "rrule") if k in told), "")
        off = "" if one.active else " (off)"
        yield f"{text} {told.get('timezone') or 'UTC'}{off}".strip()
