"""Runs as OpenLineage events: pure, so that the same rows give the same bytes.

A run is one of the job called like its flow, with the project and branch before it where it has them,
as Metaflow calls what it deploys; a task's job is `<that job>.<step>`. Runs are known by Metaflow's own
pathspecs: `Train/12`, `Train/12/fit/34`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from adapters.base.lineage import Teller, dataset
from adapters.metaflow.tries import Done, Task, Try
from adapters.metaflow.wire import Artifact, Run, beat_ms, moment
from hub.model import EntityName
from hub.ports import Json

METAFLOW: Final = Teller("https://github.com/trackside/trackside/adapters/metaflow", "METAFLOW")
#: What of a task's notes is worth telling, and how it is called.
_TASK: Final = {
    "foreach-stack": "foreach",
    "foreach-execution-path": "foreachPath",
    "runtime": "runtime",
    "kubernetes-pod-name": "pod",
    "aws-batch-job-id": "batchJob",
}
_RUN: Final = {
    "argo-workflow-template": "argoTemplate",
    "argo-workflow-name": "argoWorkflow",
    "aws-step-functions-execution": "stepFunctionsExecution",
    "airflow-dag-run-id": "airflowDagRun",
    "script-name": "script",
    "git-info": "git",
    "code-package": "codePackage",
}


class Place(Struct, frozen=True):
    """The namespace of jobs."""

    namespace: str

    def job(self, flow: str, run: Run) -> EntityName:
        project, branch = run.told("project"), run.told("project_branch")
        whole = f"{project}.{branch}.{flow}" if project and branch else flow
        return EntityName(self.namespace, whole)

    def step(self, job: EntityName, step: str) -> EntityName:
        return EntityName(self.namespace, f"{job.name}.{step}")

    def run_id(self, natural_id: str, number: int = 1) -> UUID:
        first = uuid5(NAMESPACE_URL, f"metaflow:{self.namespace}/{natural_id}")
        return first if number <= 1 else uuid5(first, f"try:{number}")


class Seen(Struct, frozen=True):
    """A run as it was read. silent: nothing is heard of it any more."""

    flow: str
    run: Run
    done: Done
    silent: bool = False
    artifacts: Sequence[Artifact] = ()

    @property
    def natural_id(self) -> str:
        return f"{self.flow}/{self.run.id}"

    @property
    def over(self) -> bool:
        return self.done.end is not None or self.silent

    @property
    def heard_ms(self) -> int:
        """When the latest was heard of it."""
        run = self.run
        return max(run.ts_epoch, beat_ms(run.last_heartbeat_ts), self.done.noted_ms)


def run_events(seen: Seen, place: Place) -> list[Json]:
    """Of the run and its tasks."""
    job = place.job(seen.flow, seen.run)
    found = [_run_event(seen, job, place)]
    for task in seen.done.tasks:
        found += [_try_event(seen, job, task, one, place) for one in task.tries]
    return [event for event in found if event is not None]


def _run_event(seen: Seen, job: EntityName, place: Place) -> Json | None:
    """None: the row holds no time."""
    run, end = seen.run, seen.done.end
    started = moment(run.ts_epoch)
    kind, word, at_ms = "START", "running", run.ts_epoch
    if end is not None:
        kind, word, at_ms = "COMPLETE", "completed", end.last.ended_ms
    elif seen.silent:
        kind, at_ms = "FAIL", seen.heard_ms
        word = "failed" if seen.done.failed else "lost"
    at = moment(at_ms)
    if at is None or started is None:
        return None
    answer = METAFLOW.answer(word, seen.natural_id, attempt=1, startedAt=started)
    facets = {"trackside_answer": answer, "metaflow_run": _about_run(seen)}
    if kind == "FAIL":
        facets["errorMessage"] = METAFLOW.error(_why(seen))
    if run.tags:
        facets["tags"] = METAFLOW.tags("Run", {tag: tag for tag in run.tags})
    return METAFLOW.run_event(
        kind,
        at,
        job,
        place.run_id(seen.natural_id),
        facets,
        job_facets=_about_job("FLOW", run),
        outputs=[_output(one, seen.flow, place) for one in seen.artifacts],
    )


def _try_event(seen: Seen, job: EntityName, task: Task, one: Try, place: Place) -> Json | None:
    natural_id = f"{seen.natural_id}/{task.step}/{task.id}"
    last = one is task.last
    kind, word, at_ms = _state(seen, one)
    at = moment(at_ms)
    if at is None:
        return None
    # How often a step is tried is not noted: as long as its run goes on, another try may follow.
    retried = kind == "FAIL" and (not last or not seen.over)
    answer = METAFLOW.answer(
        word,
        natural_id,
        attempt=one.number,
        parentNaturalId=seen.natural_id,
        willRetry=True if retried else None,
        queuedAt=moment(one.made_ms),
        startedAt=moment(one.began_ms),
    )
    facets = {
        "trackside_answer": answer,
        "parent": METAFLOW.parent(job, place.run_id(seen.natural_id)),
        "metaflow_task": METAFLOW.own_facet("metaflow_task", **_chosen(task.told, _TASK)),
    }
    if kind == "FAIL":
        facets["errorMessage"] = METAFLOW.error(_task_error(natural_id, one))
    return METAFLOW.run_event(
        kind,
        at,
        place.step(job, task.step),
        place.run_id(natural_id, one.number),
        facets,
        job_facets=_about_job("STEP", seen.run),
    )


def _state(seen: Seen, one: Try) -> tuple[str, str, int]:
    """The event's type, a word for it, and when it came to be."""
    if one.ok:
        return "COMPLETE", "completed", one.ended_ms
    if one.ok is False:
        return "FAIL", "failed", one.ended_ms
    if seen.over:
        end = seen.done.end
        return "ABORT", "lost", max(one.made_ms, end.last.ended_ms if end else seen.heard_ms)
    if one.began_ms:
        return "START", "running", one.began_ms
    return "OTHER", "queued", one.made_ms


def _why(seen: Seen) -> str:
    if failed := seen.done.failed:
        first = failed[0]
        count = (
            f"{len(failed)} tasks failed, the first was" if len(failed) > 1 else "the task failed:"
        )
        path = f"{seen.natural_id}/{first.step}/{first.id}"
        return f"{count} {path} (after {len(first.tries)} tries)"
    return "no heartbeat and nothing else is heard of it, and no task says why: it was killed"


def _task_error(natural_id: str, one: Try) -> str:
    attempt = one.number - 1
    return (
        f"attempt {attempt} of {natural_id} failed; why stands in its log, and in its artifact "
        f"_exception: Task('{natural_id}', attempt={attempt}).exception"
    )


def _about_run(seen: Seen) -> Json:
    run, notes = seen.run, {k: v for task in seen.done.tasks for k, v in task.told.items()}
    return METAFLOW.own_facet(
        "metaflow_run",
        user=run.user_name or run.told("user"),
        runtime=run.told("runtime"),
        project=run.told("project"),
        branch=run.told("project_branch"),
        metaflowVersion=run.told("metaflow_version"),
        pythonVersion=run.told("python_version"),
        systemTags=sorted(run.system_tags or ()) or None,
        originRun=f"{seen.flow}/{seen.done.origin}" if seen.done.origin else None,
        clonedTasks=seen.done.cloned or None,
        **_chosen(notes, _RUN),
    )


def _about_job(kind: str, run: Run) -> dict[str, Json]:
    told = {
        name: value
        for name in ("project", "project_branch")
        if (value := run.told(name)) is not None
    }
    found = METAFLOW.job_facets(kind, tags=told)
    if run.user_name:
        found["ownership"] = METAFLOW.owners("Job", [run.user_name])
    return found


def _output(one: Artifact, flow: str, place: Place) -> Json:
    """An artifact, whose contents its hash tells apart."""
    kind = METAFLOW.facet(
        "1-0-1/DatasetTypeDatasetFacet", datasetType="ARTIFACT", subType=one.content_type
    )
    facets = {"datasetType": kind}
    if one.sha:
        facets["version"] = METAFLOW.facet(
            "1-0-1/DatasetVersionDatasetFacet", datasetVersion=one.sha
        )
    return dataset(EntityName(place.namespace, f"{flow}/{one.name}"), facets)


def _chosen(told: Mapping[str, str], names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: told[name] for name, ours in names.items() if name in told}
