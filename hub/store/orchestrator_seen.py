"""What has been seen of an orchestrator: its jobs by how their latest run went, its versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, func, select

from hub.model import Viewer
from hub.store.reading import job_seen
from hub.store.tables import job, namespace, orchestrator, run, schedule
from hub.store.views import View

#: Jobs whose latest runs are asked which engine ran them, the latest first.
_ASKED: Final = 500


class EngineView(View, frozen=True):
    """An engine with its version, as runs tell it: of how many latest runs, and of when the last is."""

    name: str
    runs: int
    last_at: datetime


class SeenView(View, frozen=True):
    """Of what the viewer may see. jobs, parts: those that stand alone, and parts of others.

    states: jobs and parts by the state of their latest run; scheduled: those with a schedule.
    engines: of the latest runs, the newest first; those that do not tell it are left out.
    """

    jobs: int
    parts: int
    scheduled: int
    states: dict[str, int]
    engines: list[EngineView]


def seen_of(connection: Connection, viewer: Viewer, name: str) -> SeenView:
    """Of an orchestrator that is known; of another there is nothing."""
    part = job.c.parent_job_id.is_not(None)
    statement = _jobs(viewer, name, job.c.latest_run_state, part, func.count())
    states: dict[str, int] = {}
    counted = {False: 0, True: 0}
    for state, is_part, count in connection.execute(
        statement.group_by(job.c.latest_run_state, part)
    ):
        counted[bool(is_part)] += count
        if state is not None:
            states[state] = states.get(state, 0) + count
    scheduled = _jobs(viewer, name, func.count()).join(schedule, schedule.c.job_id == job.c.id)
    return SeenView(
        counted[False],
        counted[True],
        connection.scalar(scheduled) or 0,
        states,
        _engines(connection, viewer, name),
    )


def _engines(connection: Connection, viewer: Viewer, name: str) -> list[EngineView]:
    latest = (
        _jobs(viewer, name, job.c.latest_run_id)
        .where(job.c.latest_run_id.is_not(None))
        .order_by(job.c.latest_run_at.desc())
        .limit(_ASKED)
        .subquery()
    )
    last = func.max(run.c.sort_at)
    statement = (
        select(run.c.engine, func.count(), last)
        .join(latest, latest.c.latest_run_id == run.c.id)
        .where(run.c.engine.is_not(None))
        .group_by(run.c.engine)
        .order_by(last.desc())
    )
    return [EngineView(*row) for row in connection.execute(statement)]


def _jobs(viewer: Viewer, name: str, *columns: Any) -> Select[Any]:
    """Found by their namespaces, which have an index."""
    return (
        select(*columns)
        .select_from(job)
        .join(namespace, namespace.c.id == job.c.namespace_id)
        .join(orchestrator, orchestrator.c.id == namespace.c.orchestrator_id)
        .where(orchestrator.c.name == name, job_seen(viewer))
    )
