"""What advice is given from besides: tasks that take long or move much, tries, and rewrites.

Ids grow with time, so that the newest rows of a table are a range of its key: whatever its size,
no more than `NEWEST` of them are looked through.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import median
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    Table,
    bindparam,
    func,
    select,
    tuple_,
    type_coerce,
)

from hub.advice.base import LEAST, RewriteSeen, TrySeen
from hub.model import Direction, RunState
from hub.store.facets import Facets, facets_of_runs
from hub.store.reading import among, chunks, to_uuid_text
from hub.store.tables import attempt, dataset_update, job, lineage_event, run, run_dataset

NEWEST: Final = 500_000
#: Of the longest, and of the heaviest, tasks so many are looked at.
TASKS: Final = 500
RUNS: Final = 5_000
REWRITTEN: Final = 5_000
#: Less is looked at no further (hub/advice says what is long, and what is heavy).
LONG_S: Final = 300.0
HEAVY: Final = 100_000_000
#: Of an error's text enough to tell its class.
_TEXT: Final = 2_000
_MICROS: Final = 1_000_000


class Task(Struct, frozen=True):
    """A task of Airflow: how many runs, how long they took on average, what they usually wrote, and
    of its latest run the facets, how often it was told to start, and how often it was tried.
    """

    job: int
    runs: int
    mean_s: float
    median_bytes: int
    facets: Facets
    starts: int
    attempts: int
    latest_run: str | None


def tasks(connection: Connection, since: datetime) -> list[Task]:
    """Those that take long, and those that write much."""
    took = {row.job_id: row for row in _long(connection, since)}
    wrote = _heavy(connection)
    latest = _latest(connection, took.keys() | wrote.keys())
    facets = facets_of_runs(connection, sorted(row.id for row in latest.values()))
    starts = _starts(connection, [row.id for row in latest.values()])
    return [
        Task(
            key,
            max(took[key].runs if key in took else 0, len(wrote.get(key, ()))),
            float(took[key].mean) / _MICROS if key in took else 0.0,
            int(median(wrote[key])) if key in wrote else 0,
            facets.get(row.id, {}),
            starts[row.id],
            row.attempt_no,
            to_uuid_text(row.attempt_uuid),
        )
        for key, row in sorted(latest.items())
    ]


def _floor(connection: Connection, table: Table) -> int:
    return (connection.scalar(select(func.max(table.c.id))) or 0) - NEWEST


def _long(connection: Connection, since: datetime) -> Sequence[Row[Any]]:
    took = type_coerce(run.c.ended_at, BigInteger) - type_coerce(run.c.started_at, BigInteger)
    mean = func.avg(took).label("mean")
    statement = (
        select(run.c.job_id, func.count().label("runs"), mean)
        .where(run.c.id > _floor(connection, run), run.c.started_at >= since)
        .where(run.c.ended_at.is_not(None), run.c.parent_run_id.is_not(None))
        .group_by(run.c.job_id)
        .having(func.count() >= LEAST, func.avg(took) >= int(LONG_S * _MICROS))
        .order_by(mean.desc())
        .limit(TASKS)
    )
    return connection.execute(statement).all()


def _heavy(connection: Connection) -> dict[int, list[int]]:
    """By job what each of its latest runs wrote, if that was much in most of them."""
    statement = (
        select(run.c.job_id, func.sum(run_dataset.c.bytes).label("wrote"))
        .join(run, run.c.id == run_dataset.c.run_id)
        .where(run_dataset.c.run_id > _floor(connection, run), run_dataset.c.bytes >= HEAVY)
        .where(run_dataset.c.direction == Direction.OUTPUT, run.c.parent_run_id.is_not(None))
        .group_by(run.c.id, run.c.job_id)
        .order_by(run.c.id.desc())
        .limit(RUNS)
    )
    found: dict[int, list[int]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.job_id].append(int(row.wrote))
    return {key: sizes for key, sizes in found.items() if len(sizes) >= LEAST}


_LATEST = (
    select(run.c.id, run.c.job_id, run.c.attempt_no, run.c.attempt_uuid)
    .join(job, job.c.latest_run_id == run.c.id)
    .where(job.c.hidden.is_(False), job.c.integration == "AIRFLOW")
)
_STARTS = (
    select(lineage_event.c.run_id, func.count().label("starts"))
    .where(lineage_event.c.event_type == "START")
    .group_by(lineage_event.c.run_id)
)


def _latest(connection: Connection, jobs: Iterable[int]) -> dict[int, Row[Any]]:
    return {row.job_id: row for row in among(connection, _LATEST, job.c.id, jobs)}


def _starts(connection: Connection, runs: Iterable[int]) -> Mapping[int, int]:
    rows = among(connection, _STARTS, lineage_event.c.run_id, runs)
    return Counter({row.run_id: row.starts for row in rows})


# -- tries ---------------------------------------------------------------------------------------

_TRIES = select(
    attempt.c.run_id,
    attempt.c.job_id,
    attempt.c.no,
    attempt.c.uuid,
    attempt.c.state,
    func.coalesce(attempt.c.started_at, attempt.c.first_at).label("first_at"),
    attempt.c.ended_at,
    attempt.c.error_class,
    func.substr(attempt.c.error_message, 1, _TEXT).label("error_message"),
)


def tries(connection: Connection, since: datetime) -> list[TrySeen]:
    """All attempts of the latest runs that were tried again."""
    again = (
        select(attempt.c.run_id)
        .where(attempt.c.id > _floor(connection, attempt))
        .where(attempt.c.no > 1, attempt.c.first_at >= since)
        .order_by(attempt.c.id.desc())
        .limit(RUNS)
    )
    runs = set(connection.scalars(again))
    return [
        TrySeen(
            row.run_id,
            row.job_id,
            row.no,
            to_uuid_text(row.uuid),
            RunState(row.state),
            row.first_at,
            row.ended_at,
            row.error_class,
            row.error_message,
        )
        for row in among(connection, _TRIES, attempt.c.run_id, sorted(runs))
    ]


# -- rewrites ------------------------------------------------------------------------------------

_PARTITION = (dataset_update.c.dataset_id, dataset_update.c.partition_key)
_WRITES = (
    select(
        *_PARTITION,
        dataset_update.c.at,
        dataset_update.c.rows,
        run.c.job_id,
        run.c.attempt_uuid,
        run.c.nominal_start,
        run.c.partition_key.label("of"),
    )
    .join(run, run.c.id == dataset_update.c.run_id)
    .where(tuple_(*_PARTITION).in_(bindparam("keys", expanding=True)))
    .where(dataset_update.c.partition_key != "", dataset_update.c.rows.is_not(None))
)


def rewrites(connection: Connection, since: datetime) -> list[RewriteSeen]:
    """All writes of the partitions that were written several times lately, not always alike."""
    several = (
        select(*_PARTITION)
        .where(dataset_update.c.id > _floor(connection, dataset_update))
        .where(dataset_update.c.at >= since, dataset_update.c.partition_key != "")
        .where(dataset_update.c.rows.is_not(None))
        .group_by(*_PARTITION)
        .having(
            func.count() > 1, func.min(dataset_update.c.rows) != func.max(dataset_update.c.rows)
        )
        .limit(REWRITTEN)
    )
    found: list[RewriteSeen] = []
    for keys in chunks(tuple(row) for row in connection.execute(several)):
        for row in connection.execute(_WRITES, {"keys": keys}):
            slot = row.nominal_start.isoformat() if row.nominal_start else row.of
            found.append(
                RewriteSeen(
                    row.dataset_id,
                    row.partition_key,
                    row.job_id,
                    to_uuid_text(row.attempt_uuid),
                    row.at,
                    row.rows,
                    slot,
                )
            )
    return found
