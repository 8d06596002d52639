"""What rules may know of their subjects, for many subjects with a handful of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import (
    Column,
    Connection,
    Row,
    Select,
    bindparam,
    delete,
    literal_column,
    select,
)

from hub.baselines.baseline import Baseline
from hub.model import EntityName, Resolution, RunState
from hub.rules.base import RunSeen, Subject
from hub.store.expectations import NOBODY
from hub.store.reading import among, newest_of_each
from hub.store.tables import (
    baseline,
    dataset_tag,
    incident,
    job,
    job_tag,
    namespace,
    orchestrator,
    run,
)
from hub.store.upsert import upsert

#: Runs of a job that rules see, also when they have not looked for long.
RUNS = 20
RUNS_AFTER_A_GAP = 500
#: How long a baseline holds before it is learned anew, and until the next try for want of runs.
BASELINE_AGE = timedelta(days=1)
RETRY_AGE = timedelta(hours=1)
DURATION = "duration"
_ENDLESS = frozenset({"STREAMING", "SERVICE"})
#: Kinds of rule that go by how long runs take.
OF_DURATION = frozenset({"overrun", "creep", "too_fast"})


class JobRow(Struct, frozen=True):
    """A job as rules are chosen for it. `inner`: it lives within another, as a task in a Dag.

    endless: it is a stream or a service.
    """

    id: int
    name: EntityName
    orchestrator_id: int
    team: str | None
    inner: bool
    orchestrator: str | None = None
    endless: bool = False

    @property
    def job(self) -> EntityName:
        return self.name


_JOBS = (
    select(
        job.c.id,
        namespace.c.name.label("space"),
        job.c.name,
        job.c.orchestrator_id,
        job.c.team,
        job.c.parent_job_id,
        orchestrator.c.name.label("orchestrator"),
        job.c.processing,
    )
    .join(namespace, namespace.c.id == job.c.namespace_id)
    .outerjoin(orchestrator, orchestrator.c.id == job.c.orchestrator_id)
    .where(job.c.hidden.is_(False))
)
_RUNS = select(
    run.c.id,
    run.c.job_id,
    run.c.natural_id,
    run.c.state,
    run.c.attempt_no,
    run.c.sort_at,
    run.c.started_at,
    run.c.ended_at,
    run.c.nominal_start,
    run.c.error_class,
    run.c.error_message,
    run.c.external_url,
    run.c.created_at,
    run.c.own_state,
    run.c.backfill,
)
_OPEN = select(incident.c.subject_id, incident.c.rule, incident.c.key, incident.c.since).where(
    incident.c.resolved_at.is_(None), incident.c.subject_kind == bindparam("kind")
)
_BASELINES = select(baseline.c.job_id, baseline.c.payload, baseline.c.fitted_at).where(
    baseline.c.metric == DURATION
)


def job_rows(connection: Connection, keys: Iterable[int]) -> list[JobRow]:
    return [
        JobRow(
            row.id,
            EntityName(row.space, row.name),
            row.orchestrator_id or NOBODY,
            row.team,
            row.parent_job_id is not None,
            row.orchestrator,
            row.processing in _ENDLESS,
        )
        for row in among(connection, _JOBS, job.c.id, keys)
    ]


def tags(connection: Connection, kind: str, keys: Iterable[int]) -> dict[int, set[str]]:
    """Tags of jobs or of datasets as a whole: each as its key and as key:value."""
    if kind not in _TAGS:
        return {}
    statement, column = _TAGS[kind]
    found: dict[int, set[str]] = defaultdict(set)
    for key, tag, value in among(connection, statement, column, keys):
        found[key] |= {tag, f"{tag}:{value}"}
    return found


_TAGS: Mapping[str, tuple[Select[Any], Column[int]]] = {
    Subject.JOB: (
        select(job_tag.c.job_id, job_tag.c.tag, job_tag.c.value),
        job_tag.c.job_id,
    ),
    Subject.DATASET: (
        select(dataset_tag.c.dataset_id, dataset_tag.c.tag, dataset_tag.c.value).where(
            dataset_tag.c.field == ""
        ),
        dataset_tag.c.dataset_id,
    ),
}


def runs_seen(
    connection: Connection, jobs: Sequence[int], count: int = RUNS, also: Iterable[int] = ()
) -> dict[int, list[RunSeen]]:
    """The latest runs of each job, the latest first; `also`: runs that are not among them.

    And the latest of those that have not ended, for a run may hang while many newer ones come.
    """
    keys = newest_of_each(connection, run, "job_id", "sort_at", list(jobs), count)
    still = newest_of_each(
        connection, run, "job_id", "sort_at", list(jobs), count, empty="ended_at"
    )
    rows = among(connection, _RUNS, run.c.id, {*keys, *still, *also})
    rows.sort(key=lambda row: (row.sort_at, row.id), reverse=True)
    found: dict[int, list[RunSeen]] = defaultdict(list)
    for row in rows:
        found[row.job_id].append(_seen(row))
    return found


def _seen(row: Row[Any]) -> RunSeen:
    return RunSeen(
        row.id,
        row.natural_id,
        RunState(row.state),
        row.attempt_no,
        row.sort_at,
        row.started_at,
        row.ended_at,
        row.nominal_start,
        row.error_class,
        row.error_message,
        row.external_url,
        row.created_at,
        row.own_state is not None,
        backfill=row.backfill,
    )


def open_keys(
    connection: Connection, kind: str, subjects: Iterable[int]
) -> dict[tuple[str, int], dict[str, datetime]]:
    """Keys of open incidents by (rule, subject), with since when it is wrong, as was told."""
    found: dict[tuple[str, int], dict[str, datetime]] = defaultdict(dict)
    for row in among(connection, _OPEN, incident.c.subject_id, subjects, kind=kind):
        found[row.rule, row.subject_id][row.key] = row.since
    return found


# -- baselines ---------------------------------------------------------------------------------


class Learned(Struct, frozen=True):
    """A job's baseline as it is kept; `wanted`: it should be learned anew, for its time is over."""

    value: Baseline | None
    wanted: bool
    fitted_at: datetime
    holds_until: datetime


def baselines(connection: Connection, jobs: Iterable[int], now: datetime) -> dict[int, Learned]:
    found = {}
    for row in among(connection, _BASELINES, baseline.c.job_id, jobs):
        until = row.fitted_at + (RETRY_AGE if row.payload is None else BASELINE_AGE)
        value = None if row.payload is None else msgspec.json.decode(row.payload, type=Baseline)
        found[row.job_id] = Learned(value, now > until, row.fitted_at, until)
    return found


def new_normals(
    connection: Connection, kind: str, subjects: Iterable[int], rules: Iterable[str]
) -> dict[int, datetime]:
    """Since when people say that another thing is normal, by subject; `rules`: of these kinds."""
    given = {"sort": kind, "kinds": sorted(rules)}
    found: dict[int, datetime] = {}
    for row in among(connection, _NEW_NORMALS, incident.c.subject_id, subjects, **given):
        found[row.subject_id] = max(row.resolved_at, found.get(row.subject_id, row.resolved_at))
    return found


_NEW_NORMALS = select(incident.c.subject_id, incident.c.resolved_at).where(
    incident.c.resolution == literal_column(f"'{Resolution.NEW_NORMAL}'"),
    incident.c.subject_kind == bindparam("sort"),
    incident.c.kind.in_(bindparam("kinds", expanding=True)),
)


def forget_baselines(connection: Connection, job_id: int) -> None:
    """What is normal for the job is learned anew, from what counts by now."""
    connection.execute(delete(baseline).where(baseline.c.job_id == job_id))


def save_baselines(
    connection: Connection, fitted: dict[int, Baseline | None], now: datetime
) -> None:
    rows = [
        {
            "job_id": key,
            "metric": DURATION,
            "payload": None if value is None else msgspec.json.encode(value).decode(),
            "fitted_at": now,
        }
        for key, value in sorted(fitted.items())
    ]
    upsert(connection, baseline, rows)
