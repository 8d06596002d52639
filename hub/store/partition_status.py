"""How the partitions of datasets and jobs stand, across orchestrators."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from hub.model import RunState, Viewer
from hub.schedules.grids import (
    Cell,
    Due,
    Fed,
    Inputs,
    PartitionStatus,
    cells_of,
    counts_of,
)
from hub.schedules.layouts import Layout, layout_of
from hub.schedules.periods import Every
from hub.schedules.slots import timetable_of
from hub.schedules.spans import expected
from hub.schedules.timekeys import interval_key
from hub.store.expectations import NOBODY, horizons
from hub.store.neighbours import flows
from hub.store.partition_facts import (
    MOST,
    completed,
    fed_of,
    key_of,
    makers_of,
    read_by,
    runs_of,
    trial,
    tried_for,
    written_of,
)
from hub.store.partitions_told import told_of
from hub.store.reading import among, dataset_seen, kept_per_viewer
from hub.store.schedules import held_of
from hub.store.spans import spans_of
from hub.store.tables import dataset, job

#: Inputs that are looked at.
MOST_INPUTS: Final = 50
#: A run that a schedule demands may start so late.
_GRACE: Final = timedelta(minutes=10)
#: So long what an orchestrator says of all partitions there may be holds: it is told each hour.
_FRESH: Final = timedelta(hours=3)


class Wanted:
    """What is asked for: `every` and `timezone` where somebody knows how time is cut.

    since, until: partitions that begin in [since, until); None: all, those that are no time too.
    """

    def __init__(
        self,
        now: datetime,
        since: datetime | None = None,
        until: datetime | None = None,
        every: Every | None = None,
        timezone: str = "UTC",
    ) -> None:
        self.now, self.since, self.until = now, since, until
        self.every, self.timezone = every, timezone

    def layout(self, keys: Iterable[str]) -> Layout:
        return layout_of(keys, self.now, self.timezone, self.every)

    def within(self, cell: Cell) -> bool:
        begin = cell.place.begin
        if self.since is None and self.until is None:
            return True
        if begin is None or (self.since is not None and begin < self.since):
            return False
        return self.until is None or begin < self.until


class Grid:
    """Partitions of a dataset or job, the latest first. `truncated`: there are more."""

    def __init__(self, layout: Layout, cells: Iterable[Cell], *, truncated: bool) -> None:
        self.layout, self.truncated = layout, truncated
        self.cells = sorted(cells, key=_latest_first)
        self.counts = counts_of(self.cells)


def _latest_first(cell: Cell) -> tuple[bool, float, str]:
    begin = cell.place.begin
    return begin is None, -begin.timestamp() if begin else 0.0, cell.place.key


def dataset_grid(connection: Connection, viewer: Viewer, dataset_id: int, wanted: Wanted) -> Grid:
    """How the partitions of a dataset stand. Inputs that the viewer may not see count for nothing."""
    written = written_of(connection, dataset_id)
    makers = makers_of(connection, dataset_id)
    tried = tried_for(connection, dataset_id, makers)
    own = told_of(connection, dataset_id)
    told = own.partitions if own is not None else ()
    keys = (*(it.key for it in written), *(it.key for it in tried), *(it.key for it in told))
    layout = wanted.layout(keys)
    inputs = _inputs(connection, viewer, read_by(connection, makers) - {dataset_id}, wanted)
    # Where the orchestrator has just named all there may be, no other is missing.
    due = () if own is not None and own.whole and wanted.now - own.at < _FRESH else None
    cells = cells_of(layout, written, tried, inputs, due, wanted.now, told)
    return Grid(layout, filter(wanted.within, cells), truncated=len(written) >= MOST)


def job_grid(connection: Connection, viewer: Viewer, job_id: int, wanted: Wanted) -> Grid:
    """How the partitions stand that the runs of a job are for: by key, else by nominal time."""
    rows = runs_of(connection, job_id)
    keyed = [(key, row) for row in rows if (key := key_of(row)) is not None]
    layout = wanted.layout(key for key, _ in keyed)
    written = [completed(key, row) for key, row in keyed if row.state == RunState.COMPLETED]
    tried = [trial(key, row) for key, row in keyed if row.state != RunState.COMPLETED]
    flow = flows(connection, [job_id])[job_id]
    inputs = _inputs(connection, viewer, set(flow.reads) - set(flow.writes), wanted)
    named = any(row.partition_key for _, row in keyed)
    due = (
        None
        if named
        else _due(connection, viewer, job_id, layout, (key for key, _ in keyed), wanted)
    )
    cells = cells_of(layout, written, tried, inputs, due, wanted.now)
    return Grid(layout, filter(wanted.within, cells), truncated=len(rows) >= MOST)


def statuses_of(
    connection: Connection,
    viewer: Viewer,
    dataset_id: int,
    partitions: Iterable[str],
    wanted: Wanted,
) -> dict[str, Cell]:
    """How these partitions of a dataset stand, by the keys that were asked for.

    One that nobody has told of is missing.
    """
    grid = dataset_grid(connection, viewer, dataset_id, wanted)
    there = {cell.place.key: cell for cell in grid.cells}
    found = {}
    for key in partitions:
        place = grid.layout.place(key)
        found[key] = there.get(place.key) or Cell(place, PartitionStatus.MISSING)
    return found


# -- inputs --------------------------------------------------------------------------------------


def _inputs(
    connection: Connection, viewer: Viewer, datasets: Iterable[int], wanted: Wanted
) -> Inputs:
    """When the partitions of datasets were updated, of those that the viewer may see."""
    seen = among(connection, _seen(viewer), dataset.c.id, datasets)
    found: dict[int, tuple[Layout, Sequence[Fed]]] = {}
    for row in sorted(seen)[:MOST_INPUTS]:
        fed = fed_of(connection, row.id)
        layout = layout_of((one.key for one in fed), wanted.now, wanted.timezone)
        found[row.id] = (layout, fed)
    return found


@kept_per_viewer
def _seen(viewer: Viewer) -> Select[Any]:
    return select(dataset.c.id).where(dataset_seen(viewer))


# -- what a schedule demands ---------------------------------------------------------------------------


def _due(
    connection: Connection,
    viewer: Viewer,
    job_id: int,
    layout: Layout,
    keys: Iterable[str],
    wanted: Wanted,
) -> list[Due] | None:
    """The partitions that the job's schedule demanded, from the first that there is; None: no clock."""
    begins = [begin for key in keys if (begin := layout.place(key).begin) is not None]
    held = held_of(connection, viewer, job_id)
    if not begins or held is None or timetable_of(held.span.schedule) is None:
        return None
    # One that came into force just now is not among the spans yet.
    spans = spans_of(connection, [job_id]).get(job_id) or [held.span]
    owner = connection.scalar(select(job.c.orchestrator_id).where(job.c.id == job_id))
    known_to = horizons(connection, wanted.now).of(owner or NOBODY)
    first = max(min(begins), spans[0].since, wanted.since or min(begins))
    if known_to is None or first >= known_to - _GRACE:
        return []
    slots = expected(spans, first, known_to - _GRACE)
    return [Due(interval_key(slot.nominal_at, None), slot.due_at) for slot in slots]
