"""How times, lengths and amounts are said on a page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_SIZES: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND: Final = 1000
#: Below this, seconds are told with a decimal.
_SHORT_S: Final = 10


def length(seconds: float | None) -> str:
    """`42 s`, `3 min 5 s`, `2 h 10 min`, `5 d`: the two largest units."""
    if seconds is None:
        return ""
    if abs(seconds) < _SHORT_S:
        return f"{seconds:.1f} s" if seconds else "0 s"
    sign, rest = ("-" if seconds < 0 else ""), round(abs(seconds))
    counts = []
    for unit, each in _UNITS:
        count, rest = divmod(rest, each)
        counts.append((count, unit))
    first = next(n for n, (count, _) in enumerate(counts) if count)
    return sign + " ".join(f"{count} {unit}" for count, unit in counts[first : first + 2] if count)


def away(at: datetime | None, now: datetime) -> str:
    """`5 min ago`, `in 2 h`, `now`: the largest unit alone."""
    if at is None:
        return ""
    seconds = (now - at).total_seconds()
    size = round(abs(seconds))
    for unit, each in _UNITS:
        if size >= each:
            told = f"{size // each} {unit}"
            return f"{told} ago" if seconds > 0 else f"in {told}"
    return "now"


def number(value: float | None) -> str:
    """Thousands apart: `12,345`."""
    return "" if value is None else f"{value:,.0f}"


def size(count: float | None) -> str:
    """Bytes: `1.2 MB`."""
    if count is None:
        return ""
    value = float(count)
    for unit in _SIZES[:-1]:
        if abs(value) < _THOUSAND:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= _THOUSAND
    return f"{value:.1f} {_SIZES[-1]}"


def moment(at: datetime | None) -> str:
    """`2026-11-23 04:56:10 UTC`."""
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def sum_of(things: Iterable[object], what: str) -> float | None:
    """Of those that tell it; None if none does."""
    told = [value for one in things if (value := getattr(one, what)) is not None]
    return sum(told) if told else None


def plain(word: str | None) -> str:
    """A word of the code as people read it: `late_finish` is `late finish`."""
    return "" if word is None else word.replace("_", " ").lower()


def count_of(value: int, one: str, many: str | None = None) -> str:
    """`1 job`, `3 jobs`, `no jobs`."""
    noun = one if value == 1 else many or f"{one}s"
    return f"{value:,} {noun}" if value else f"no {noun}"
