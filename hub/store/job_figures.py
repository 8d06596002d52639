"""Figures of single jobs: how their runs go, as far as their latest ones tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, bindparam, func, select

from hub.baselines.baseline import Baseline
from hub.model import RunState
from hub.rules.base import Subject
from hub.store.facts import DURATION, JobRow, job_rows
from hub.store.reading import among
from hub.store.tables import baseline, expectation, incident, job, run

_BATCH = 1000
#: Of so many of its runs the latest that completed is looked for.
_RUNS = 20


class JobFigures(Struct, frozen=True):
    """state: of the latest run. took_s, done_at: of the latest that completed. due_at: of its slot
    that has no run yet.
    """

    row: JobRow
    state: str | None
    took_s: float | None
    done_at: datetime | None
    baseline: Baseline | None
    due_at: datetime | None
    incidents: int


def every_job(connection: Connection) -> Iterator[JobRow]:
    """All there are, in the order in which they were made."""
    keys = list(connection.scalars(_KEYS))
    for begin in range(0, len(keys), _BATCH):
        yield from sorted(job_rows(connection, keys[begin : begin + _BATCH]), key=lambda r: r.id)


_KEYS = select(job.c.id).where(job.c.hidden.is_(False)).order_by(job.c.id)


def job_figures(
    connection: Connection, keys: Sequence[int], slot_rules: Sequence[str], now: datetime
) -> list[JobFigures]:
    """Of those that are there."""
    states = dict(_pairs(among(connection, _STATES, job.c.id, keys)))
    bases = dict(_pairs(among(connection, _BASES, baseline.c.job_id, keys)))
    opened = dict(_pairs(among(connection, _OPEN, incident.c.subject_id, keys)))
    given = {"rules": list(slot_rules), "now": now}
    due = dict(_pairs(among(connection, _DUE, expectation.c.subject_id, keys, **given)))
    found = []
    for row in job_rows(connection, keys):
        took_s, done_at = _last_done(connection, row.id)
        payload = bases.get(row.id)
        learned = None if payload is None else msgspec.json.decode(payload, type=Baseline)
        found.append(
            JobFigures(
                row,
                states.get(row.id),
                took_s,
                done_at,
                learned,
                due.get(row.id),
                opened.get(row.id, 0),
            )
        )
    return found


def _pairs(rows: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    return ((row[0], row[1]) for row in rows)


def _last_done(connection: Connection, key: int) -> tuple[float | None, datetime | None]:
    for row in connection.execute(_LATEST, {"job": key}):
        if row.state == RunState.COMPLETED and row.started_at and row.ended_at:
            return (row.ended_at - row.started_at).total_seconds(), row.ended_at
    return None, None


_LATEST = (
    select(run.c.state, run.c.started_at, run.c.ended_at)
    .where(run.c.job_id == bindparam("job"))
    .order_by(run.c.sort_at.desc())
    .limit(_RUNS)
)
_STATES = select(job.c.id, job.c.latest_run_state)
_BASES = select(baseline.c.job_id, baseline.c.payload).where(baseline.c.metric == DURATION)
_OPEN = (
    select(incident.c.subject_id, func.count())
    .where(
        incident.c.resolved_at.is_(None),
        incident.c.subject_kind == Subject.JOB,
        incident.c.dry_run.is_(False),
    )
    .group_by(incident.c.subject_id)
)
_DUE = (
    select(expectation.c.subject_id, func.min(expectation.c.slot_at))
    .where(
        expectation.c.rule.in_(bindparam("rules", expanding=True)),
        expectation.c.subject_kind == Subject.JOB,
        expectation.c.slot_at <= bindparam("now", type_=expectation.c.slot_at.type),
    )
    .group_by(expectation.c.subject_id)
)
