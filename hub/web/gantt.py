"""A run's parts over time, and the way that took it so long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct

from hub.web.marks import drawing, state
from hub.web.words import length, moment

_WIDE, _NAMES, _ROW, _TALL = 1000, 250, 24, 15
_LETTERS: Final = 36
_MOST: Final = 100
#: Clocks of two workers may differ so much.
_SLACK: Final = timedelta(seconds=1)


class Bar(Struct, frozen=True):
    """One part; end: until now, if it is under way. leaf: nothing runs within it."""

    name: str
    start: datetime
    end: datetime
    state: str
    href: str
    depth: int = 0
    leaf: bool = True


def critical(bars: Sequence[Bar]) -> list[Bar]:
    """From the part that ended last back to the first: each time, what ended last before it began.

    Nobody tells what a part waited for; what ended last before it is what it may have waited for.
    """
    leaves = [bar for bar in bars if bar.leaf]
    if not leaves:
        return []
    path = [max(leaves, key=lambda bar: bar.end)]
    while True:
        first = path[-1]
        earlier = [
            bar
            for bar in leaves
            if bar not in path and bar.end <= first.start + _SLACK and bar.start < first.start
        ]
        if not earlier:
            return path[::-1]
        path.append(max(earlier, key=lambda bar: bar.end))


def gantt(bars: Sequence[Bar]) -> Markup:
    """The parts in the order in which they began."""
    shown = sorted(bars, key=lambda bar: (bar.start, bar.depth))[:_MOST]
    if not shown:
        return Markup()
    path = critical(shown)
    begin, end = min(bar.start for bar in shown), max(bar.end for bar in shown)
    wide = (end - begin).total_seconds() or 1

    def x(at: datetime) -> float:
        return _NAMES + (_WIDE - _NAMES - 70) * (at - begin).total_seconds() / wide

    parts = [
        _grid(n * wide / 4, x(begin + timedelta(seconds=n * wide / 4)), len(shown))
        for n in range(5)
    ]
    parts += [_bar(bar, n, x, on=bar in path) for n, bar in enumerate(shown)]
    return drawing("gantt", _WIDE, len(shown) * _ROW + 26, parts, f"{len(shown)} parts over time")


def _grid(seconds: float, x: float, rows: int) -> str:
    tall = rows * _ROW + 6
    return (
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{tall}"/>'
        f'<text class="axis" x="{x:.1f}" y="{tall + 14}" text-anchor="middle">{length(seconds)}</text>'
    )


def _bar(bar: Bar, n: int, x: Callable[[datetime], float], *, on: bool) -> str:
    left, right, top = x(bar.start), x(bar.end), n * _ROW + 4
    took = length((bar.end - bar.start).total_seconds())
    told = f"{bar.name}: {bar.state.lower()}, {moment(bar.start)}, {took}"
    room = _LETTERS - 2 * bar.depth
    name = bar.name if len(bar.name) <= room else "…" + bar.name[1 - room :]
    return (
        f'<a href="{escape(bar.href)}"><title>{escape(told)}</title>'
        f'<text class="name" x="{bar.depth * 12}" y="{top + 12}">{escape(name)}</text>'
        f'<rect class="{state(bar.state)}{"" if bar.leaf else " whole"}{" way" if on else ""}" '
        f'x="{left:.1f}" y="{top}" width="{max(right - left, 3):.1f}" height="{_TALL}" rx="2"/>'
        f'<text class="axis" x="{right + 6:.1f}" y="{top + 12}">{took}</text></a>'
    )
