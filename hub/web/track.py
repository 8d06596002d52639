"""The track of two days: what ran in each hour, which slots were due, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from markupsafe import Markup
from msgspec import Struct

from hub.web.marks import drawing

_STEP: Final = 24
#: Where the parts stand: marks of incidents, runs above the line, slots below it, hours.
_MARKS, _RUNS, _LINE, _SLOTS, _FOOT = 14, 62, 80, 42, 20
_DEEP: Final = _LINE + _SLOTS + _FOOT
_SECONDS: Final = 3600


class Hour(Struct, frozen=True):
    """What happened within an hour, or is expected to. missed: of its slots, by incidents."""

    at: datetime
    completed: int = 0
    failed: int = 0
    incidents: int = 0
    slots: int = 0
    missed: int = 0


def track(hours: Sequence[Hour], now: datetime) -> Markup:
    """Hours behind and ahead of now."""
    most = max((h.completed + h.failed for h in hours), default=0) or 1
    slots = max((h.slots for h in hours), default=0) or 1
    parts = [_hour(n, hour, most, slots, ahead=hour.at > now) for n, hour in enumerate(hours)]
    behind = sum(hour.at <= now for hour in hours)
    if behind:
        x = (behind - 1 + (now - hours[behind - 1].at).total_seconds() / _SECONDS) * _STEP
        parts.append(f'<line class="now" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_DEEP - _FOOT}"/>')
        parts.append(f'<text class="axis" x="{x + 4:.1f}" y="10">now</text>')
    return drawing("track", len(hours) * _STEP, _DEEP, parts, "the last and the next hours")


def _hour(n: int, hour: Hour, most: int, slots: int, *, ahead: bool) -> str:
    x = n * _STEP
    done, failed = _RUNS * hour.completed / most, _RUNS * hour.failed / most
    failed = max(2.0, failed) if hour.failed else 0.0
    due, missed = _SLOTS * hour.slots / slots, _SLOTS * hour.missed / slots
    missed = max(3.0, missed) if hour.missed else 0.0
    told = f"{hour.at:%a %H:%M} UTC: " + (", ".join(_told(hour, ahead=ahead)) or "nothing")
    parts = [
        f"<g><title>{told}</title>",
        f'<rect class="ground" x="{x}" y="{_MARKS}" width="{_STEP - 2}" height="{_LINE + _SLOTS - _MARKS}"/>',
        _block("s-completed", x, _LINE - 2 - done, done),
        _block("s-failed", x, _LINE - 2 - done - failed, failed),
        _block("ahead" if ahead else "slots", x, _LINE + 2, due),
        _block("s-failed", x, _LINE + 2, missed),
    ]
    if hour.incidents:
        parts.append(f'<circle class="mark" cx="{x + _STEP / 2 - 1}" cy="7" r="4"/>')
    if hour.at.hour % 6 == 0:
        said = f"{hour.at:%H:%M}" if hour.at.hour else f"{hour.at:%a %d}"
        parts.append(f'<text class="axis" x="{x}" y="{_DEEP - 4}">{said}</text>')
    return "".join(parts) + "</g>"


def _block(name: str, x: int, y: float, tall: float) -> str:
    if not tall:
        return ""
    return f'<rect class="{name}" x="{x}" y="{y:.1f}" width="{_STEP - 2}" height="{tall:.1f}"/>'


def _told(hour: Hour, *, ahead: bool) -> Iterator[str]:
    if hour.completed:
        yield f"{hour.completed:,} completed"
    if hour.failed:
        yield f"{hour.failed:,} failed"
    if hour.slots and ahead:
        yield f"{hour.slots:,} slots to come"
    elif hour.slots:
        yield f"{hour.slots:,} slots were due"
    if hour.missed:
        yield f"{hour.missed:,} of them missed or late"
    if hour.incidents:
        yield f"{hour.incidents:,} incidents opened"
