"""Times as producers write them, to aware datetimes in UTC.

The spec says RFC 3339. In practice zones are missing, a Java zone stands behind in brackets, and
fractions have nine digits.
"""

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

_FRACTION = re.compile(r"[.,]\d{7,}")
_ZONE = re.compile(r"\[([\w/+:-]+)\]$")


def read_time(text: str) -> tuple[datetime, str | None]:
    """The time, and what had to be survived to read it. ValueError if it is none."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is UTC:
            return time, _too_fine(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC), _too_fine(text)
    except (ValueError, OverflowError):
        return _read_sloppy(text)
    return time.replace(tzinfo=UTC), "has no time zone, taken as UTC"


def _too_fine(text: str) -> str | None:
    if len(text) > 26 and _FRACTION.search(text):  # shorter ones can't be that fine
        return "is finer than microseconds, cut"
    return None


def _read_sloppy(text: str) -> tuple[datetime, str | None]:
    """With a zone in brackets (java.time.ZonedDateTime), blanks around, or a small z."""
    stripped = text.strip().upper() if text.endswith(("z", " ")) else text.strip()
    zone = _ZONE.search(stripped)
    time = datetime.fromisoformat(stripped[: zone.start()] if zone else stripped)
    if time.tzinfo is None:
        time = time.replace(tzinfo=_named(zone[1]) if zone else UTC)
    try:
        return time.astimezone(UTC), "is not in RFC 3339"
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _named(zone: str) -> tzinfo:
    try:
        return ZoneInfo(zone)
    except (KeyError, OSError) as error:
        raise ValueError(f"unknown time zone {zone}") from error
