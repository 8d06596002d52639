"""Executions as OpenLineage events: pure, so that the same row gives the same bytes.

An execution is a run of the job `<project>/<domain>/<launch plan>`; a node's job is `<that job>.<node>`.
A relaunch or a recovery is another execution, so each run has one attempt. Run ids are UUIDs made of
Flyte's own names, which are never used again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from adapters.base.lineage import Teller
from adapters.flyte.wire import ENDED, SCHEDULED, Closure, Execution, ExecutionId, Node
from hub.model import EntityName
from hub.ports import Json

FLYTE: Final = Teller("https://github.com/trackside/trackside/adapters/flyte", "FLYTE")
#: A label or annotation that says for which partition an execution is.
PARTITION: Final = "trackside/partition"

_KINDS: Final = {
    "RUNNING": "START",
    "SUCCEEDING": "START",
    "FAILING": "START",
    "ABORTING": "START",
    "DYNAMIC_RUNNING": "START",
    "SUCCEEDED": "COMPLETE",
    "RECOVERED": "COMPLETE",
    "FAILED": "FAIL",
    "TIMED_OUT": "FAIL",
    "ABORTED": "ABORT",
    "SKIPPED": "ABORT",
}
_OPEN: Final = frozenset({"START", "OTHER"})
#: Nodes that each workflow has and that do nothing.
_ENDS: Final = frozenset({"start-node", "end-node"})


class Place(Struct, frozen=True):
    """The namespace of jobs, and where people look at Flyte."""

    namespace: str
    console: str

    def job(self, name: str) -> EntityName:
        return EntityName(self.namespace, name)

    def page(self, key: ExecutionId) -> str:
        project, domain, name = (quote(part, safe="") for part in key.path)
        return f"{self.console}/projects/{project}/domains/{domain}/executions/{name}"


def run_id(key: ExecutionId, node: str = "") -> UUID:
    found = uuid5(NAMESPACE_URL, f"flyte:{'/'.join(key.path)}")
    return uuid5(found, node) if node else found


def node_names(workflow: Any) -> dict[str, str]:
    """What people call the nodes of a workflow, by their ids; of another shape it has none."""
    found: Any = workflow
    for key in ("closure", "compiled_workflow", "primary", "template", "nodes"):
        found = found.get(key) if isinstance(found, Mapping) else None
    told = [_named(node) for node in found] if isinstance(found, list) else []
    names = [name for _, name in told]
    return {
        key: name if names.count(name) == 1 else f"{name}-{key}"
        for key, name in told
        if key and name
    }


def execution_event(
    row: Execution, place: Place, parent: tuple[EntityName, ExecutionId] | None
) -> Json | None:
    """parent: the execution that has started this one, and its job. None: the row holds no time."""
    facets: dict[str, Json] = {"flyte_execution": _about(row)}
    if parent is not None:
        facets["parent"] = FLYTE.parent(parent[0], run_id(parent[1]))
    metadata = row.spec.metadata
    if metadata is not None and metadata.mode == SCHEDULED and metadata.scheduled_at is not None:
        facets["nominalTime"] = FLYTE.nominal(metadata.scheduled_at)
    if labels := _labels(row):
        facets["tags"] = FLYTE.tags("Run", labels)
    told = _Told(row.closure, place.job(row.job), run_id(row.id), row.id.name, place.page(row.id))
    more = {
        "parentNaturalId": parent[1].name if parent else None,
        "partition": _partition(row),
        "queuedAt": row.closure.created_at,
    }
    return told.event(_KINDS.get(row.closure.phase, "OTHER"), row.closure.updated_at, facets, more)


def node_event(row: Execution, node: Node, name: str, place: Place) -> Json | None:
    """None: it does nothing, or holds no time."""
    key = node.id.node_id
    if key in _ENDS:
        return None
    job = place.job(row.job)
    kind, at = _KINDS.get(node.closure.phase, "OTHER"), node.closure.updated_at
    if kind in _OPEN and row.closure.phase in ENDED:  # its execution has left it behind
        kind, at = "ABORT", row.closure.updated_at
    facets = {
        "flyte_node": FLYTE.own_facet("flyte_node", id=key),
        "parent": FLYTE.parent(job, run_id(row.id)),
    }
    natural_id = f"{row.id.name}/{key}"
    own = place.job(f"{job.name}.{name}")
    told = _Told(node.closure, own, run_id(row.id, key), natural_id, place.page(row.id))
    return told.event(kind, at, facets, {"parentNaturalId": row.id.name})


def deleted_event(job: EntityName, natural_id: str, key: UUID, number: int, at: datetime) -> Json:
    """A run that is not there any more; `at`: when that was noticed."""
    answer = FLYTE.answer("deleted", natural_id, attempt=number or None)
    return FLYTE.run_event("ABORT", at, job, key, {"trackside_answer": answer})


class _Told(Struct, frozen=True):
    closure: Closure
    job: EntityName
    run_id: UUID
    natural_id: str
    url: str

    def event(
        self, kind: str, ended: datetime | None, facets: Mapping[str, Json], more: Json
    ) -> Json | None:
        closure = self.closure
        at = closure.started_at if kind == "START" else ended if kind not in _OPEN else None
        at = at or closure.created_at or closure.updated_at
        if at is None:
            return None
        ran = kind != "OTHER" and closure.phase != "SKIPPED"
        answer = FLYTE.answer(
            closure.phase or "UNDEFINED",
            self.natural_id,
            attempt=1,
            startedAt=closure.started_at if ran else None,
            url=self.url,
            **more,
        )
        found = dict(facets) | {"trackside_answer": answer}
        if kind == "FAIL":
            found["errorMessage"] = FLYTE.error(_why(closure))
        return FLYTE.run_event(kind, at, self.job, self.run_id, found)


def _why(closure: Closure) -> str:
    error = closure.error
    return (error.message or error.code if error is not None else "") or closure.phase


def _about(row: Execution) -> Json:
    metadata, abort = row.spec.metadata, row.closure.abort_metadata
    workflow = row.closure.workflow_id
    return FLYTE.own_facet(
        "flyte_execution",
        mode=metadata.mode if metadata and metadata.mode else None,
        principal=metadata.principal if metadata and metadata.principal else None,
        launchPlanVersion=row.spec.launch_plan.version or None,
        workflow=workflow.name if workflow and workflow.name else None,
        abortCause=abort.cause if abort and abort.cause else None,
        abortedBy=abort.principal if abort and abort.principal else None,
        errorCode=row.closure.error.code if row.closure.error and row.closure.error.code else None,
    )


def _labels(row: Execution) -> dict[str, str]:
    return dict(row.spec.labels.values or {}) if row.spec.labels is not None else {}


def _partition(row: Execution) -> str | None:
    notes = row.spec.annotations.values if row.spec.annotations is not None else None
    return (notes or {}).get(PARTITION)


def _named(node: Any) -> tuple[str, str]:
    key = node.get("id") if isinstance(node, Mapping) else None
    about = node.get("metadata") if isinstance(node, Mapping) else None
    name = about.get("name") if isinstance(about, Mapping) else None
    return (key if isinstance(key, str) else "", name if isinstance(name, str) else "")
