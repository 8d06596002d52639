"""Tasks of a Dag run that never began: an Airflow that only pushes sends no events of them.

The closing event of the Dag run names the states of all its tasks (facet `airflowState`). Of those
that were skipped by another or whose upstream failed an event is made, under the run id that the
provider and the REST API would give it: what is polled as well is the same attempt, and outweighs
what is made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from hub.model import TERMINAL_EVENTS, JobFacts, LineageEvent, RunFacts

_NEVER_BEGUN: Final = frozenset({"skipped", "upstream_failed", "removed"})
_SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_NEITHER_TRIED_NOR_MAPPED: Final = "0.-1"


class _State(Struct, rename="camel"):
    tasks_state: dict[str, str | None] = {}
    tasks_duration: dict[str, float | None] = {}

    def unbegun(self) -> Iterator[tuple[str, str]]:
        """A task that skipped itself has begun, lasted, and sent events of its own.

        Older providers tell no durations: then only what can't have begun is sure.
        """
        for task, state in sorted(self.tasks_state.items()):
            sure = not self.tasks_duration and state == "upstream_failed"
            if state in _NEVER_BEGUN and (sure or self.tasks_duration.get(task) == 0):
                yield task, state


class _DagRun(Struct):
    run_id: str
    logical_date: datetime | None = None
    run_after: datetime | None = None


class _OfDagRun(Struct, rename="camel"):
    dag_run: _DagRun


def unbegun_tasks(event: LineageEvent) -> Iterator[bytes]:
    """An event of each, the same for the same closing event. Of what is misshapen there is none."""
    run, job = event.run, event.job
    if run is None or job is None or event.event_type not in TERMINAL_EVENTS:
        return
    try:
        state = msgspec.json.decode(run.facets["airflowState"], type=_State)
        dag_run = msgspec.json.decode(run.facets["airflowDagRun"], type=_OfDagRun).dag_run
    except (KeyError, msgspec.MsgspecError):
        return
    at = dag_run.logical_date or dag_run.run_after
    if at is None:
        return
    # Here, for all the client's transports come with it, and every hub would wait for them.
    from openlineage.client.uuid import generate_static_uuid

    for task, word in state.unbegun():
        name = f"{job.name.namespace}.{job.name.name}.{task}.{_NEITHER_TRIED_NOR_MAPPED}"
        run_id = generate_static_uuid(at.astimezone(UTC), name.encode())
        yield msgspec.json.encode(_event(event, job, run, dag_run.run_id, (task, word, run_id)))


def _event(
    event: LineageEvent, job: JobFacts, run: RunFacts, natural_id: str, told: tuple[str, str, UUID]
) -> Mapping[str, Any]:
    task, word, run_id = told
    named = {"_producer": event.producer, "_schemaURL": f"{_SPEC}RunFacet"}
    dag = {"namespace": job.name.namespace, "name": job.name.name}
    answer = {"state": word, "naturalId": natural_id, "parentNaturalId": natural_id}
    parent = {"run": {"runId": str(UUID(bytes=run.run_id))}, "job": dag}
    return {
        "eventType": "ABORT",
        "eventTime": event.event_time.isoformat(),
        "producer": event.producer,
        "schemaURL": f"{_SPEC}RunEvent",
        "run": {
            "runId": str(run_id),
            "facets": {
                "trackside_answer": named | answer | {"mapIndex": -1, "relayed": True},
                "parent": named | parent,
            },
        },
        "job": dag | {"name": f"{job.name.name}.{task}"},
    }
