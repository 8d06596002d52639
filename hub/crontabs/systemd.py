"""Timers of systemd, by their unit files; what of OnCalendar a cron can say."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

from hub.crontabs.entry import Entry
from hub.model import Schedule
from hub.schedules.cron import is_cron
from hub.schedules.intervals import interval_text
from hub.schedules.zones import zone_of

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WORDS: Final = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
_UNITS: Final = {
    "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60,
    "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86_400, "day": 86_400,
    "days": 86_400, "w": 604_800, "week": 604_800, "weeks": 604_800,
}  # fmt: skip
_EVENT: Final = re.compile(
    r"(?:(?P<days>[A-Za-z][A-Za-z,.]*)\s+)?"
    r"(?:(?:(?P<year>[\d*]+)-)?(?P<month>[\d*,./]+)-(?P<day>[\d*,./]+)\s*)?"
    r"(?:(?P<hour>[\d*,./]+):(?P<minute>[\d*,./]+)(?::(?P<second>[\d*,./]+))?)?"
    r"(?:\s*(?P<zone>UTC|[A-Z]\w+/[\w/+-]+))?"
)
Settings = dict[str, list[str]]


def entry_of(timer: str, service: str | None, name: str, where: str, zone: str) -> Entry:
    """Of the text of a timer and of its service, if that is there. zone: the host's."""
    told = settings_of(timer)
    started = settings_of(service or "").get("ExecStart", [])
    schedule, trouble = schedule_of(told, zone)
    command = "; ".join(started)
    return Entry(
        name=name.removesuffix(".timer"),
        command=command,
        where=where,
        schedule=schedule,
        trouble=trouble,
        wrapped="trackside exec" in command,
    )


def settings_of(text: str) -> Settings:
    """Each setting of a unit file; an empty one takes back those before it."""
    found: Settings = defaultdict(list)
    for line in text.replace("\\\n", " ").splitlines():
        name, sign, value = line.strip().partition("=")
        if not sign or name.startswith(("#", ";")):
            continue
        if value.strip():
            found[name.strip()].append(value.strip())
        else:
            found.pop(name.strip(), None)
    return found


def schedule_of(told: Settings, zone: str) -> tuple[Schedule | None, str]:
    """The schedule of a timer's settings, or why there is none."""
    late = seconds_of(told["RandomizedDelaySec"][-1]) if "RandomizedDelaySec" in told else None
    if calendars := told.get("OnCalendar"):
        crons, zones = [], set()
        for text in calendars:
            found = cron_of(text)
            if found is None:
                return None, f"OnCalendar={text} can't be said as a cron"
            crons.append(found[0])
            zones.add(found[1] or zone)
        if len(zones) > 1:
            return None, "its times are in several time zones"
        return Schedule("cron", "\n".join(crons), zones.pop(), grace_s=late), ""
    for name in ("OnUnitActiveSec", "OnUnitInactiveSec"):
        if name in told and (period := seconds_of(told[name][-1])):
            return Schedule("interval", interval_text(period), grace_s=late), ""
    return None, "it has no OnCalendar and no OnUnitActiveSec"


def seconds_of(text: str) -> float | None:
    """A time span: `1h 30min`, `90`; None if it can't be read."""
    parts = re.findall(r"([\d.]+)\s*([a-z]*)", text)
    if not parts or "".join("".join(part) for part in parts) != text.replace(" ", ""):
        return None
    try:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    except (KeyError, ValueError):
        return None


def cron_of(text: str) -> tuple[str, str | None] | None:
    """A calendar event as cron and time zone; None where no cron says the same."""
    words = text.split(maxsplit=1)
    if words and words[0].lower() in _WORDS:
        text = " ".join([_WORDS[words[0].lower()], *words[1:]])
    found = _EVENT.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    parts = found.groupdict()
    if parts["year"] not in {None, "*"} or (parts["second"] or "0").strip("0"):
        return None
    days = _weekdays(parts["days"])
    fields = [
        _field(parts["minute"] or "0", 59),
        _field(parts["hour"] or "0", 23),
        _field(parts["day"] or "*", 31),
        _field(parts["month"] or "*", 12),
        days,
    ]
    # A cron runs on either of two days that are told, a timer only on what is both.
    if None in fields or (days != "*" and fields[2] != "*"):
        return None
    cron = " ".join(filter(None, fields))
    if not is_cron(cron) or not _is_zone(parts["zone"]):
        return None
    return cron, parts["zone"]


def _is_zone(name: str | None) -> bool:
    try:
        return name is None or bool(zone_of(name))
    except ValueError:
        return False


def _weekdays(text: str | None) -> str | None:
    if text is None:
        return "*"
    found: list[int] = []
    for part in text.lower().split(","):
        ends = [_DAYS.index(day[:3]) for day in part.split("..") if day[:3] in _DAYS]
        if len(ends) != len(part.split("..")) or len(ends) > 2:
            return None
        found += range(ends[0], ends[-1] + 1)
    return ",".join(str((day + 1) % 7) for day in found) or None


def _field(text: str, most: int) -> str | None:
    parts = [_part(part, most) for part in text.split(",")]
    return None if None in parts else ",".join(filter(None, parts))


def _part(text: str, most: int) -> str | None:
    values, sign, step = text.partition("/")
    begin, dots, end = values.partition("..")
    if values == "*":
        return f"*/{step}" if sign else "*"
    if not begin.isdigit() or (dots and not end.isdigit()) or (sign and not step.isdigit()):
        return None
    if sign:
        return f"{int(begin)}-{int(end) if dots else most}/{int(step)}"
    return f"{int(begin)}-{int(end)}" if dots else str(int(begin))
