"""Workflows as OpenLineage events: pure, so that the same row gives the same bytes.

A workflow is a run of the job `<Kubernetes namespace>/<cron workflow>`, else of that of its template,
else of the name that its own was generated from; a task's job is `<that job>.<task>`. The first try of
a workflow has Argo's uid, all else a UUID made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID, uuid5

from msgspec import Struct

from adapters.argo.tasks import Task, Try, tasks_of
from adapters.argo.wire import (
    CLUSTER_TEMPLATE,
    CREATOR,
    CRON,
    ENDED,
    SCHEDULED,
    TEMPLATE,
    Arguments,
    Artifact,
    Meta,
    Spec,
    Workflow,
)
from adapters.base.lineage import Teller, dataset, dataset_of
from hub.model import EntityName
from hub.ports import Json

ARGO: Final = Teller("https://github.com/trackside/trackside/adapters/argo", "ARGO")
#: An annotation that says for which partition a workflow is.
PARTITION: Final = "trackside/partition"

_KINDS: Final = {
    "Running": "START",
    "Succeeded": "COMPLETE",
    "Failed": "FAIL",
    "Error": "FAIL",
    "Skipped": "ABORT",
    "Omitted": "ABORT",
}
_OPEN: Final = frozenset({"START", "OTHER"})
_LABELS: Final = "argoproj.io/"


class Place(Struct, frozen=True):
    """The namespace of jobs, and where people look at Argo."""

    namespace: str
    url: str

    def job(self, name: str) -> EntityName:
        return EntityName(self.namespace, name)

    def page(self, meta: Meta, node_id: str | None = None) -> str:
        at = (
            f"{self.url}/workflows/{quote(meta.namespace)}/{quote(meta.name)}?uid={quote(meta.uid)}"
        )
        return at if node_id is None else f"{at}&nodeId={quote(node_id)}"


class Run(Struct, frozen=True):
    """A workflow or one of its tasks. key: "" for the workflow, the node's id for a task."""

    job: EntityName
    natural_id: str
    key: str
    tries: Sequence[Try]
    about: Mapping[str, Json]
    inputs: Sequence[Json] = ()
    outputs: Sequence[Json] = ()


def job_name(meta: Meta, spec: Spec) -> str:
    """Of whose runs the workflow is one."""
    labels, ref = meta.labels, spec.workflow_template_ref
    known = labels.get(CRON) or labels.get(TEMPLATE) or labels.get(CLUSTER_TEMPLATE)
    generated = meta.generate_name.rstrip("-")
    return f"{meta.namespace}/{known or (ref and ref.name) or generated or meta.name}"


def try_id(meta: Meta, key: str, number: int) -> UUID:
    first = uuid5(meta.uuid, key) if key else meta.uuid
    return first if number <= 1 else uuid5(first, f"try:{number}")


def runs_of(row: Workflow, place: Place) -> list[Run]:
    """The workflow itself, and its tasks."""
    job, status = job_name(row.metadata, row.spec), row.status
    one = Try(status.phase, status.started_at, status.finished_at, status.message)
    whole = Run(place.job(job), row.natural_id, "", [one], _about(row))
    return [whole, *(_task_run(row, job, task, place) for task in tasks_of(row))]


def run_events(row: Workflow, run: Run, first: int, parent: int, place: Place) -> list[Json]:
    """Each try as one event. first: the number of the first try, parent: of the workflow's."""
    told = _Told(row, run, parent, place)
    return [
        event
        for number, one in enumerate(run.tries, first)
        if (event := told.event(number, one)) is not None
    ]


def deleted_event(
    job: EntityName, natural_id: str, run_id: UUID, number: int, at: datetime
) -> Json:
    """A run that was deleted in Argo while the hub believed it open; `at`: when that was noticed."""
    answer = ARGO.answer("deleted", natural_id, attempt=number or None)
    return ARGO.run_event("ABORT", at, job, run_id, {"trackside_answer": answer})


class _Told(Struct, frozen=True):
    row: Workflow
    run: Run
    parent: int
    place: Place

    def event(self, number: int, one: Try) -> Json | None:
        """None: the row holds no time."""
        kind, at = self._kind(one), self._at(one)
        if at is None:
            return None
        facets = dict(self.run.about) | {"trackside_answer": self._answer(number, one, kind)}
        if self.run.key:
            job = self.place.job(job_name(self.row.metadata, self.row.spec))
            facets["parent"] = ARGO.parent(job, try_id(self.row.metadata, "", self.parent))
        if kind == "FAIL":
            facets["errorMessage"] = ARGO.error(one.message or one.phase)
        run_id = try_id(self.row.metadata, self.run.key, number)
        ended = kind == "COMPLETE"
        return ARGO.run_event(
            kind,
            at,
            self.run.job,
            run_id,
            facets,
            inputs=self.run.inputs if ended else (),
            outputs=self.run.outputs if ended else (),
        )

    def _kind(self, one: Try) -> str:
        """What somebody stopped was aborted, and so is what its workflow has left behind."""
        kind = _KINDS.get(one.phase, "OTHER")
        if kind == "FAIL" and self.row.spec.shutdown and "strategy" in one.message:
            return "ABORT"
        return "ABORT" if kind in _OPEN and self._over else kind

    @property
    def _over(self) -> bool:
        return self.row.status.phase in ENDED

    def _at(self, one: Try) -> datetime | None:
        created = self.row.metadata.creation_timestamp
        if one.phase in ENDED:
            return one.finished or one.started or created
        left = self.row.status.finished_at if self._over else None
        return left or one.started or created

    def _answer(self, number: int, one: Try, kind: str) -> Json:
        meta, key = self.row.metadata, self.run.key
        waits = kind == "OTHER" or one.phase in {"Skipped", "Omitted"}
        queued = (one.started if waits else None) if key else meta.creation_timestamp
        return ARGO.answer(
            one.phase or "Unknown",
            self.run.natural_id,
            attempt=number,
            parentNaturalId=self.row.natural_id if key else None,
            willRetry=True if one.retried and kind == "FAIL" else None,
            queuedAt=queued if number == 1 else None,
            startedAt=None if waits else one.started,
            url=self.place.page(meta, key or None),
            partition=None if key else meta.annotations.get(PARTITION),
        )


# -- what a run is ---------------------------------------------------------------------------------


def _about(row: Workflow) -> dict[str, Json]:
    meta = row.metadata
    facets = {
        "argo_workflow": ARGO.own_facet(
            "argo_workflow",
            name=meta.name,
            parameters=_parameters(row.spec.arguments),
            creator=meta.labels.get(CREATOR),
            shutdown=row.spec.shutdown or None,
        )
    }
    if (slot := _slot(meta)) is not None:
        facets["nominalTime"] = ARGO.nominal(slot)
    if tags := {key: value for key, value in meta.labels.items() if _LABELS not in key}:
        facets["tags"] = ARGO.tags("Run", tags)
    return facets


def _slot(meta: Meta) -> datetime | None:
    """For when it was scheduled. One that a person submits from a cron workflow has another name."""
    try:
        at = datetime.fromisoformat(meta.annotations.get(SCHEDULED, ""))
        due = meta.name == f"{meta.labels.get(CRON)}-{int(at.timestamp())}"
    except (ValueError, OverflowError, OSError):
        return None
    return at if due and at.tzinfo is not None else None


def _task_run(row: Workflow, job: str, task: Task, place: Place) -> Run:
    node, own = task.node, (row.metadata.name, row.metadata.uid)
    told = ARGO.own_facet(
        "argo_task",
        name=node.display_name or node.name,
        type=node.type,
        template=node.template_name or None,
        parameters=_parameters(task.inputs),
        results=_parameters(task.outputs),
    )
    name = place.job(f"{job}.{task.path}")
    natural_id = f"{row.natural_id}/{task.node_id}"
    read, written = _datasets(task.inputs, own), _datasets(task.outputs, own)
    return Run(name, natural_id, task.node_id, task.tries, {"argo_task": told}, read, written)


def _parameters(arguments: Arguments) -> dict[str, str] | None:
    found = {
        one.name: str(one.value) for one in arguments.parameters or () if one.value is not None
    }
    return found or None


def _datasets(arguments: Arguments, own: Sequence[str]) -> list[Json]:
    """Artifacts that lie at the same place each time. own: what else the place would be named by."""
    uris = {uri for one in arguments.artifacts or () if (uri := _uri(one, own)) is not None}
    return [dataset(name) for uri in sorted(uris) if (name := dataset_of(uri)) is not None]


def _uri(one: Artifact, own: Sequence[str]) -> str | None:
    for scheme, place in (("s3", one.s3), ("gs", one.gcs)):
        if place is not None and place.bucket and place.key:
            whose = any(name and name in place.key for name in own)
            return None if whose else f"{scheme}://{place.bucket}/{place.key}"
    return None
