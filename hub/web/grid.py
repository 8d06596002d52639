"""How the partitions of a dataset stand, as a picture: years of days at a glance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from markupsafe import Markup, escape

from hub.schedules.grids import Cell, PartitionStatus
from hub.schedules.layouts import Layout
from hub.schedules.periods import Every
from hub.schedules.zones import wall_of, zone_of

#: Of several partitions in one place of the picture the first of these is shown.
WORST_FIRST: Final = (
    PartitionStatus.FAILED,
    PartitionStatus.MISSING,
    PartitionStatus.STALE,
    PartitionStatus.RUNNING,
    PartitionStatus.COMPLETE,
)
#: Years and partitions without a time that are drawn, the latest.
_YEARS: Final = 8
_UNTIMED: Final = 400

_STEP, _LEFT, _TOP, _WEEKS = 15, 44, 16, 53
_WEEK: Final = 7
_IN_A_ROW: Final = 60

Counts = Mapping[PartitionStatus, int]


def worst(counts: Counts) -> PartitionStatus:
    """How a place looks in which several partitions are."""
    return next(one for one in WORST_FIRST if counts.get(one))


def by_day(cells: Iterable[Cell], layout: Layout) -> dict[date, Counter[PartitionStatus]]:
    """The partitions that begin on each day of the layout's time zone."""
    zone = zone_of(layout.timezone)
    found: dict[date, Counter[PartitionStatus]] = defaultdict(Counter)
    for cell in cells:
        if cell.place.begin is not None:
            found[wall_of(cell.place.begin, zone).date()][cell.status] += 1
    return found


def drawn(cells: Sequence[Cell], layout: Layout) -> Markup:
    """The latest year first; what has no time comes last, by name."""
    days = by_day(cells, layout)
    years = sorted({day.year for day in days}, reverse=True)[:_YEARS]
    calendar = layout.cut is None or layout.cut.every in (Every.HOUR, Every.DAY)
    draw = _year_of_days if calendar else _year_of_steps
    parts = [draw(year, {day: days[day] for day in days if day.year == year}) for year in years]
    untimed = sorted((one for one in cells if one.place.begin is None), key=lambda c: c.place.key)
    if untimed:
        parts.append(_row(_untimed(untimed[:_UNTIMED]), "partitions that are no time"))
    return Markup().join(parts)


# -- a year ------------------------------------------------------------------------------------


def _year_of_days(year: int, days: Mapping[date, Counts]) -> Markup:
    """Weeks from the left to the right, Monday at the top."""
    first = date(year, 1, 1)
    begin = first - timedelta(days=first.weekday())
    parts = [
        f'<text class="year" x="0" y="{_TOP + 11}">{year}</text>',
        *_months(year, begin),
        _ground(year),
    ]
    for day, counts in sorted(days.items()):
        week, weekday = divmod((day - begin).days, _WEEK)
        x, y = _LEFT + week * _STEP, _TOP + weekday * _STEP
        parts.append(_square(x, y, counts, day.isoformat(), day))
    wide = _LEFT + (_WEEKS + 1) * _STEP
    return _svg(wide, _TOP + _WEEK * _STEP + 6, parts, f"{year}: {told(_sum(days.values()))}")


def _ground(year: int) -> str:
    """A place for each day, so that what is not there is seen."""
    return (
        f'<pattern id="days-{year}" x="{_LEFT}" y="{_TOP}" width="{_STEP}" height="{_STEP}" '
        'patternUnits="userSpaceOnUse"><rect class="ground" width="12" height="12" rx="3"/>'
        f'</pattern><rect x="{_LEFT}" y="{_TOP}" width="{_WEEKS * _STEP}" '
        f'height="{_WEEK * _STEP}" fill="url(#days-{year})"/>'
    )


def _months(year: int, begin: date) -> Iterator[str]:
    for month in range(1, 13):
        first = date(year, month, 1)
        x = _LEFT + -(-(first - begin).days // _WEEK) * _STEP
        yield f'<text class="axis" x="{x}" y="10">{first:%b}</text>'


def _year_of_steps(year: int, days: Mapping[date, Counts]) -> Markup:
    """Weeks, months or quarters, one beside the other."""
    parts = [f'<text class="year" x="0" y="{_TOP + 11}">{year}</text>']
    for n, (day, counts) in enumerate(sorted(days.items())):
        parts.append(_square(_LEFT + n * _STEP, _TOP, counts, day.isoformat(), day))
    wide = _LEFT + (_WEEKS + 1) * _STEP
    return _svg(wide, _TOP + _STEP + 6, parts, f"{year}: {told(_sum(days.values()))}")


# -- what has no time --------------------------------------------------------------------------


def _untimed(cells: Sequence[Cell]) -> Iterator[str]:
    for n, cell in enumerate(cells):
        row, place = divmod(n, _IN_A_ROW)
        counts = {cell.status: 1}
        yield _square(_LEFT + place * _STEP, 2 + row * _STEP, counts, cell.place.key, None)


def _row(squares: Iterable[str], title: str) -> Markup:
    parts = list(squares)
    rows = -(-len(parts) // _IN_A_ROW)
    return _svg(_LEFT + _IN_A_ROW * _STEP, rows * _STEP + 6, parts, title)


# -- parts -------------------------------------------------------------------------------------


def told(counts: Counts) -> str:
    """`3 failed, 120 complete`."""
    return ", ".join(f"{counts[one]:,} {one}" for one in WORST_FIRST if counts.get(one))


def _sum(some: Iterable[Counts]) -> Counts:
    found: Counter[PartitionStatus] = Counter()
    for one in some:
        found.update(one)
    return found


def _square(x: int, y: int, counts: Counts, name: str, day: date | None) -> str:
    stands = worst(counts)
    text = stands if sum(counts.values()) == 1 else told(counts)
    given = f' data-day="{day}"' if day else ""
    return (
        f'<rect class="cell p-{stands}" x="{x}" y="{y}"{given}>'
        f"<title>{escape(name)}: {text}</title></rect>"
    )


def _svg(wide: int, tall: int, parts: Iterable[str], title: str) -> Markup:
    """Only our own numbers and escaped text are in the parts."""
    return Markup(  # noqa: S704
        f'<svg class="partitions" viewBox="0 0 {wide} {tall}" width="{wide}" height="{tall}" '
        f'role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
