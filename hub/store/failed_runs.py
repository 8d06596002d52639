"""Runs that failed, as it is judged whether they are run again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, and_, select

from hub.model import EntityName, RunState
from hub.ports import Json, LaunchKind, RerunPolicy
from hub.store.facts import tags
from hub.store.reading import among
from hub.store.tables import job, launch, namespace, orchestrator, run

#: Errors of runs within a run that are looked at.
ERRORS: Final = 100
_later = run.alias("later")


class LaunchOf(Struct, frozen=True):
    """The launch that started a run."""

    id: int
    orchestrator: str
    job: EntityName
    conf: Json
    kind: LaunchKind
    team: str | None
    subscription_id: int | None
    rerun: RerunPolicy | None
    rerun_no: int
    cause: Json


class FailedRun(Struct, frozen=True):
    """errors: (class, message) of the runs within it that failed, or its own.

    inner: its job is part of another. followed: its job has a later run of the same partition.
    """

    id: int
    name: EntityName
    natural_id: str
    attempt: int
    partition: str | None
    orchestrator: str | None
    team: str | None
    inner: bool
    tags: frozenset[str]
    ended_at: datetime | None
    errors: tuple[tuple[str | None, str | None], ...]
    followed: bool
    launch: LaunchOf | None


_FAILED = (
    select(
        run.c.id,
        run.c.job_id,
        run.c.natural_id,
        run.c.attempt_no,
        run.c.partition_key,
        run.c.sort_at,
        run.c.ended_at,
        run.c.error_class,
        run.c.error_message,
        job.c.name,
        job.c.team,
        job.c.parent_job_id,
        namespace.c.name.label("space"),
        orchestrator.c.name.label("orchestrator"),
    )
    .join(job, job.c.id == run.c.job_id)
    .join(namespace, namespace.c.id == job.c.namespace_id)
    .outerjoin(orchestrator, orchestrator.c.id == run.c.orchestrator_id)
    .where(run.c.state == RunState.FAILED, run.c.map_index == -1)
)
_WITHIN = select(run.c.parent_run_id, run.c.error_class, run.c.error_message).where(
    run.c.state == RunState.FAILED
)
_LAUNCHES = (
    select(launch, run.c.id.label("run"))
    .select_from(launch)
    .join(run, run.c.natural_id == launch.c.natural_id)
    .join(job, job.c.id == run.c.job_id)
    .join(
        namespace,
        and_(namespace.c.id == job.c.namespace_id, namespace.c.name == launch.c.job_namespace),
    )
    .where(launch.c.natural_id.is_not(None))
)


def failed_runs(connection: Connection, runs: Collection[int]) -> list[FailedRun]:
    """Those of the runs that have failed, and of which they are part, if that has failed too."""
    parents = select(run.c.parent_run_id).where(run.c.parent_run_id.is_not(None))
    above = {row.parent_run_id for row in among(connection, parents, run.c.id, runs)}
    rows = among(connection, _FAILED, run.c.id, {*runs, *above})
    if not rows:
        return []
    keys = [row.id for row in rows]
    within: dict[int, list[tuple[str | None, str | None]]] = defaultdict(list)
    for row in among(connection, _WITHIN, run.c.parent_run_id, keys):
        within[row.parent_run_id].append((row.error_class, row.error_message))
    launches = {row.run: row for row in among(connection, _LAUNCHES, run.c.id, keys)}
    tagged = tags(connection, "job", {row.job_id for row in rows})
    return [
        FailedRun(
            id=row.id,
            name=EntityName(row.space, row.name),
            natural_id=row.natural_id,
            attempt=row.attempt_no,
            partition=row.partition_key,
            orchestrator=row.orchestrator,
            team=row.team,
            inner=row.parent_job_id is not None,
            tags=frozenset(tagged.get(row.job_id, ())),
            ended_at=row.ended_at,
            errors=tuple(within[row.id][:ERRORS]) or ((row.error_class, row.error_message),),
            followed=_has_followed(connection, row),
            launch=_launch_of(launches.get(row.id)),
        )
        for row in rows
    ]


def _has_followed(connection: Connection, row: Row[Any]) -> bool:
    same = _later.c.partition_key.is_not_distinct_from(row.partition_key)
    mine = (_later.c.job_id == row.job_id, _later.c.sort_at > row.sort_at, same)
    return connection.scalar(select(_later.c.id).where(*mine).limit(1)) is not None


def _launch_of(row: Row[Any] | None) -> LaunchOf | None:
    if row is None:
        return None
    policy = None if row.rerun is None else msgspec.json.decode(row.rerun, type=RerunPolicy)
    return LaunchOf(
        row.id,
        row.orchestrator,
        EntityName(row.job_namespace, row.job_name),
        msgspec.json.decode(row.conf),
        LaunchKind(row.kind),
        row.team,
        row.subscription_id,
        policy,
        row.rerun_no,
        msgspec.json.decode(row.cause),
    )
