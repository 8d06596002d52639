"""Rows of Airflow as OpenLineage events: pure, the same event for the same row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from msgspec import Struct

from adapters.airflow import ids
from adapters.airflow.wire import DagRun, TaskInstance
from hub.model import EntityName
from hub.ports import Json, RunName

PRODUCER: Final = "https://github.com/trackside/trackside/adapters/airflow"
SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"
FACETS: Final = "https://openlineage.io/spec/facets"

_DAG_RUN: Final = {"queued": "OTHER", "running": "START", "success": "COMPLETE", "failed": "FAIL"}
_TASK: Final = {
    "scheduled": "OTHER",
    "queued": "OTHER",
    "running": "START",
    "deferred": "START",
    "up_for_reschedule": "START",
    "awaiting_input": "START",
    "restarting": "START",
    "success": "COMPLETE",
    "failed": "FAIL",
    "up_for_retry": "FAIL",
    "shutdown": "ABORT",
    "skipped": "ABORT",
    "upstream_failed": "ABORT",
    "removed": "ABORT",
}
_ENDED: Final = frozenset({"COMPLETE", "FAIL", "ABORT"})


class Attempt(Struct, frozen=True):
    """Which attempt of a Dag run: its number, counted from 1, and its run id."""

    number: int
    run_id: UUID


class Place(Struct, frozen=True):
    """Whose events these are: the namespace of the jobs, and where people look at Airflow."""

    namespace: str
    url: str
    is_old: bool = False

    def page(self, dag: str, run: str, task: str | None = None, map_index: int = -1) -> str:
        """Where people see the run."""
        at = f"{self.url}/dags/{quote(dag, safe='')}"
        if self.is_old:
            query = f"dag_run_id={quote(run, safe='')}"
            return f"{at}/grid?{query}" + (f"&task_id={quote(task, safe='')}" if task else "")
        at += f"/runs/{quote(run, safe='')}"
        if task is not None:
            at += f"/tasks/{quote(task, safe='')}"
        return at if task is None or map_index < 0 else f"{at}/mapped/{map_index}"


def begun(row: DagRun) -> datetime | None:
    """Since when the present attempt of a Dag run is: a clear of a running one moves only this."""
    times = [time for time in (row.start_date, row.queued_at) if time is not None]
    return max(times) if times else None


def dag_run_event(place: Place, row: DagRun, attempt: Attempt) -> Json:
    kind = _DAG_RUN.get(row.state or "", "OTHER")
    started = begun(row) if row.start_date else None
    at = _first(row.end_date if kind in _ENDED else None, started, row.queued_at, row.run_after)
    told = {
        "state": row.state or "none",
        "naturalId": row.dag_run_id,
        "attempt": attempt.number,
        "queuedAt": stamp(row.queued_at),
        "startedAt": stamp(started),
        "url": place.page(row.dag_id, row.dag_run_id),
        "partition": row.partition_key,
    }
    facets = {"trackside_answer": _answer(told), **_nominal(row)}
    when = at or row.logical_date or ids.NO_DATE
    return _run_event(kind, when, attempt.run_id, EntityName(place.namespace, row.dag_id), facets)


def task_event(
    place: Place,
    row: TaskInstance,
    parent: Attempt,
    *,
    latest: int | None = None,
    outputs: Sequence[EntityName] = (),
    partition: str | None = None,
) -> Json | None:
    """One try of a task instance; None while it only waits for what comes before it.

    latest: the number of the latest try, if this is an earlier one, which then was tried again.
    partition: of its outputs.
    """
    earlier = latest is not None and row.try_number < latest
    state = _state(row, earlier=earlier)
    if state is None:
        return None
    kind = _TASK.get(state, "ABORT" if state == "cleared" else "OTHER")
    name = ids.task_name(place.namespace, row)
    started = _started(row, kind)
    told = {
        "state": state,
        "naturalId": row.dag_run_id,
        "mapIndex": row.map_index,
        "attempt": row.try_number,
        "parentNaturalId": row.dag_run_id,
        "willRetry": (kind == "FAIL" and (earlier or state == "up_for_retry")) or None,
        "queuedAt": stamp(_queued(row, started)),
        "startedAt": stamp(started),
        "url": place.page(row.dag_id, row.dag_run_id, row.task_id, row.map_index),
        "partition": partition,
    }
    facets = {
        "trackside_answer": _answer(told),
        "parent": parent_facet(ids.dag_run_name(place.namespace, row), parent.run_id),
    }
    run_id = ids.task_run_id(place.namespace, row, row.try_number)
    event = _run_event(kind, _when(row, kind), run_id, name.job, facets)
    written = outputs if kind == "COMPLETE" else ()
    return {**event, "outputs": [dataset(name) for name in written]} if written else event


def ended_event(name: RunName, run_id: UUID, attempt: int, state: str, at: datetime) -> Json:
    """An attempt that is no more: `deleted`, or `cleared` before it ended."""
    told = {
        "state": state,
        "naturalId": name.natural_id,
        "mapIndex": name.map_index,
        "attempt": attempt or None,
    }
    return _run_event("ABORT", at, run_id, name.job, {"trackside_answer": _answer(told)})


def job_event(
    job: EntityName,
    at: datetime,
    facets: Json,
    inputs: Iterable[EntityName] = (),
    outputs: Iterable[EntityName] = (),
) -> Json:
    """What a job is, without any run."""
    event = {
        "eventTime": stamp(at),
        "producer": PRODUCER,
        "schemaURL": f"{SCHEMA}/JobEvent",
        "job": {"namespace": job.namespace, "name": job.name, "facets": facets},
    }
    read, written = [dataset(name) for name in inputs], [dataset(name) for name in outputs]
    return event | ({"inputs": read} if read else {}) | ({"outputs": written} if written else {})


def facet(schema: str, **told: Any) -> Json:
    """A facet of the standard; `schema` as in "1-0-1/ParentRunFacet"."""
    return {"_producer": PRODUCER, "_schemaURL": f"{FACETS}/{schema}", **told}


def parent_facet(name: RunName, run_id: UUID) -> Json:
    job = {"namespace": name.job.namespace, "name": name.job.name}
    return facet(
        "1-1-0/ParentRunFacet.json#/$defs/ParentRunFacet", run={"runId": str(run_id)}, job=job
    )


def dataset(name: EntityName) -> Json:
    return {"namespace": name.namespace, "name": name.name}


def stamp(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None


# -- parts ---------------------------------------------------------------------------------------


def _run_event(kind: str, at: datetime, run_id: UUID, job: EntityName, facets: Json) -> Json:
    return {
        "eventTime": stamp(at),
        "eventType": kind,
        "producer": PRODUCER,
        "schemaURL": f"{SCHEMA}/RunEvent",
        "run": {"runId": str(run_id), "facets": facets},
        "job": {"namespace": job.namespace, "name": job.name},
    }


def _answer(told: Json) -> Json:
    known = {name: value for name, value in told.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": f"{PRODUCER}#answer", **known}


def _nominal(row: DagRun) -> Json:
    """The slot, if there is one, as the provider tells it."""
    start = row.data_interval_start or (row.logical_date if row.run_type == "scheduled" else None)
    if start is None:
        return {}
    times = {"nominalStartTime": stamp(start)}
    if row.data_interval_end is not None:
        times["nominalEndTime"] = stamp(row.data_interval_end)
    schema = "1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet"
    return {"nominalTime": facet(schema, **times)}


def _state(row: TaskInstance, *, earlier: bool) -> str | None:
    """Airflow's own word. An earlier try that has none for its end was cleared while it ran."""
    if earlier and _TASK.get(row.state or "", "") not in _ENDED:
        return "cleared"
    return row.state


def _started(row: TaskInstance, kind: str) -> datetime | None:
    """Of a waiting try the row still has the start of the one before; of what never ran, its end."""
    if kind == "OTHER" or row.start_date is None:
        return None
    never_ran = kind == "ABORT" and row.end_date is not None and row.end_date <= row.start_date
    return None if never_ran else row.start_date


def _queued(row: TaskInstance, started: datetime | None) -> datetime | None:
    """Since when it waited: `queued` is only the time when the executor got it.

    A deferred task waits a second time after it has started; that is not told.
    """
    waiting = row.scheduled_when or row.queued_when
    return None if waiting and started and waiting > started else waiting


def _when(row: TaskInstance, kind: str) -> datetime:
    if kind in _ENDED:
        times = (row.end_date, row.start_date, row.queued_when, row.scheduled_when)
    elif kind == "START":
        times = (row.start_date, row.queued_when, row.scheduled_when, None)
    elif row.state == "queued":
        times = (row.queued_when, row.scheduled_when, None, None)
    else:
        times = (row.scheduled_when, row.queued_when, None, None)
    return _first(*times) or row.run_after or ids.instant(row)


def _first(*times: datetime | None) -> datetime | None:
    return next((time for time in times if time is not None), None)
