"""Intervals between runs, as ISO 8601 durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def interval_of(text: str) -> timedelta:
    """The interval, of days, hours, minutes and seconds (`PT90S`). ValueError if it is none."""
    found = msgspec.convert(text, timedelta)  # its ValidationError is a ValueError
    if found <= timedelta(0):
        raise ValueError(f"{text} is not positive")
    return found


def first_of(step: timedelta, due: datetime) -> datetime:
    """The first since 1970 of the instants that lie whole steps from one: the same for all of them."""
    return _EPOCH + (due - _EPOCH) % step


def interval_text(seconds: float) -> str:
    """What `interval_of` reads, in seconds alone."""
    return f"PT{seconds:.6f}".rstrip("0").rstrip(".") + "S"
