"""Figures of the world as it stands: what is open, waits, or is due. None grows with history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Row, bindparam, func, literal_column, select

from hub.rules.base import Subject
from hub.store.changes import Places, heads
from hub.store.counts import recorded
from hub.store.reading import distinct
from hub.store.tables import (
    backlog_sample,
    cursor,
    dataset,
    expectation,
    health,
    incident,
    job,
    orchestrator,
    run,
    team,
)

#: What belongs to no team or orchestrator.
NONE: Final = "none"
#: A pool that was not heard of for so long tells nothing.
FORGOTTEN: Final = timedelta(hours=1)
MOST_POOLS: Final = 1000


def named(column: Any) -> Any:
    """A label; literal, for PostgreSQL takes two parameters for two things to group by."""
    return func.coalesce(column, literal_column(f"'{NONE}'"))


_WHOSE: Final = (named(orchestrator.c.name), named(job.c.team))

_OPEN_RUNS = (
    select(*_WHOSE, named(job.c.kind), run.c.state, func.count())
    .select_from(run)
    .join(job, job.c.id == run.c.job_id)
    .outerjoin(orchestrator, orchestrator.c.id == run.c.orchestrator_id)
    .where(run.c.ended_at.is_(None), job.c.hidden.is_(False))
    .group_by(*_WHOSE, named(job.c.kind), run.c.state)
)


def open_runs(connection: Connection) -> dict[tuple[str, ...], float]:
    """By orchestrator, team, kind of job and state."""
    return _by_labels(connection.execute(_OPEN_RUNS))


_OPEN_INCIDENTS = (
    select(
        incident.c.state,
        incident.c.kind,
        incident.c.severity,
        named(incident.c.team),
        func.count(),
    )
    .where(incident.c.resolved_at.is_(None), incident.c.dry_run.is_(False))
    .group_by(incident.c.state, incident.c.kind, incident.c.severity, named(incident.c.team))
)


def open_incidents(connection: Connection) -> dict[tuple[str, ...], float]:
    """By state, kind of rule, severity and team."""
    return _by_labels(connection.execute(_OPEN_INCIDENTS))


def _by_labels(rows: Any) -> dict[tuple[str, ...], float]:
    return {tuple(labels): float(count) for *labels, count in rows}


class Overdue(Struct, frozen=True):
    """Jobs whose slot has no run yet, and since when the first of them waits."""

    orchestrator: str
    team: str
    jobs: int
    since: datetime


_OVERDUE = (
    select(*_WHOSE, func.count(), func.min(expectation.c.slot_at))
    .select_from(expectation)
    .join(job, job.c.id == expectation.c.subject_id)
    .outerjoin(orchestrator, orchestrator.c.id == job.c.orchestrator_id)
    .where(
        expectation.c.rule.in_(bindparam("rules", expanding=True)),
        expectation.c.subject_kind == Subject.JOB,
        expectation.c.slot_at <= bindparam("now", type_=expectation.c.slot_at.type),
    )
    .group_by(*_WHOSE)
)


def overdue(connection: Connection, rules: Sequence[str], now: datetime) -> list[Overdue]:
    """What these rules wait for that is due by now."""
    rows = connection.execute(_OVERDUE, {"rules": list(rules), "now": now})
    return [Overdue(*row) for row in rows]


class Freshness(Struct, frozen=True):
    """Datasets of a team of which a rule asks a freshness. `over_at`: when the first of them is too
    old. `updated_at`: when the oldest was written; None: one never was.
    """

    team: str
    rule: str
    datasets: int
    over_at: datetime
    updated_at: datetime | None


_FRESH = (
    select(
        named(dataset.c.team),
        expectation.c.rule,
        func.count(),
        func.min(expectation.c.due_at),
        func.min(dataset.c.last_update_at),
    )
    .select_from(expectation)
    .join(dataset, dataset.c.id == expectation.c.subject_id)
    .where(
        expectation.c.rule.in_(bindparam("rules", expanding=True)),
        expectation.c.subject_kind == Subject.DATASET,
        dataset.c.hidden.is_(False),
    )
    .group_by(named(dataset.c.team), expectation.c.rule)
)
_STALE = (
    select(
        named(incident.c.team),
        incident.c.rule,
        func.count(),
        func.min(incident.c.since),
        func.min(dataset.c.last_update_at),
    )
    .select_from(incident)
    .join(dataset, dataset.c.id == incident.c.dataset_id)
    .where(
        incident.c.rule.in_(bindparam("rules", expanding=True)),
        incident.c.subject_kind == Subject.DATASET,
        incident.c.resolved_at.is_(None),
    )
    .group_by(named(incident.c.team), incident.c.rule)
)


def fresh(connection: Connection, rules: Sequence[str]) -> list[Freshness]:
    return [Freshness(*row) for row in connection.execute(_FRESH, {"rules": list(rules)})]


def stale(connection: Connection, rules: Sequence[str]) -> list[Freshness]:
    """Those that are too old: `over_at` is past."""
    return [Freshness(*row) for row in connection.execute(_STALE, {"rules": list(rules)})]


class Pool(Struct, frozen=True):
    """Work that waits in a pool, as it was told last."""

    orchestrator: str
    pool: str
    queued: int
    running: int | None
    capacity: int | None
    oldest_wait_s: float | None


def pools(connection: Connection, now: datetime) -> list[Pool]:
    """One step of the index per pool, however many samples there are."""
    names = {row.id: row.name for row in connection.execute(_NAMES)}
    found: list[Pool] = []
    for key in distinct(connection, backlog_sample.c.orchestrator_id):
        for pool in _pools_of(connection, key):
            row = connection.execute(_LATEST, {"key": key, "pool": pool}).one()
            if row.at >= now - FORGOTTEN and key in names:
                found.append(_pool(names[key], row))
            if len(found) == MOST_POOLS:
                return found
    return found


def _pool(name: str, row: Row[Any]) -> Pool:
    return Pool(name, row.pool, row.queued, row.running, row.capacity, row.oldest_wait_s)


_NAMES = select(orchestrator.c.id, orchestrator.c.name)
_LATEST = (
    select(backlog_sample)
    .where(
        backlog_sample.c.orchestrator_id == bindparam("key"),
        backlog_sample.c.pool == bindparam("pool"),
    )
    .order_by(backlog_sample.c.at.desc())
    .limit(1)
)
_FIRST_POOL = select(func.min(backlog_sample.c.pool)).where(
    backlog_sample.c.orchestrator_id == bindparam("key")
)
_NEXT_POOL = _FIRST_POOL.where(backlog_sample.c.pool > bindparam("last"))


def _pools_of(connection: Connection, key: int) -> Iterator[str]:
    pool = connection.scalar(_FIRST_POOL, {"key": key})
    while pool is not None:
        yield pool
        pool = connection.scalar(_NEXT_POOL, {"key": key, "last": pool})


_HEALTH = (
    select(orchestrator.c.name, health.c.status)
    .join(orchestrator, orchestrator.c.id == health.c.orchestrator_id)
    .where(health.c.part == "")
)


def healths(connection: Connection) -> dict[tuple[str, ...], float]:
    """1 by orchestrator and what it says of itself as a whole."""
    return {(row.name, row.status): 1.0 for row in connection.execute(_HEALTH)}


def known(connection: Connection) -> dict[tuple[str, ...], float]:
    """How many jobs and datasets, as the writers count them."""
    return {(noun,): float(recorded(connection, noun)) for noun in ("jobs", "datasets")}


def unread(connection: Connection) -> dict[tuple[str, ...], float]:
    """How many changes each reader has not dealt with."""
    read: dict[str, Places] = defaultdict(dict)
    for row in connection.execute(select(cursor)):
        read[row.reader][row.writer_id] = row.seq
    last = heads(connection)
    return {
        (reader,): float(sum(max(0, seq - places.get(writer, 0)) for writer, seq in last.items()))
        for reader, places in read.items()
    }


def teams(connection: Connection) -> list[str]:
    return list(connection.scalars(select(team.c.name)))


_SORTS = (
    select(*_WHOSE, named(job.c.kind), job.c.parent_job_id.is_(None))
    .select_from(job)
    .outerjoin(orchestrator, orchestrator.c.id == job.c.orchestrator_id)
    .where(job.c.hidden.is_(False))
    .distinct()
)


def sorts_of_jobs(connection: Connection) -> list[tuple[str, str, str, bool]]:
    """Each orchestrator, team and kind that jobs have, and whether they are no part of another."""
    return [(a, b, kind, bool(whole)) for a, b, kind, whole in connection.execute(_SORTS)]
