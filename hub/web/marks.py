"""Small pictures for pages, as SVG: bars of runs, results in a row.

They hold classes, no colours: the style sheet knows those, in the light and in the dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup, escape
from msgspec import Struct

from hub.store.views import RunView
from hub.web.words import length, moment

_BARS: Final = 10
_BAR: Final = 9
_TALL: Final = 24
_LEAST: Final = 4.0
#: Of fewer no line can be drawn.
_FEWEST: Final = 2
_SECOND: Final = 1000


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


def spark(runs: Sequence[RunView]) -> Markup:
    """How long the latest runs took, as a line, the newest at the right; empty of fewer than two."""
    took = [run.duration_ms for run in reversed(runs[:_BARS]) if run.duration_ms is not None]
    if len(took) < _FEWEST:
        return Markup()
    step, top = (_BARS * _BAR - 6) / (len(took) - 1), max(took) or 1
    places = [(3 + n * step, 3 + (_TALL - 6) * (1 - ms / top)) for n, ms in enumerate(took)]
    course = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [
        f'<polyline class="course" points="{course}"/>',
        f'<circle class="dot" cx="{places[-1][0]:.1f}" cy="{places[-1][1]:.1f}" r="2.5"/>',
    ]
    said = [length(ms / _SECOND) for ms in (took[0], took[-1], top)]
    title = f"from {said[0]} to {said[1]}, at most {said[2]}"
    return drawing("spark", _BARS * _BAR, _TALL, [f"<title>{title}</title>", *parts], title)


# -- results, one beside the other ---------------------------------------------------------------


class Cell(Struct, frozen=True):
    """One of several things in a row; here: the one that it is all about."""

    state: str
    told: str
    href: str | None = None
    here: bool = False


_CELL: Final = 18


def strip(cells: Sequence[Cell], title: str) -> Markup:
    """Squares, the newest at the right; empty of nothing."""
    if not cells:
        return Markup()
    parts = [_cell(n, one) for n, one in enumerate(cells)]
    return drawing("strip", len(cells) * _CELL, _CELL + 4, parts, title)


def _cell(n: int, one: Cell) -> str:
    here = " here" if one.here else ""
    box = (
        f'<rect class="{state(one.state)}{here}" x="{n * _CELL + 2}" y="3" width="{_CELL - 4}" '
        f'height="{_CELL - 4}" rx="3"><title>{escape(one.told)}</title></rect>'
    )
    if one.href is None:
        return box
    return f'<a href="{escape(one.href)}" aria-label="{escape(one.told)}">{box}</a>'


def drawing(
    name: str, wide: float, tall: float, parts: Iterable[str], title: str, left: float = 0
) -> Markup:
    """Only our own numbers and escaped text are in the parts.

    What has links in it is no mere image to whoever has it read out.
    """
    drawn = "".join(parts)
    role = "group" if "<a " in drawn else "img"
    return Markup(  # noqa: S704
        f'<svg class="{name}" viewBox="{left:g} 0 {wide:g} {tall:g}" width="{wide:g}" '
        f'height="{tall:g}" role="{role}" aria-label="{escape(title)}">{drawn}</svg>'
    )
