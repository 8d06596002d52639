"""Runs as OpenLineage events: pure, so that the same row gives the same bytes.

A run is one of the job `<pipeline>/<recurring run>`, or of `<pipeline>` if nobody scheduled it; a
task's job is `<that job>.<task>`. The first try has Kubeflow's own id, each further one a UUID made of
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from adapters.base.lineage import Teller
from adapters.kubeflow.tries import Try, of_run, of_task
from adapters.kubeflow.wire import ENDED, Run, Task, moment
from hub.model import EntityName
from hub.ports import Json

KUBEFLOW: Final = Teller("https://github.com/trackside/trackside/adapters/kubeflow", "KUBEFLOW")

_KINDS: Final = {
    "RUNNING": "START",
    "CANCELING": "START",
    "PAUSED": "START",
    "SUCCEEDED": "COMPLETE",
    "FAILED": "FAIL",
    "SKIPPED": "ABORT",
    "CANCELED": "ABORT",
}
#: What the name of a turn of a loop or of a try ends with.
_TURN: Final = re.compile(r"\(\d+(?::[^()]*)?\)$")
#: Tasks that Kubeflow itself puts around those of a pipeline.
_OWN: Final = frozenset({"root", "executor", "iteration", "entrypoint"})


class Place(Struct, frozen=True):
    """The namespace of jobs, and where people look at Kubeflow."""

    namespace: str
    url: str

    def job(self, name: str) -> EntityName:
        return EntityName(self.namespace, name)

    def page(self, run_id: str) -> str:
        return f"{self.url}/#/runs/details/{quote(run_id, safe='')}"


def task_names(spec: Mapping[str, Any]) -> frozenset[str]:
    """The tasks of a pipeline, also of those within it. Of another shape it has none."""
    inner = spec.get("pipeline_spec", spec)
    if not isinstance(inner, Mapping):
        return frozenset()
    components = inner.get("components")
    parts = list(components.values()) if isinstance(components, Mapping) else []
    return frozenset().union(*(_tasks(part) for part in [inner.get("root"), *parts]))


def pipeline_name(spec: Mapping[str, Any]) -> str | None:
    """Of a pipeline that was handed in with its run."""
    inner = spec.get("pipeline_spec", spec)
    info = inner.get("pipelineInfo") if isinstance(inner, Mapping) else None
    name = info.get("name") if isinstance(info, Mapping) else None
    return name if isinstance(name, str) and name else None


def run_events(
    run: Run, job: EntityName, tasks: AbstractSet[str] | None, place: Place
) -> list[Json]:
    """Of the run and its tasks. tasks: their names; None if nobody knows them."""
    tries = of_run(run)
    told = _Told(run, job, place, run.run_id, run.run_id, None, _about(run))
    found = told.events(tries)
    below = len(tries)
    for task in run.run_details.task_details:
        name = _TURN.sub("", task.display_name)
        if _is_theirs(name, tasks):
            own = place.job(f"{job.name}.{name}")
            about = {"kubeflow_task": _about_task(task)}
            parent = (job, try_id(run.run_id, below))
            key = task.task_id
            told = _Told(run, own, place, key, natural_id(run, task), parent, about)
            found += told.events(of_task(task))
    return found


def natural_id(run: Run, task: Task) -> str:
    return f"{run.run_id}/{task.task_id}"


def deleted_event(
    job: EntityName, natural_id: str, run_id: UUID, number: int, at: datetime
) -> Json:
    """A run that was deleted while the hub believed it open; `at`: when that was noticed."""
    answer = KUBEFLOW.answer("deleted", natural_id, attempt=number or None)
    return KUBEFLOW.run_event("ABORT", at, job, run_id, {"trackside_answer": answer})


def try_id(key: str, number: int) -> UUID:
    try:
        first = UUID(key)
    except ValueError:
        first = uuid5(NAMESPACE_URL, f"kubeflow:{key}")
    return first if number <= 1 else uuid5(first, f"try:{number}")


class _Told(Struct, frozen=True):
    """parent: job and run id of the run that this is a task of."""

    run: Run
    job: EntityName
    place: Place
    key: str
    natural_id: str
    parent: tuple[EntityName, UUID] | None
    about: Mapping[str, Json]

    def events(self, tries: Sequence[Try]) -> list[Json]:
        found = (self._event(number, one) for number, one in enumerate(tries, 1))
        return [event for event in found if event is not None]

    def _event(self, number: int, one: Try) -> Json | None:
        """None: the row holds no time."""
        kind = _KINDS.get(one.state, "OTHER")
        left = self.parent is not None and self.run.state in ENDED and kind in {"START", "OTHER"}
        at = self._at(one, left=left)
        if at is None:
            return None
        kind = "ABORT" if left else kind
        facets = dict(self.about) | {"trackside_answer": self._answer(number, one, kind)}
        if self.parent is not None:
            facets["parent"] = KUBEFLOW.parent(*self.parent)
        if kind == "FAIL":
            facets["errorMessage"] = KUBEFLOW.error(one.message or one.state)
        return KUBEFLOW.run_event(kind, at, self.job, try_id(self.key, number), facets)

    def _at(self, one: Try, *, left: bool) -> datetime | None:
        end = moment(self.run.finished_at) if left else one.ended
        return end or one.started or moment(self.run.created_at)

    def _answer(self, number: int, one: Try, kind: str) -> Json:
        ran = kind != "OTHER" and one.state != "SKIPPED"
        queued = moment(self.run.created_at) if self.parent is None and number == 1 else None
        return KUBEFLOW.answer(
            one.state,
            self.natural_id,
            attempt=number,
            parentNaturalId=None if self.parent is None else self.run.run_id,
            willRetry=True if one.retried and kind == "FAIL" else None,
            queuedAt=queued,
            startedAt=one.started if ran else None,
            url=self.place.page(self.run.run_id),
        )


def _is_theirs(name: str, tasks: AbstractSet[str] | None) -> bool:
    if tasks is not None:
        return name in tasks
    return bool(name) and name not in _OWN and not name.endswith("-driver")


def _tasks(component: Any) -> frozenset[str]:
    dag = component.get("dag") if isinstance(component, Mapping) else None
    tasks = dag.get("tasks") if isinstance(dag, Mapping) else None
    return frozenset(tasks) if isinstance(tasks, Mapping) else frozenset()


def _about(run: Run) -> dict[str, Json]:
    version = run.pipeline_version_reference
    facets = {
        "kubeflow_run": KUBEFLOW.own_facet(
            "kubeflow_run",
            name=run.display_name or None,
            description=run.description or None,
            experiment=run.experiment_id or None,
            pipelineVersion=version.pipeline_version_id if version else None,
            parameters=run.runtime_config.parameters or None,
            archived=True if run.storage_state == "ARCHIVED" else None,
        )
    }
    if run.recurring_run_id and (slot := moment(run.scheduled_at)) is not None:
        facets["nominalTime"] = KUBEFLOW.nominal(slot)
    return facets


def _about_task(task: Task) -> Json:
    return KUBEFLOW.own_facet(
        "kubeflow_task",
        name=task.display_name or None,
        inputs={name: one.artifact_ids for name, one in task.inputs.items()} or None,
        outputs={name: one.artifact_ids for name, one in task.outputs.items()} or None,
    )
