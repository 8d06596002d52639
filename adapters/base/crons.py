"""Crons as robfig/cron reads them, which Kubernetes, Argo and Flyte use, in the hub's words.

They are due each time the clock shows it: timing `shown`.
"""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

PRESETS: Final = frozenset(
    {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
)
_ZONED: Final = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.+)")
_EVERY: Final = re.compile(r"@every\s+(?=\S)((?:\d+(?:\.\d+)?(?:h|m|s|ms))+)")
_STEP: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class Told(Struct, frozen=True, order=True):
    """kind: cron or interval."""

    kind: str
    timezone: str
    expression: str


def told_of(text: str, zone: str) -> Told | None:
    """One expression of five fields, a preset or @every; None if the hub can't say the same.

    zone: that of whoever reads it, unless the expression names another.
    """
    if zoned := _ZONED.fullmatch(text.strip()):
        zone, text = zoned[1], zoned[2]
    try:
        zone = ZoneInfo(zone).key
    except (ValueError, LookupError, OSError):
        return None
    if every := _EVERY.fullmatch(text.strip()):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _STEP.findall(every[1]))
        return Told("interval", "UTC", f"PT{max(1, int(seconds))}S")  # as robfig/cron rounds it
    if text.strip() in PRESETS:
        return Told("cron", zone, text.strip())
    fields = text.split()
    if len(fields) != 5:
        return None
    return Told("cron", zone, " ".join("*" if field == "?" else field for field in fields))
