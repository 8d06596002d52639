"""A job's runs beside its parts, and the days of its year, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup, escape

from hub.model import EntityName
from hub.store.grid import Cell, Day, Grid, GridRun
from hub.web import links
from hub.web.marks import drawing, state
from hub.web.words import length, moment

_NAMES, _STEP, _BOX, _TOP = 230, 20, 16, 70
_LETTERS: Final = 32
_MOST_PARTS: Final = 60
_WEEKS: Final = 53
_SQUARE, _EDGE = 15, 30


def grid(found: Grid, job: EntityName) -> Markup:
    """Runs from the left to the right, the tallest the longest; below each its parts."""
    longest = max((run.seconds or 0 for run in found.runs), default=0) or 1
    shown = list(found.parts.items())[:_MOST_PARTS]
    parts = [_run(n, run, longest, job) for n, run in enumerate(found.runs)]
    for y, (name, cells) in enumerate(shown):
        parts.append(_part(name, y, job))
        parts += [_cell(n, y, name, cell, found.runs[n], job) for n, cell in cells.items()]
    wide, tall = _NAMES + len(found.runs) * _STEP + 4, _TOP + len(shown) * _STEP + 4
    title = f"the last {len(found.runs)} runs and their {len(shown)} parts"
    return drawing("runs", wide, tall, parts, title)


def _run(n: int, run: GridRun, longest: float, job: EntityName) -> str:
    tall = max(4.0, (_TOP - 12) * (run.seconds or 0) / longest)
    told = f"{run.state.lower()}, {run.partition or moment(run.at)}"
    if run.seconds is not None:
        told += f", {length(run.seconds)}"
    box = (
        f'<rect class="{state(run.state)}" x="{_NAMES + n * _STEP}" y="{_TOP - 8 - tall:.1f}" '
        f'width="{_BOX}" height="{tall:.1f}" rx="2"><title>{escape(told)}</title></rect>'
    )
    return _linked(box, run.run_id, job, told)


def _part(name: str, y: int, job: EntityName) -> str:
    short = name.removeprefix(f"{job.name}.")
    short = short if len(short) <= _LETTERS else "…" + short[1 - _LETTERS :]
    href = links.job(EntityName(job.namespace, name))
    return (
        f'<a href="{escape(href)}"><title>{escape(name)}</title>'
        f'<text class="name" x="0" y="{_TOP + y * _STEP + 12}">{escape(short)}</text></a>'
    )


def _cell(n: int, y: int, name: str, cell: Cell, run: GridRun, job: EntityName) -> str:
    told = f"{name}: {cell.state.lower()}, {moment(run.at)}"
    if cell.seconds is not None:
        told += f", {length(cell.seconds)}"
    if cell.attempts > 1:
        told += f", attempt {cell.attempts}"
    if cell.many > 1:
        told += f", the worst of {cell.many}"
    x, top = _NAMES + n * _STEP, _TOP + y * _STEP
    box = (
        f'<rect class="{state(cell.state)}" x="{x}" y="{top}" width="{_BOX}" height="{_BOX}" '
        f'rx="3"><title>{escape(told)}</title></rect>'
    )
    number = cell.many if cell.many > 1 else cell.attempts if cell.attempts > 1 else None
    if number is not None:
        box += f'<text class="count" x="{x + _BOX / 2}" y="{top + 12}" text-anchor="middle">{number}</text>'
    return _linked(box, cell.run_id, EntityName(job.namespace, name), told)


def _linked(box: str, run_id: str | None, job: EntityName, told: str) -> str:
    if run_id is None:
        return box
    href = escape(links.run(run_id, job))
    return f'<a href="{href}" aria-label="{escape(told)}">{box}</a>'


def calendar(days: Sequence[Day], now: datetime) -> Markup:
    """A year of days, week by week: green were good, red had a failure, the darker the more runs."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=today.weekday(), weeks=_WEEKS - 1)
    found = {day.at: day for day in days}
    most = max((day.completed + day.failed + day.other for day in days), default=0) or 1
    parts = []
    for n in range((today - first).days + 1):
        at = first + timedelta(days=n)
        parts.append(_day(n, found.get(at, Day(at)), most))
        if at.day == 1:
            x = _EDGE + n // 7 * _SQUARE
            parts.append(f'<text class="axis" x="{x}" y="10">{at:%b}</text>')
    for n, name in ((0, "Mon"), (2, "Wed"), (4, "Fri")):
        parts.append(f'<text class="axis" x="0" y="{27 + n * _SQUARE}">{name}</text>')
    return drawing(
        "calendar",
        _EDGE + _WEEKS * _SQUARE,
        16 + 7 * _SQUARE,
        parts,
        "runs of each day of the year",
    )


def _day(n: int, day: Day, most: int) -> str:
    runs = day.completed + day.failed + day.other
    told = f"{day.at:%a %d %b %Y}: " + (
        f"{runs:,} runs, {day.failed:,} failed" if runs else "no run"
    )
    kind = "s-failed" if day.failed else state("completed") if day.completed else "s-new"
    shade = 4 if day.failed * 2 >= runs else min(4, 1 + 3 * runs // most)
    return (
        f'<rect class="{f"{kind} shade-{shade}" if runs else "ground"}" x="{_EDGE + n // 7 * _SQUARE}" '
        f'y="{16 + n % 7 * _SQUARE}" width="{_SQUARE - 3}" height="{_SQUARE - 3}" rx="2">'
        f"<title>{told}</title></rect>"
    )
