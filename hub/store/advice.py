"""What advice is given from: all jobs and datasets, and of each the latest runs and updates.

Two dozen statements whatever the number of jobs, each bounded: of a job or dataset the latest
`EACH` runs or updates are taken, fewer where there are many, so that they are never more than
`MOST`; of tries, tasks and rewrites the `NEWEST` rows alone are looked through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, select

from hub.advice.base import LEAST, WINDOW, DatasetSeen, JobSeen, RunSeen, UpdateSeen
from hub.model import Direction, EntityName, RunState
from hub.schedules.origins import is_by_clock
from hub.schedules.spans import Origin, Span
from hub.store.reading import newest_rows, to_uuid_text
from hub.store.spans import in_force, spans_of
from hub.store.tables import (
    dataset,
    dataset_update,
    edge,
    freshness_policy,
    job,
    launch,
    namespace,
    offer,
    orchestrator,
    run,
    subscription,
    subscription_input,
)

#: Runs, and updates, that are read at most, ...
MOST: Final = 300_000
#: ... and of each job or dataset.
EACH: Final = 60
_ENDLESS: Final = frozenset({"STREAMING", "SERVICE"})

_JOBS = (
    select(
        job.c.id,
        namespace.c.name.label("space"),
        job.c.name,
        job.c.team,
        job.c.owners,
        job.c.parent_job_id,
        job.c.processing,
        job.c.latest_run_at,
        job.c.io_at,
        orchestrator.c.name.label("orchestrator"),
        orchestrator.c.kind,
    )
    .join(namespace, namespace.c.id == job.c.namespace_id)
    .outerjoin(orchestrator, orchestrator.c.id == job.c.orchestrator_id)
    .where(job.c.hidden.is_(False))
)
_DATASETS = (
    select(
        dataset.c.id,
        namespace.c.name.label("space"),
        dataset.c.name,
        dataset.c.team,
        dataset.c.canonical_id,
        dataset.c.last_update_at,
    )
    .join(namespace, namespace.c.id == dataset.c.namespace_id)
    .where(dataset.c.hidden.is_(False))
)
_EDGES = select(edge.c.job_id, edge.c.direction, edge.c.dataset_id, edge.c.first_at, edge.c.last_at)
_RUN = (
    "id",
    "job_id",
    "attempt_uuid",
    "natural_id",
    "state",
    "sort_at",
    "started_at",
    "ended_at",
    "nominal_start",
    "partition_key",
    "parent_run_id",
    "backfill",
)
_UPDATE = ("dataset_id", "at", "run_id", "partition_key", "bytes", "lifecycle")
_INPUTS = select(
    subscription_input.c.namespace, subscription_input.c.name, subscription.c.name.label("by")
).join(subscription, subscription.c.id == subscription_input.c.subscription_id)


class _Launch(Struct, frozen=True):
    orchestrator: str
    job: str
    namespace: str | None = None


class _Spec(Struct, frozen=True):
    launch: _Launch


class Ties(Struct, frozen=True):
    """Which jobs deal with which datasets: each job, and its actor too. since, read: by dataset,
    when somebody was first known to write it, and last known to read it.
    """

    reads: Mapping[int, set[int]]
    writes: Mapping[int, set[int]]
    since: Mapping[int, datetime]
    read: Mapping[int, datetime]


class Seen(Struct, frozen=True):
    jobs: Mapping[int, JobSeen]
    datasets: Mapping[int, DatasetSeen]


def has_few_runs(connection: Connection, most: int) -> bool:
    """Whether no more than so many are kept."""
    return connection.scalar(select(run.c.id).offset(most).limit(1)) is None


def seen(connection: Connection, now: datetime) -> Seen:
    """All jobs and datasets that are not hidden, as of now."""
    since = now - WINDOW
    rows: dict[int, Any] = {row.id: row for row in connection.execute(_JOBS)}
    held = in_force(connection, rows)
    actors = {key: _actor(rows, held, key) for key in rows}
    named: dict[int, Any] = {row.id: row for row in connection.execute(_DATASETS)}
    ties = _ties(connection, rows, actors, named)
    active = {key for key, row in rows.items() if row.latest_run_at and row.latest_run_at >= since}
    runs = _runs(connection, {actors[key] for key in active} & active, since)
    launched = _launched(connection)
    tasks: dict[int, list[EntityName]] = defaultdict(list)
    for key in sorted(active):
        if actors[key] != key:
            tasks[actors[key]].append(_name(rows[key]))
    spans = spans_of(connection, [key for key, one in held.items() if _drops(one)])
    jobs = {
        key: JobSeen(
            id=key,
            name=(name := _name(row)),
            team=row.team,
            owned=row.team is not None or bool(row.owners and row.owners != "[]"),
            orchestrator=row.orchestrator,
            kind=row.kind,
            parent=row.parent_job_id,
            schedule=held[key].schedule if key in held else None,
            told_by=held[key].origin if key in held else None,
            told_at=held[key].since if key in held else None,
            spans=spans.get(key, ()),
            runs=runs.get(key, ()),
            reads=frozenset(ties.reads.get(key, ())),
            writes=frozenset(ties.writes.get(key, ())),
            tasks=len(tasks.get(key, ())),
            task_names=tasks.get(key, [])[:LEAST],
            endless=(row.processing or "").upper() in _ENDLESS,
            heard=row.latest_run_at is not None,
            launched_by=launched.get(name, ()),
        )
        for key, row in rows.items()
    }
    return Seen(jobs, _datasets(connection, named, ties, set(actors.values()), since))


def _name(row: Row[Any]) -> EntityName:
    return EntityName(row.space, row.name)


def _drops(span: Span) -> bool:
    return span.origin is not Origin.LEARNED and span.schedule.catchup is False


def _actor(rows: Mapping[int, Row[Any]], held: Mapping[int, Span], key: int) -> int:
    """The job whose doing it is: the nearest around it that has a schedule, else the outermost."""
    met = {key}
    while key not in held and (parent := rows[key].parent_job_id) in rows and parent not in met:
        key = parent
        met.add(key)
    return key


def _ties(
    connection: Connection,
    jobs: Mapping[int, Row[Any]],
    actors: Mapping[int, int],
    datasets: Mapping[int, Row[Any]],
) -> Ties:
    """By the dataset that a name means; what no longer holds is left out."""
    reads: dict[int, set[int]] = defaultdict(set)
    writes: dict[int, set[int]] = defaultdict(set)
    first: dict[int, datetime] = {}
    last: dict[int, datetime] = {}
    for job_id, direction, told, first_at, last_at in connection.execute(_EDGES).all():
        if job_id not in jobs or told not in datasets:
            continue
        key = _meant(datasets, told)
        reading = direction == Direction.INPUT
        if reading:
            last[key] = max(last_at, last.get(key, last_at))
        else:
            first[key] = min(first_at, first.get(key, first_at))
        io_at = jobs[job_id].io_at
        if io_at is None or last_at >= io_at:
            ties = reads if reading else writes
            ties[job_id].add(key)
            ties[actors[job_id]].add(key)
    return Ties(reads, writes, first, last)


def _meant(datasets: Mapping[int, Row[Any]], key: int) -> int:
    canonical = datasets[key].canonical_id
    return canonical if canonical in datasets else key


def _share(subjects: Collection[int]) -> int:
    """How many of each are read."""
    return max(LEAST + 2, min(EACH, MOST // max(1, len(subjects))))


def _runs(
    connection: Connection, jobs: Collection[int], since: datetime
) -> dict[int, list[RunSeen]]:
    launched = _launched_runs(connection, since)
    found: dict[int, list[RunSeen]] = defaultdict(list)
    keys, share = sorted(jobs), _share(jobs)
    for rows in newest_rows(connection, run, "job_id", "sort_at", keys, share, _RUN):
        for (
            key,
            job_id,
            uuid,
            natural,
            state,
            sort_at,
            start,
            end,
            nominal,
            part,
            parent,
            fill,
        ) in rows:
            if sort_at >= since and state != RunState.NEW:
                by_clock = parent is None and key not in launched and is_by_clock(natural, fill)
                found[job_id].append(
                    RunSeen(
                        to_uuid_text(uuid),
                        start or sort_at,
                        end,
                        _STATES[state],
                        nominal,
                        part,
                        by_clock,
                    )
                )
    for mine in found.values():
        mine.sort(key=_start)
    return found


_STATES: Final = {state.value: state for state in RunState}
_start: Final = attrgetter("start")
_at: Final = attrgetter("at")


def _launched_runs(connection: Connection, since: datetime) -> set[int]:
    statement = select(launch.c.run_id).where(
        launch.c.run_id.is_not(None), launch.c.created_at >= since
    )
    return set(connection.scalars(statement.order_by(launch.c.created_at.desc()).limit(MOST)))


def _launched(connection: Connection) -> dict[EntityName, list[str]]:
    """By job, the subscriptions that launch it, paused ones too."""
    found: dict[EntityName, list[str]] = defaultdict(list)
    for row in connection.execute(select(subscription.c.name, subscription.c.spec)):
        told = msgspec.json.decode(row.spec, type=_Spec).launch
        found[EntityName(told.namespace or told.orchestrator, told.job)].append(row.name)
    return found


def _datasets(
    connection: Connection,
    rows: Mapping[int, Row[Any]],
    ties: Ties,
    actors: Collection[int],
    since: datetime,
) -> dict[int, DatasetSeen]:
    readers, writers = _turned(ties.reads, actors), _turned(ties.writes, actors)
    touched = {_meant(rows, key) for key in rows}
    live = {
        key
        for key in touched
        if (at := rows[key].last_update_at) and at >= since and (key in writers or key in readers)
    }
    share = _share(live)
    updates = _updates(connection, live, share, since)
    subscribers, wanted = _subscribers(connection), _wanted(connection)
    aliases: dict[int, list[EntityName]] = defaultdict(list)
    for key, row in rows.items():
        aliases[_meant(rows, key)].append(_name(row))
    return {
        key: DatasetSeen(
            id=key,
            name=_name(rows[key]),
            team=rows[key].team,
            updates=mine.updates,
            all=mine.all,
            writers=frozenset(writers.get(key, ())),
            readers=frozenset(readers.get(key, ())),
            written_since=ties.since.get(key),
            read_at=ties.read.get(key),
            subscribers=[by for name in aliases[key] for by in subscribers.get(name, ())],
            wanted=key in wanted.keys or any(name in wanted.names for name in aliases[key]),
        )
        for key in touched
        for mine in (updates.get(key, _NONE),)
    }


def _turned(found: Mapping[int, Iterable[int]], actors: Collection[int]) -> dict[int, set[int]]:
    """By dataset the actors that deal with it."""
    turned: dict[int, set[int]] = defaultdict(set)
    for key in found.keys() & set(actors):
        for other in found[key]:
            turned[other].add(key)
    return turned


class _Latest(Struct, frozen=True):
    updates: Sequence[UpdateSeen] = ()
    all: bool = True


_NONE: Final = _Latest()


def _updates(
    connection: Connection, datasets: Collection[int], share: int, since: datetime
) -> dict[int, _Latest]:
    found: dict[int, _Latest] = {}
    keys = sorted(datasets)
    for rows in newest_rows(connection, dataset_update, "dataset_id", "at", keys, share, _UPDATE):
        mine: dict[int, list[UpdateSeen]] = defaultdict(list)
        for key, at, run_id, partition, size, lifecycle in rows:
            mine[key].append(UpdateSeen(at, run_id, partition, size, lifecycle is not None))
        for key, updates in mine.items():
            found[key] = _latest(updates, share, since)
    return found


def _latest(updates: list[UpdateSeen], share: int, since: datetime) -> _Latest:
    """One of each run, in their order: partitions that a run wrote together came together."""
    updates.sort(key=_at)
    last = {one.run or one.at: one for one in updates if one.at >= since}
    cut = len(updates) >= share and updates[0].at >= since
    return _Latest(sorted(last.values(), key=_at), all=not cut)


def _subscribers(connection: Connection) -> dict[EntityName, list[str]]:
    found: dict[EntityName, list[str]] = defaultdict(list)
    for row in connection.execute(_INPUTS):
        found[EntityName(row.namespace, row.name)].append(row.by)
    return found


class _Wanted(Struct, frozen=True):
    keys: set[int]
    names: set[EntityName]


def _wanted(connection: Connection) -> _Wanted:
    """Datasets of which somebody has said that others go by them."""
    offered = connection.execute(select(offer.c.namespace, offer.c.name))
    return _Wanted(
        set(connection.scalars(select(freshness_policy.c.dataset_id))),
        {EntityName(*row) for row in offered},
    )
