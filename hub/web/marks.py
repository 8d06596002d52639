"""Small pictures for pages, as SVG: bars of runs, a line of durations, the track of a day.

They hold classes, no colours: the style sheet knows those, in the light and in the dark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct

from hub.store.views import RunView
from hub.web.words import length, moment

_BARS: Final = 10
_BAR: Final = 9
_TALL: Final = 24
_LEAST: Final = 4.0
_SECOND: Final = 1000


class Hour(Struct, frozen=True):
    """What happened within an hour, or is expected to."""

    at: datetime
    completed: int = 0
    failed: int = 0
    incidents: int = 0
    expected: int = 0


class Point(Struct, frozen=True):
    """A run on a chart of durations."""

    at: datetime
    seconds: float
    state: str
    href: str | None = None


class Band(Struct, frozen=True):
    """What is normal, in seconds; `high`: above it a run is told as too long."""

    expected: float
    high: float | None = None


def state(name: str) -> str:
    """The class of a state."""
    return f"s-{name.lower()}"


def bars(runs: Sequence[RunView]) -> Markup:
    """The latest runs, the newest at the right: the taller the longer, coloured by state."""
    shown = list(reversed(runs[:_BARS]))
    longest = max((run.duration_ms or 0 for run in shown), default=0) or 1
    parts = [_bar(n + _BARS - len(shown), run, longest) for n, run in enumerate(shown)]
    title = f"the last {len(shown)} runs" if shown else "no run yet"
    return drawing("bars", _BARS * _BAR, _TALL, parts, title)


def _bar(n: int, run: RunView, longest: int) -> str:
    tall = max(_LEAST, _TALL * (run.duration_ms or 0) / longest)
    told = f"{run.state.lower()}, {moment(run.started_at or run.created_at)}"
    if run.duration_ms is not None:
        told += f", {length(run.duration_ms / _SECOND)}"
    return (
        f'<rect class="{state(run.state)}" x="{n * _BAR}" y="{_TALL - tall:.1f}" '
        f'width="{_BAR - 2}" height="{tall:.1f}" rx="1"><title>{escape(told)}</title></rect>'
    )


# -- durations ---------------------------------------------------------------------------------

_WIDE, _HIGH, _MARGIN = 900, 220, 76

#: Distances of the lines, in seconds: such as people count in.
_STEPS: Final = (
    *(0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800),
)
_MOST_LINES: Final = 5

Height = Callable[[float], float]
"""Where a length is drawn."""


def durations(points: Sequence[Point], band: Band | None = None) -> Markup:
    """How long runs took, against what is normal."""
    if not points:
        return Markup()
    ordered = sorted(points, key=lambda point: point.at)
    tops = [point.seconds for point in ordered]
    if band is not None:
        tops += [band.expected, band.high or 0]
    top = max(tops) * 1.1 or 1
    first, last = ordered[0].at, ordered[-1].at
    wide = (last - first).total_seconds() or 1

    def x(at: datetime) -> float:
        return _MARGIN + (_WIDE - _MARGIN - 10) * (at - first).total_seconds() / wide

    def y(seconds: float) -> float:
        return 10 + (_HIGH - 34) * (1 - seconds / top)

    parts = [*_axis(top, y), *_band(band, y)]
    parts += [_dot(point, x(point.at), y(point.seconds)) for point in ordered]
    parts += [_tick(x(first), first, "start"), _tick(x(last), last, "end")]
    return drawing("chart", _WIDE, _HIGH, parts, f"how long the last {len(points)} runs took")


def _axis(top: float, y: Height) -> list[str]:
    step = next((each for each in _STEPS if top / each <= _MOST_LINES), top / _MOST_LINES)
    found = []
    for n in range(int(top / step) + 1):
        at = y(n * step)
        found.append(
            f'<line class="grid" x1="{_MARGIN}" x2="{_WIDE - 10}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text class="axis" x="{_MARGIN - 6}" y="{at + 4:.1f}" text-anchor="end">'
            f"{length(n * step)}</text>"
        )
    return found


def _band(band: Band | None, y: Height) -> list[str]:
    if band is None:
        return []
    lines = [("normal", "normal", band.expected), ("limit", "too long", band.high)]
    return [_across(name, told, value, y) for name, told, value in lines if value is not None]


def _across(name: str, told: str, seconds: float, y: Height) -> str:
    at = y(seconds)
    return (
        f'<line class="{name}" x1="{_MARGIN}" x2="{_WIDE - 10}" y1="{at:.1f}" y2="{at:.1f}">'
        f"<title>{told}: {length(seconds)}</title></line>"
    )


def _dot(point: Point, x: float, y: float) -> str:
    told = f"{moment(point.at)}: {length(point.seconds)}, {point.state.lower()}"
    dot = (
        f'<circle class="{state(point.state)}" cx="{x:.1f}" cy="{y:.1f}" r="4">'
        f"<title>{escape(told)}</title></circle>"
    )
    return dot if point.href is None else f'<a href="{escape(point.href)}">{dot}</a>'


def _tick(x: float, at: datetime, anchor: str) -> str:
    return (
        f'<text class="axis" x="{x:.1f}" y="{_HIGH - 6}" text-anchor="{anchor}">'
        f"{at:%d %b %H:%M}</text>"
    )


# -- the track of a day ------------------------------------------------------------------------

_STEP, _DEEP = 24, 120


def track(hours: Sequence[Hour], now: datetime) -> Markup:
    """Hours behind and ahead of now: what was done and failed, what is expected."""
    most = max((h.completed + h.failed for h in hours), default=0) or 1
    expected = max((h.expected for h in hours), default=0) or 1
    parts = [_hour(n, hour, most, expected) for n, hour in enumerate(hours)]
    behind = sum(hour.at <= now for hour in hours)
    if behind:
        start = hours[behind - 1].at
        x = (behind - 1 + (now - start).total_seconds() / 3600) * _STEP
        parts.append(f'<line class="now" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_DEEP - 18}"/>')
    return drawing("track", len(hours) * _STEP, _DEEP, parts, "the last and the next hours")


def _hour(n: int, hour: Hour, most: int, expected: int) -> str:
    x, floor, room = n * _STEP, _DEEP - 20, _DEEP - 36
    done = room * hour.completed / most
    failed = max(2.0, room * hour.failed / most) if hour.failed else 0.0
    ahead = room * hour.expected / expected if hour.expected else 0.0
    told = f"{hour.at:%H:%M} UTC: " + (", ".join(_told(hour)) or "nothing")
    parts = [
        f"<g><title>{told}</title>",
        f'<rect class="ground" x="{x}" y="0" width="{_STEP - 2}" height="{floor}"/>',
        _block("s-completed", x, floor - done, done),
        _block("s-failed", x, floor - done - failed, failed),
        _block("ahead", x, floor - ahead, ahead),
    ]
    if hour.incidents:
        parts.append(f'<circle class="mark" cx="{x + _STEP / 2 - 1}" cy="8" r="4"/>')
    if hour.at.hour % 6 == 0:
        parts.append(f'<text class="axis" x="{x}" y="{_DEEP - 4}">{hour.at:%H:%M}</text>')
    return "".join(parts) + "</g>"


def _block(name: str, x: int, y: float, tall: float) -> str:
    if not tall:
        return ""
    return f'<rect class="{name}" x="{x}" y="{y:.1f}" width="{_STEP - 2}" height="{tall:.1f}"/>'


def _told(hour: Hour) -> Iterable[str]:
    if hour.completed:
        yield f"{hour.completed:,} completed"
    if hour.failed:
        yield f"{hour.failed:,} failed"
    if hour.expected:
        yield f"{hour.expected:,} expected"
    if hour.incidents:
        yield f"{hour.incidents:,} incidents opened"


def drawing(name: str, wide: float, tall: float, parts: Iterable[str], title: str) -> Markup:
    """Only our own numbers and escaped text are in the parts."""
    return Markup(  # noqa: S704
        f'<svg class="{name}" viewBox="0 0 {wide:g} {tall:g}" width="{wide:g}" height="{tall:g}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
