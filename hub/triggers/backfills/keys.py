"""Which partitions a range names. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from hub.errors import BadInput
from hub.schedules.grids import Cell
from hub.schedules.layouts import Layout
from hub.schedules.stretches import Cut, Stretch
from hub.schedules.timekeys import read_key
from hub.schedules.zones import wall_of, zone_of

#: Partitions of one range.
MOST: Final = 20_000


def keys_named(layout: Layout, told: Sequence[str]) -> list[str]:
    """The canonical keys of those that are named, each once."""
    return list(dict.fromkeys(layout.place(key).key for key in told))


def keys_between(
    layout: Layout, cells: Sequence[Cell], since: str, to: str, now: datetime
) -> list[str]:
    """The canonical keys from one to another, both included, of those that have begun by now."""
    if layout.cut is None:
        raise BadInput(
            "from", since, "partitions by name: these are not known to be of time (or say `every`)"
        )
    first, last = _stretch("from", since, layout.cut), _stretch("to", to, layout.cut)
    if last.begin < first.begin:
        raise BadInput("to", to, f"a partition that does not begin before {since}")
    if any(cell.place.rest for cell in cells):
        return _there(cells, first, last)
    found = list(_wanted(layout, layout.cut, {cell.place.key for cell in cells}, first, last, now))
    if len(found) > MOST:
        raise BadInput("to", to, f"at most {MOST} partitions")
    return found


def _stretch(name: str, told: str, cut: Cut) -> Stretch:
    read = read_key(told, cut)
    if not read.stretches:
        raise BadInput(name, told, f"the key of a partition ({read.note})")
    return read.stretches[0 if name == "from" else -1]


def _there(cells: Sequence[Cell], first: Stretch, last: Stretch) -> list[str]:
    """With other dimensions only those that are known."""
    return sorted(
        cell.place.key
        for cell in cells
        if cell.place.begin is not None and first.begin <= cell.place.begin < last.end
    )


def _wanted(
    layout: Layout, cut: Cut, there: set[str], first: Stretch, last: Stretch, now: datetime
) -> Iterator[str]:
    """Those that are there, and those that should be."""
    period, zone = layout.period, zone_of(cut.timezone)
    until = min(last.end, now)
    for count, one in enumerate(cut.beginning(first.begin, until)):
        if count > MOST * 10:
            return
        regular = period is None or (
            period.every is not cut.every
            or (period.count == 1 and period.wanted(wall_of(one.begin, zone)))
        )
        if one.key in there or regular:
            yield one.key
