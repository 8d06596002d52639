"""Runs that the hub believes open and no pass brings: ends that were missed, deletions, and tasks
whose flow run ended without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from adapters.base.parts import Look
from adapters.prefect.events import deleted_event
from adapters.prefect.site import Site
from adapters.prefect.wire import ENDED, FlowRun, State, TaskRun
from hub.ports import Json, KnownRun

OPEN: Final = 5_000
#: Open runs that one round looks up.
ROUND: Final = 200
#: After its flow run a task's own end may still be on its way to the server.
SETTLED: Final = timedelta(seconds=30)


def look(site: Site, state: Json) -> Look:
    """One round over some of the open runs. state: `next`, where among them it goes on."""
    ours = {}
    for known in site.known.open_runs(OPEN):
        run_id = _id(known.name.natural_id)
        if run_id is not None and known.name.job.namespace == site.place.namespace:
            ours[run_id] = known
    first = state.get("next", 0) if state.get("next", 0) < len(ours) else 0
    asked = list(ours)[first : first + ROUND]
    tasks = site.api.by_ids("/task_runs/filter", TaskRun, "task_runs", asked)
    above = [row.flow_run_id for row in tasks if row.flow_run_id is not None]
    flows = site.api.by_ids("/flow_runs/filter", FlowRun, "flow_runs", [*asked, *above])
    found = site.flow_events([row for row in flows if row.id in ours])
    found += site.task_events(tasks, _settled(site, flows))
    there = {row.id for row in (*flows, *tasks)}
    found += [_deleted(site, run, ours[run]) for run in asked if run not in there]
    return Look(found, state={"next": first + ROUND})


def _settled(site: Site, flows: Sequence[FlowRun]) -> dict[UUID, State]:
    """How flow runs ended, some time ago."""
    return {
        row.id: row.state
        for row in flows
        if row.state and row.state.type in ENDED and row.state.timestamp < site.as_of - SETTLED
    }


def _deleted(site: Site, run_id: UUID, known: KnownRun) -> Json:
    told = UUID(bytes=known.run_id)
    return deleted_event(known.name.job, str(run_id), told, known.attempt, site.as_of)


def _id(natural_id: str) -> UUID | None:
    """None for a run that is not Prefect's."""
    try:
        return UUID(natural_id)
    except ValueError:
        return None
