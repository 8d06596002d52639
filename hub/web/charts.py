"""Small charts over time, as SVG: a line of amounts, bars by day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from math import floor, log10
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct

from hub.web.marks import drawing
from hub.web.words import moment

_WIDE, _HIGH, _LEFT, _RIGHT, _TOP, _FOOT = 560, 190, 70, 12, 12, 24
_LINES: Final = 4
_NICE: Final = (1, 2, 2.5, 5, 10)

Wording = Callable[[float], str]


class Amount(Struct, frozen=True):
    """How much there was at a time. `about`: more words for the tip."""

    at: datetime
    value: float
    href: str | None = None
    about: str = ""


class Bar(Struct, frozen=True):
    """What happened on a day, in parts that stand on each other: (class, how many, words)."""

    day: date
    parts: tuple[tuple[str, int, str], ...]


def line(amounts: Sequence[Amount], wording: Wording, title: str) -> Markup:
    """Amounts over time, from zero; empty of nothing."""
    if not amounts:
        return Markup()
    ordered = sorted(amounts, key=lambda one: one.at)
    top = max(one.value for one in ordered) * 1.08 or 1
    first, last = ordered[0].at, ordered[-1].at
    wide = (last - first).total_seconds() or 1
    room = _WIDE - _LEFT - _RIGHT

    def place(one: Amount) -> tuple[float, float]:
        x = _LEFT + room * (one.at - first).total_seconds() / wide
        return x, _height(one.value, top)

    places = [place(one) for one in ordered]
    course = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [*_scale(top, wording), f'<polyline class="course" points="{course}"/>']
    parts += [_dot(one, at, wording) for one, at in zip(ordered, places, strict=True)]
    parts += [_tick(_LEFT, "start", first), _tick(_WIDE - _RIGHT, "end", last)]
    return _svg(parts, title)


def bars(days: Sequence[Bar], title: str, *, each: str = "") -> Markup:
    """One column a day; empty where nothing happened at all. each: what begins with the day, if more."""
    top = max((sum(n for _, n, _ in one.parts) for one in days), default=0)
    if not top:
        return Markup()
    step = (_WIDE - _LEFT - _RIGHT) / len(days)
    parts = list(_scale(top * 1.08, lambda value: f"{value:,.0f}", whole=True))
    for n, one in enumerate(days):
        parts += _column(one, _LEFT + n * step, step, top * 1.08, each)
    parts.append(_day_tick(_LEFT, "start", days[0].day))
    parts.append(_day_tick(_WIDE - _RIGHT, "end", days[-1].day))
    return _svg(parts, title)


def _column(one: Bar, x: float, step: float, top: float, each: str) -> Iterator[str]:
    words = ", ".join(text for _, count, text in one.parts if count) or "nothing"
    yield f"<g><title>{each}{one.day:%d %b}: {escape(words)}</title>"
    below = 0
    for name, count, _ in one.parts:
        if count:
            y, floor_ = _height(below + count, top), _height(below, top)
            yield (
                f'<rect class="{name}" x="{x + 1:.1f}" y="{y:.1f}" '
                f'width="{max(1.0, step - 2):.1f}" height="{floor_ - y:.1f}"/>'
            )
            below += count
    yield (
        f'<rect class="touch" x="{x:.1f}" y="{_TOP}" width="{step:.1f}" '
        f'height="{_HIGH - _FOOT - _TOP}"/></g>'
    )


def _height(value: float, top: float) -> float:
    return _TOP + (_HIGH - _TOP - _FOOT) * (1 - value / top)


def step_of(top: float, *, whole: bool = False) -> float:
    """The distance of the lines of a scale: 1, 2, 2.5 or 5 and noughts."""
    raw = top / _LINES
    size = 10.0 ** floor(log10(raw))
    found = next(size * nice for nice in _NICE if size * nice >= raw * 0.999)
    return max(1.0, round(found)) if whole else found


def _scale(top: float, wording: Wording, *, whole: bool = False) -> Iterator[str]:
    step = step_of(top, whole=whole)
    for n in range(int(top / step) + 1):
        y = _height(n * step, top)
        yield (
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis" x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">'
            f"{escape(wording(n * step))}</text>"
        )


def _dot(one: Amount, at: tuple[float, float], wording: Wording) -> str:
    about = f", {one.about}" if one.about else ""
    told = f"{moment(one.at)}: {wording(one.value)}{about}"
    dot = (
        f'<circle class="dot" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="3.5">'
        f"<title>{escape(told)}</title></circle>"
    )
    return dot if one.href is None else f'<a href="{escape(one.href)}">{dot}</a>'


def _tick(x: float, anchor: str, at: datetime) -> str:
    return _label(x, anchor, f"{at:%d %b %H:%M}")


def _day_tick(x: float, anchor: str, day: date) -> str:
    return _label(x, anchor, f"{day:%d %b}")


def _label(x: float, anchor: str, text: str) -> str:
    return f'<text class="axis" x="{x:.1f}" y="{_HIGH - 6}" text-anchor="{anchor}">{text}</text>'


def _svg(parts: Iterable[str], title: str) -> Markup:
    return drawing("chart", _WIDE, _HIGH, parts, title)
