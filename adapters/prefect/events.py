"""Rows of Prefect as OpenLineage events: pure, so that the same row gives the same bytes.

A run of a deployment is one of the job `<flow>/<deployment>`, as Prefect itself writes it; a run
without one (a subflow, a script) is one of the job `<flow>`; a task's job is `<that job>.<task>`. The
first try has Prefect's own id, each further one a UUID made of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from adapters.base.lineage import Teller
from adapters.prefect.tries import Try
from adapters.prefect.wire import ENDED, NOT_READY, RUNNING, WAITING, FlowRun, Run, State
from hub.model import EntityName
from hub.ports import Json

PREFECT: Final = Teller("https://github.com/trackside/trackside/adapters/prefect", "PREFECT")
#: A tag that says for which partition a run is.
PARTITION: Final = "partition:"

_ENDS: Final = {"COMPLETED": "COMPLETE", "FAILED": "FAIL", "CRASHED": "FAIL", "CANCELLED": "ABORT"}
_HASH: Final = re.compile(r"-[0-9a-f]{6,}$")
_SAID: Final = re.compile(r"^(?:Flow|Task) run encountered an exception:? ")


class Place(Struct, frozen=True):
    """The namespace of jobs, and where people look at Prefect."""

    namespace: str
    page: str

    def job(self, name: str) -> EntityName:
        return EntityName(self.namespace, name)

    def url(self, row: Run) -> str:
        kind = "flow" if isinstance(row, FlowRun) else "task"
        return f"{self.page}/runs/{kind}-run/{row.id}"


class Parent(Struct, frozen=True):
    """The flow run that a run is part of: its id, its job, and the try it belongs to."""

    id: UUID
    job: str
    number: int = 1


def task_of(task_key: str) -> str:
    """The task's own name: its key ends with a hash of its code."""
    return _HASH.sub("", task_key) or task_key


def try_id(run_id: UUID, number: int) -> UUID:
    return run_id if number <= 1 else uuid5(run_id, f"try:{number}")


def run_events(
    row: Run,
    tries: Sequence[Try],
    job: EntityName,
    place: Place,
    parent: Parent | None = None,
    left: State | None = None,
) -> list[Json]:
    """Each try as one event. left: how the flow run ended that has left this task behind."""
    if row.state is None:
        return []
    told = _Told(row, job, place, parent)
    return [*map(told.earlier, tries[:-1]), told.latest(row.state, tries[-1], left)]


def deleted_event(
    job: EntityName, natural_id: str, run_id: UUID, number: int, at: datetime
) -> Json:
    """A run that was deleted in Prefect while it was open; `at`: when that was noticed."""
    answer = PREFECT.answer("deleted", natural_id, attempt=number or None)
    return PREFECT.run_event("ABORT", at, job, run_id, {"trackside_answer": answer})


class _Told(Struct, frozen=True):
    """A row with all that its events have in common."""

    row: Run
    job: EntityName
    place: Place
    parent: Parent | None

    def earlier(self, one: Try) -> Json:
        """A try that another one followed."""
        assert one.end is not None
        kind = _ENDS.get(one.end.type, "FAIL")
        return self._event(one, kind, one.end, retried=kind == "FAIL")

    def latest(self, state: State, one: Try, left: State | None) -> Json:
        if state.type in ENDED:
            return self._event(one, _ENDS[state.type], state)
        if left is not None:
            kind = "FAIL" if left.type == "CRASHED" else "ABORT"
            return self._event(one, kind, replace(state, timestamp=left.timestamp))
        if one.end is not None:  # it waits for its next try
            return self._event(one, "FAIL", one.end, retried=True)
        if state.word == NOT_READY:
            return self._event(one, "ABORT", state)
        if one.started is None and state.type in WAITING:
            return self._event(one, "OTHER", _due(self.row, state))
        if state.type == RUNNING and one.started is not None:
            state = replace(state, timestamp=one.started)
        return self._event(one, "START", state)

    def _event(self, one: Try, kind: str, state: State, *, retried: bool = False) -> Json:
        facets = _facets(self.row) | {"trackside_answer": self._answer(one, state, retried=retried)}
        if self.parent is not None:
            run_id = try_id(self.parent.id, self.parent.number)
            facets["parent"] = PREFECT.parent(self.place.job(self.parent.job), run_id)
        if kind == "FAIL" and (message := _message(state)):
            facets["errorMessage"] = PREFECT.error(message)
        run_id = try_id(self.row.id, one.number)
        return PREFECT.run_event(kind, state.timestamp, self.job, run_id, facets)

    def _answer(self, one: Try, state: State, *, retried: bool) -> Json:
        row, parent = self.row, self.parent
        partition = (tag.removeprefix(PARTITION) for tag in row.tags if tag.startswith(PARTITION))
        return PREFECT.answer(
            state.word,
            str(row.id),
            attempt=one.number,
            parentNaturalId=None if parent is None else str(parent.id),
            willRetry=retried or None,
            queuedAt=row.expected_start_time if one.number == 1 else None,
            startedAt=one.started,
            url=self.place.url(row),
            partition=next(partition, None),
        )


def _due(row: Run, state: State) -> State:
    """A run is put down days before it is due; it waits from then on."""
    due = row.expected_start_time
    return state if due is None else replace(state, timestamp=max(due, state.timestamp))


def _message(state: State) -> str:
    return _SAID.sub("", state.message or "") or (state.word if state.type in ENDED else "")


def _facets(row: Run) -> dict[str, Json]:
    facets: dict[str, Json] = {}
    if row.tags:
        facets["tags"] = PREFECT.tags("Run", {tag: tag for tag in row.tags})
    if isinstance(row, FlowRun):
        if row.auto_scheduled and row.expected_start_time is not None:
            facets["nominalTime"] = PREFECT.nominal(row.expected_start_time)
        facets["prefect_run"] = PREFECT.own_facet(
            "prefect_run",
            name=row.name,
            parameters=row.parameters or None,
            flowVersion=row.flow_version,
            workPool=row.work_pool_name,
            workQueue=row.work_queue_name,
        )
    else:
        facets["prefect_run"] = PREFECT.own_facet("prefect_run", name=row.name)
    return facets
