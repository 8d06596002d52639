"""How times, lengths and amounts are said on a page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Final

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_SIZES: Final = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND: Final = 1000
#: Below this, seconds are told with a decimal.
_SHORT_S: Final = 10
_HUNDRED: Final = 100


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


def told(name: str, value: object) -> tuple[str, str]:
    """A fact of evidence as people read it: `limitS` of 90 is `limit`, `1 min 30 s`."""
    if name.endswith("S") and isinstance(value, int | float):
        return _apart(name[:-1]), length(value)
    if name.endswith("At") or name in _TIMES:
        return _apart(name.removesuffix("At") or name), _moment_of(value)
    return _apart(name), _said(value)


_TIMES: Final = frozenset({"at", "since", "deadline", "completeTo"})


def _apart(name: str) -> str:
    return re.sub("([A-Z])", lambda found: f" {found[1].lower()}", name)


def _moment_of(value: object) -> str:
    try:
        return moment(datetime.fromisoformat(str(value)))
    except ValueError:
        return _said(value)


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_said(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{_said(key)}: {_said(each)}" for key, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < _HUNDRED else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def count_of(value: int, one: str, many: str | None = None) -> str:
    """`1 job`, `3 jobs`, `no jobs`."""
    noun = one if value == 1 else many or f"{one}s"
    return f"{value:,} {noun}" if value else f"no {noun}"
