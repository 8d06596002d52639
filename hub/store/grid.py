"""A job's runs at a glance: its latest ones with the runs within them, and each day of a year."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import BigInteger, Connection, Row, func, select, type_coerce

from hub.model import Viewer
from hub.store.reading import among, job_seen, newest_of_each, uuid_text
from hub.store.tables import job, run
from hub.store.types import from_micros

_DAY_US: Final = 86_400_000_000
#: Of a job that runs often the days of its latest runs are told.
_MOST_RUNS: Final = 50_000
_MOST_CELLS: Final = 20_000
_BAD_FIRST: Final = ("FAILED", "ABORTED", "RUNNING", "NEW", "COMPLETED")


class Cell(Struct, frozen=True):
    """What one part did in one run; many: so many at once, of which the worst state is told."""

    run_id: str | None
    state: str
    attempts: int
    many: int
    seconds: float | None


class GridRun(Struct, frozen=True):
    """A run, by the latest attempt's run id."""

    run_id: str | None
    at: datetime
    state: str
    seconds: float | None
    partition: str | None


class Grid(Struct, frozen=True):
    """Runs, the oldest first; for each part its cells, by the place of the run."""

    runs: list[GridRun]
    parts: dict[str, dict[int, Cell]]


class Day(Struct, frozen=True):
    """Runs of a day of UTC."""

    at: datetime
    completed: int = 0
    failed: int = 0
    other: int = 0


_RUNS = select(
    run.c.id,
    run.c.attempt_uuid,
    run.c.sort_at,
    run.c.state,
    run.c.started_at,
    run.c.ended_at,
    run.c.partition_key,
)
_PARTS = (
    select(
        run.c.parent_run_id,
        run.c.attempt_uuid,
        run.c.state,
        run.c.attempt_no,
        run.c.started_at,
        run.c.ended_at,
        job.c.name,
    )
    .join(job, job.c.id == run.c.job_id)
    .order_by(run.c.sort_at, run.c.id)
    .limit(_MOST_CELLS)
)


def grid_of(connection: Connection, viewer: Viewer, job_id: int, count: int) -> Grid:
    """The latest runs of a job that the viewer may see, and the parts of each."""
    keys = newest_of_each(connection, run, "job_id", "sort_at", [job_id], count)
    rows = sorted(among(connection, _RUNS, run.c.id, keys), key=lambda row: (row.sort_at, row.id))
    place = {row.id: n for n, row in enumerate(rows)}
    cells: dict[str, dict[int, list[Row[Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in among(connection, _PARTS.where(job_seen(viewer)), run.c.parent_run_id, keys):
        cells[row.name][place[row.parent_run_id]].append(row)
    return Grid(
        [
            GridRun(
                uuid_text(row.attempt_uuid), row.sort_at, row.state, _took(row), row.partition_key
            )
            for row in rows
        ],
        {name: {n: _cell(some) for n, some in runs.items()} for name, runs in cells.items()},
    )


def _cell(rows: list[Row[Any]]) -> Cell:
    worst = min(rows, key=lambda row: _BAD_FIRST.index(row.state))
    took = [seconds for row in rows if (seconds := _took(row)) is not None]
    most = max(row.attempt_no for row in rows)
    return Cell(
        uuid_text(worst.attempt_uuid), worst.state, most, len(rows), max(took, default=None)
    )


def _took(row: Row[Any]) -> float | None:
    if row.started_at is None or row.ended_at is None:
        return None
    return float((row.ended_at - row.started_at).total_seconds())


def days_of(connection: Connection, job_id: int, now: datetime, days: int = 371) -> list[Day]:
    """The days of the last year on which a job ran. Whoever asks may see the job."""
    latest = (
        select(type_coerce(run.c.sort_at, BigInteger).label("us"), run.c.state)
        .where(run.c.job_id == job_id, run.c.sort_at >= now - timedelta(days=days))
        .order_by(run.c.sort_at.desc())
        .limit(_MOST_RUNS)
        .subquery()
    )
    day = latest.c.us - latest.c.us % _DAY_US
    counted = select(day.label("day"), latest.c.state, func.count().label("runs")).group_by(
        day, latest.c.state
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for row in connection.execute(counted):
        found[row.day][row.state] = row.runs
    return [_day(at, states) for at, states in sorted(found.items())]


def _day(at: int, states: dict[str, int]) -> Day:
    done, failed = states.get("COMPLETED", 0), states.get("FAILED", 0)
    return Day(from_micros(at), done, failed, sum(states.values()) - done - failed)
