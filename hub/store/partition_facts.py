"""What is told of the partitions of a dataset: its updates, and the runs that should write it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    type_coerce,
)

from hub.model import FINISHED_STATES, Direction, EntityName, RunState
from hub.schedules.grids import Fed, Tried, Written
from hub.schedules.timekeys import interval_key
from hub.store.jobs import current_edge
from hub.store.neighbours import outermost
from hub.store.reading import among
from hub.store.tables import dataset_update, edge, job, namespace, run, run_dataset
from hub.store.types import to_micros

#: Partitions of one dataset or job that are looked at, the last in the alphabet or latest run.
MOST: Final = 20_000
#: Runs of each job that are looked through for those that failed or are under way, the latest.
MOST_RUNS: Final = 5_000
_NO_KEY: Final[ColumnElement[str]] = literal_column("''")  # as the index has it


def latest_key(connection: Connection, name: EntityName) -> str | None:
    """The key of the latest run of a job that was told with one."""
    mine = (
        select(run.c.partition_key)
        .join(job, job.c.id == run.c.job_id)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .where(namespace.c.name == name.namespace, job.c.name == name.name)
        .where(run.c.partition_key.is_not(None))
    )
    return connection.scalar(mine.order_by(run.c.sort_at.desc()).limit(1))


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
    select(
        dataset_update.c.partition_key,
        type_coerce(func.max(dataset_update.c.at), BigInteger).label("at_us"),
    )
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


def written_of(connection: Connection, dataset_id: int) -> list[Written]:
    given = {"dataset": dataset_id, "most": MOST}
    # Of several at the same time the last one holds.
    found = {
        key: Written(key, at, first_at, times, _attempt(cause), rows, size)
        for key, at, first_at, times, cause, rows, size in connection.execute(_WRITTEN, given).all()
    }
    return list(found.values()) or list(_by_nominal(connection, given))


def _by_nominal(connection: Connection, given: Mapping[str, int]) -> Iterator[Written]:
    for row in connection.execute(_NOMINAL, given):
        key = key_of(row)
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


def tried_for(connection: Connection, dataset_id: int, makers: Sequence[int]) -> list[Tried]:
    """Runs that should have written the dataset: of its jobs, and of those in which these live."""
    own = {row.id: row for key in makers for row in _undone(connection, key)}
    told = _partitions_told(connection, dataset_id, own)
    trials = [
        trial(key, row)
        for row in own.values()
        for key in told.get(row.id) or filter(None, [key_of(row)])
    ]
    for parent in set(outermost(connection, makers)) - set(makers):
        rows = _undone(connection, parent)
        trials += [trial(key, row, own=False) for row in rows if (key := key_of(row))]
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


def key_of(row: Row[Any]) -> str | None:
    """The partition that a run is for: by its key, else by its nominal time."""
    if row.partition_key:
        return str(row.partition_key)
    if row.nominal_start is None:
        return None
    return interval_key(row.nominal_start, row.nominal_end)


def trial(key: str, row: Row[Any], *, own: bool = True) -> Tried:
    running = row.state not in FINISHED_STATES
    at = row.sort_at if running else row.ended_at or row.sort_at
    return Tried(key, at, running, row.attempt_id, own)


def completed(key: str, row: Row[Any]) -> Written:
    at = row.ended_at or row.sort_at
    return Written(key, at, row.started_at or row.sort_at, 1, row.attempt_id)


# -- what is read ------------------------------------------------------------------------------------------

_READ = (
    select(edge.c.dataset_id)
    .join(job, job.c.id == edge.c.job_id)
    .where(edge.c.direction == Direction.INPUT.value, job.c.hidden.is_(False), current_edge())
)


def read_by(connection: Connection, jobs: Iterable[int]) -> set[int]:
    return {row.dataset_id for row in among(connection, _READ, edge.c.job_id, jobs)}


def fed_of(connection: Connection, dataset_id: int) -> list[Fed]:
    given = {"dataset": dataset_id, "most": MOST}
    found = [Fed(key, at_us) for key, at_us in connection.execute(_FED, given).all()]
    return found or [Fed(one.key, to_micros(one.at)) for one in _by_nominal(connection, given)]


def makers_of(connection: Connection, dataset_id: int) -> list[int]:
    """The jobs that write a dataset themselves."""
    return list(connection.scalars(_MAKERS, {"dataset": dataset_id}))


def runs_of(connection: Connection, job_id: int) -> Sequence[Row[Any]]:
    """The latest runs of a job."""
    return connection.execute(_RUNS_OF_JOB, {"job": job_id, "most": MOST}).all()
