"""Things over time as dots against what is normal: how long runs took, how late slots were answered.

They hold classes, no colours: the style sheet knows those, in the light and in the dark.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct

from hub.web.charts import step_of
from hub.web.marks import drawing, state
from hub.web.words import length, moment

_WIDE, _HIGH, _LEFT, _RIGHT, _TOP, _FOOT = 900, 220, 76, 10, 14, 24
#: Distances of the lines, in seconds: such as people count in.
_STEPS: Final = (
    *(0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800),
)
_MOST_LINES: Final = 5

Height = Callable[[float], float]
"""Where a value is drawn."""


class Point(Struct, frozen=True):
    """A dot. here: the one that it is all about. about: words for its tip; its state if not told."""

    at: datetime
    value: float
    state: str
    href: str | None = None
    here: bool = False
    about: str = ""


class Band(Struct, frozen=True):
    """What is normal: about `expected`, at least `low`; above `high` it is told."""

    expected: float | None = None
    high: float | None = None
    low: float | None = None


class Raised(Struct, frozen=True):
    """From when on the values are on another level, which lasts, and the words for it."""

    since: datetime
    told: str


class Scale(Struct, frozen=True):
    """How values are said, and how far apart the lines are if the highest is this."""

    said: Callable[[float], str]
    step: Callable[[float], float]


def _lengths_apart(top: float) -> float:
    return next((each for each in _STEPS if top / each <= _MOST_LINES), top / _MOST_LINES)


LENGTHS: Final = Scale(length, _lengths_apart)
COUNTS: Final = Scale(lambda value: f"{value:,.0f}", lambda top: step_of(top, whole=True))


def dots(
    points: Sequence[Point],
    title: str,
    band: Band | None = None,
    scale: Scale = LENGTHS,
    raised: Raised | None = None,
) -> Markup:
    """All of them over time, from zero; empty of nothing."""
    if not points:
        return Markup()
    band = band or Band()
    ordered = sorted(points, key=lambda point: (point.here, point.at))
    tops = [point.value for point in ordered]
    top = max(*tops, band.expected or 0, band.high or 0, band.low or 0) * 1.1 or 1
    first, last = min(one.at for one in ordered), max(one.at for one in ordered)
    wide = (last - first).total_seconds() or 1

    def x(at: datetime) -> float:
        return _LEFT + 6 + (_WIDE - _LEFT - _RIGHT - 12) * (at - first).total_seconds() / wide

    def y(value: float) -> float:
        return _TOP + (_HIGH - _TOP - _FOOT) * (1 - value / top)

    parts = [*_shade(band, top, y), *_axis(top, y, scale), *_band(band, y, scale)]
    if raised is not None and raised.since < last:
        parts += _raised(raised, x(max(raised.since, first)), begun=raised.since >= first)
    parts += [_dot(point, x(point.at), y(max(point.value, 0)), scale) for point in ordered]
    parts += [_tick(_LEFT, first, "start"), _tick(_WIDE - _RIGHT, last, "end")]
    return drawing("chart dots", _WIDE, _HIGH, parts, title)


def _shade(band: Band, top: float, y: Height) -> list[str]:
    """Where all is well: up to the limit, from the least on."""
    if band.high is None and band.low is None:
        return []
    above, below = y(top if band.high is None else band.high), y(band.low or 0)
    size = f'width="{_WIDE - _LEFT - _RIGHT}" height="{below - above:.1f}"'
    return [f'<rect class="band" x="{_LEFT}" y="{above:.1f}" {size}/>']


def _axis(top: float, y: Height, scale: Scale) -> list[str]:
    step = scale.step(top)
    return [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y(n * step):.1f}" y2="{y(n * step):.1f}"/>'
        f'<text class="axis" x="{_LEFT - 6}" y="{y(n * step) + 4:.1f}" text-anchor="end">'
        f"{escape(scale.said(n * step))}</text>"
        for n in range(int(top / step) + 1)
    ]


def _band(band: Band, y: Height, scale: Scale) -> list[str]:
    lines = [
        ("normal", "normal", band.expected),
        ("limit", "limit", band.high),
        ("limit", "at least", band.low),
    ]
    return [
        _across(name, told, value, y, scale) for name, told, value in lines if value is not None
    ]


def _across(name: str, told: str, value: float, y: Height, scale: Scale) -> str:
    at, words = y(value), f"{told}: {scale.said(value)}"
    return (
        f'<line class="{name}" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}">'
        f"<title>{escape(words)}</title></line>"
        f'<text class="axis of-{name}" x="{_WIDE - _RIGHT - 4}" y="{at - 4:.1f}" '
        f'text-anchor="end">{escape(words)}</text>'
    )


def _raised(raised: Raised, x: float, *, begun: bool) -> list[str]:
    """begun: it began within what is drawn."""
    foot, told = _HIGH - _FOOT, escape(raised.told)
    shade = (
        f'<rect class="raised" x="{x:.1f}" y="{_TOP}" width="{_WIDE - _RIGHT - x:.1f}" '
        f'height="{foot - _TOP}"><title>{told}</title></rect>'
    )
    edge = f'<line class="rise" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{foot}"/>'
    word = f'<text class="axis of-rise" x="{x + 5:.1f}" y="{foot - 6}">{told}</text>'
    return [shade, *([edge] if begun else []), word]


def _dot(point: Point, x: float, y: float, scale: Scale) -> str:
    about = point.about or point.state.lower()
    told = f"{moment(point.at)}: {scale.said(point.value)}, {about}"
    ring = f'<circle class="here" cx="{x:.1f}" cy="{y:.1f}" r="8"/>' if point.here else ""
    dot = (
        f'{ring}<circle class="{state(point.state)}" cx="{x:.1f}" cy="{y:.1f}" r="4">'
        f"<title>{escape(told)}</title></circle>"
    )
    if point.href is None:
        return dot
    return f'<a href="{escape(point.href)}" aria-label="{escape(told)}">{dot}</a>'


def _tick(x: float, at: datetime, anchor: str) -> str:
    return (
        f'<text class="axis" x="{x:.1f}" y="{_HIGH - 6}" text-anchor="{anchor}">'
        f"{at:%d %b %H:%M}</text>"
    )
