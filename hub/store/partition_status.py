"""How the partitions of datasets and jobs stand, across orchestrators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    func,
    literal_column,
    select,
)

from hub.model import FINISHED_STATES, Direction, RunState, Viewer
from hub.schedules.grids import (
    Cell,
    Due,
    Fed,
    Inputs,
    PartitionStatus,
    Tried,
    Written,
    cells_of,
    counts_of,
)
from hub.schedules.layouts import Layout, layout_of
from hub.schedules.periods import Every
from hub.schedules.slots import timetable_of
from hub.schedules.spans import expected
from hub.schedules.timekeys import interval_key
from hub.store.expectations import NOBODY, horizons
from hub.store.jobs import current_edge
from hub.store.neighbours import flows, outermost
from hub.store.reading import among, dataset_seen, kept_per_viewer
from hub.store.schedules import held_of
from hub.store.spans import spans_of
from hub.store.tables import dataset, dataset_update, edge, job, run, run_dataset

#: Partitions of one dataset or job that are looked at, the last in the alphabet or latest run.
MOST: Final = 20_000
#: Runs of each job that are looked through for those that failed or are under way, the latest.
MOST_RUNS: Final = 5_000
#: Inputs that are looked at.
MOST_INPUTS: Final = 50
#: A run that a schedule demands may start so late.
_GRACE: Final = timedelta(minutes=10)
_NO_KEY: Final[ColumnElement[str]] = literal_column("''")  # as the index has it


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
    written = _written(connection, dataset_id)
    makers = list(connection.scalars(_MAKERS, {"dataset": dataset_id}))
    tried = _tried(connection, dataset_id, makers)
    layout = wanted.layout([*(one.key for one in written), *(one.key for one in tried)])
    inputs = _inputs(connection, viewer, _read_by(connection, makers) - {dataset_id}, wanted)
    cells = cells_of(layout, written, tried, inputs, None, wanted.now)
    return Grid(layout, filter(wanted.within, cells), truncated=len(written) >= MOST)


def job_grid(connection: Connection, viewer: Viewer, job_id: int, wanted: Wanted) -> Grid:
    """How the partitions stand that the runs of a job are for: by key, else by nominal time."""
    rows = connection.execute(_RUNS_OF_JOB, {"job": job_id, "most": MOST}).all()
    keyed = [(key, row) for row in rows if (key := _key_of(row)) is not None]
    layout = wanted.layout(key for key, _ in keyed)
    written = [_completed(key, row) for key, row in keyed if row.state == RunState.COMPLETED]
    tried = [_trial(key, row) for key, row in keyed if row.state != RunState.COMPLETED]
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


# -- updates -----------------------------------------------------------------------------------------

_LATEST = (
    select(
        dataset_update.c.partition_key,
        func.max(dataset_update.c.at).label("at"),
        func.min(dataset_update.c.at).label("first_at"),
        func.count().label("times"),
    )
    .where(
        dataset_update.c.dataset_id == bindparam("dataset"),
        dataset_update.c.partition_key != _NO_KEY,
    )
    .group_by(dataset_update.c.partition_key)
    .order_by(dataset_update.c.partition_key.desc())
    .limit(bindparam("most"))
    .subquery()
)
_FED: Final[Select[Any]] = (
    select(dataset_update.c.partition_key, func.max(dataset_update.c.at).label("at"))
    .where(
        dataset_update.c.dataset_id == bindparam("dataset"),
        dataset_update.c.partition_key != _NO_KEY,
    )
    .group_by(dataset_update.c.partition_key)
    .order_by(dataset_update.c.partition_key.desc())
    .limit(bindparam("most"))
)
_WRITTEN: Final[Select[Any]] = (
    select(
        _LATEST.c.partition_key,
        dataset_update.c.at,
        _LATEST.c.first_at,
        _LATEST.c.times,
        dataset_update.c.cause,
        dataset_update.c.rows,
        dataset_update.c.bytes,
    )
    .join(
        dataset_update,
        (dataset_update.c.partition_key == _LATEST.c.partition_key)
        & (dataset_update.c.at == _LATEST.c.at),
    )
    .where(
        dataset_update.c.dataset_id == bindparam("dataset"),
        dataset_update.c.partition_key != _NO_KEY,
    )
    .order_by(dataset_update.c.id)
)
# Of a dataset without keys each update is for the time that its run is called by.
_NOMINAL: Final[Select[Any]] = (
    select(
        dataset_update.c.at,
        dataset_update.c.cause,
        dataset_update.c.rows,
        dataset_update.c.bytes,
        run.c.partition_key,
        run.c.nominal_start,
        run.c.nominal_end,
    )
    .join(run, run.c.id == dataset_update.c.run_id)
    .where(dataset_update.c.dataset_id == bindparam("dataset"))
    .order_by(dataset_update.c.at.desc())
    .limit(bindparam("most"))
)


def _written(connection: Connection, dataset_id: int) -> list[Written]:
    given = {"dataset": dataset_id, "most": MOST}
    # Of several at the same time the last one holds.
    found = {
        key: Written(key, at, first_at, times, _attempt(cause), rows, size)
        for key, at, first_at, times, cause, rows, size in connection.execute(_WRITTEN, given)
    }
    return list(found.values()) or list(_by_nominal(connection, given))


def _by_nominal(connection: Connection, given: Mapping[str, int]) -> Iterator[Written]:
    for row in connection.execute(_NOMINAL, given):
        key = _key_of(row)
        if key is not None:
            told = (_attempt(row.cause), row.rows, row.bytes)
            yield Written(key, row.at, row.at, 1, *told)


def _attempt(cause: int) -> int | None:
    """The attempt that made an update; None: the dataset told of it itself."""
    return cause if cause > 0 else None


# -- runs --------------------------------------------------------------------------------------------

_RUN = (
    run.c.id,
    run.c.state,
    run.c.attempt_id,
    run.c.sort_at,
    run.c.started_at,
    run.c.ended_at,
    run.c.partition_key,
    run.c.nominal_start,
    run.c.nominal_end,
)
_RUNS_OF_JOB: Final[Select[Any]] = (
    select(*_RUN)
    .where(run.c.job_id == bindparam("job"))
    .order_by(run.c.sort_at.desc())
    .limit(bindparam("most"))
)
_lately = _RUNS_OF_JOB.subquery()
_UNDONE_OF_JOB = select(_lately).where(_lately.c.state != RunState.COMPLETED.value)
_MAKERS = (
    select(edge.c.job_id)
    .join(job, job.c.id == edge.c.job_id)
    .where(edge.c.dataset_id == bindparam("dataset"), edge.c.direction == Direction.OUTPUT.value)
    .where(job.c.hidden.is_(False), current_edge())
)
_TOLD = select(
    run_dataset.c.run_id,
    run_dataset.c.dataset_id,
    run_dataset.c.direction,
    run_dataset.c.partition_key,
).where(run_dataset.c.partition_key != _NO_KEY)


def _tried(connection: Connection, dataset_id: int, makers: Sequence[int]) -> list[Tried]:
    """Runs that should have written the dataset: of its jobs, and of those in which these live."""
    own = {row.id: row for key in makers for row in _undone(connection, key)}
    told = _partitions_told(connection, dataset_id, own)
    trials = [
        _trial(key, row)
        for row in own.values()
        for key in told.get(row.id) or filter(None, [_key_of(row)])
    ]
    for parent in set(outermost(connection, makers)) - set(makers):
        rows = _undone(connection, parent)
        trials += [_trial(key, row, own=False) for row in rows if (key := _key_of(row))]
    return trials


def _undone(connection: Connection, job_id: int) -> Sequence[Row[Any]]:
    return connection.execute(_UNDONE_OF_JOB, {"job": job_id, "most": MOST_RUNS}).all()


def _partitions_told(
    connection: Connection, dataset_id: int, runs: Iterable[int]
) -> dict[int, list[str]]:
    """The partitions of the dataset that runs say they write."""
    found: dict[int, list[str]] = {}
    for row in among(connection, _TOLD, run_dataset.c.run_id, runs):
        if row.dataset_id == dataset_id and row.direction == Direction.OUTPUT:
            found.setdefault(row.run_id, []).append(row.partition_key)
    return found


def _key_of(row: Row[Any]) -> str | None:
    """The partition that a run is for: by its key, else by its nominal time."""
    if row.partition_key:
        return str(row.partition_key)
    if row.nominal_start is None:
        return None
    return interval_key(row.nominal_start, row.nominal_end)


def _trial(key: str, row: Row[Any], *, own: bool = True) -> Tried:
    running = row.state not in FINISHED_STATES
    at = row.sort_at if running else row.ended_at or row.sort_at
    return Tried(key, at, running, row.attempt_id, own)


def _completed(key: str, row: Row[Any]) -> Written:
    at = row.ended_at or row.sort_at
    return Written(key, at, row.started_at or row.sort_at, 1, row.attempt_id)


# -- inputs ------------------------------------------------------------------------------------------

_READ = (
    select(edge.c.dataset_id)
    .join(job, job.c.id == edge.c.job_id)
    .where(edge.c.direction == Direction.INPUT.value, job.c.hidden.is_(False), current_edge())
)


def _read_by(connection: Connection, jobs: Iterable[int]) -> set[int]:
    return {row.dataset_id for row in among(connection, _READ, edge.c.job_id, jobs)}


def _inputs(
    connection: Connection, viewer: Viewer, datasets: Iterable[int], wanted: Wanted
) -> Inputs:
    """When the partitions of datasets were updated, of those that the viewer may see."""
    seen = among(connection, _seen(viewer), dataset.c.id, datasets)
    found: dict[int, tuple[Layout, Sequence[Fed]]] = {}
    for row in sorted(seen)[:MOST_INPUTS]:
        fed = _fed(connection, row.id)
        layout = layout_of((one.key for one in fed), wanted.now, wanted.timezone)
        found[row.id] = (layout, fed)
    return found


def _fed(connection: Connection, dataset_id: int) -> list[Fed]:
    given = {"dataset": dataset_id, "most": MOST}
    found = [Fed(key, at) for key, at in connection.execute(_FED, given)]
    return found or [Fed(one.key, one.at) for one in _by_nominal(connection, given)]


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
