"""Time zones by name."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
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
