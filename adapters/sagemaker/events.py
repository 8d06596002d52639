"""Executions as OpenLineage events: pure, so that the same row gives the same bytes.

An execution is a run of the job that has the pipeline's name, a step one of `<pipeline>.<step>`. Run
ids are UUIDs made of Amazon's own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from adapters.base.lineage import Teller
from adapters.sagemaker.wire import Execution, Step, execution_id, moment, pipeline_of
from hub.model import EntityName
from hub.ports import Json

SAGEMAKER: Final = Teller("https://github.com/trackside/trackside/adapters/sagemaker", "SAGEMAKER")

_KINDS: Final = {
    "Executing": "START",
    "Stopping": "START",
    "Stopped": "ABORT",
    "Failed": "FAIL",
    "CompletedWithFailures": "FAIL",
    "Succeeded": "COMPLETE",
}
_OPEN: Final = frozenset({"START", "OTHER"})


def run_id(arn: str, step: str = "") -> UUID:
    found = uuid5(NAMESPACE_URL, arn)
    return uuid5(found, step) if step else found


def execution_event(row: Execution, namespace: str) -> Json | None:
    """None: the row holds no time."""
    arn, began = row.pipeline_execution_arn, moment(row.creation_time)
    told = SAGEMAKER.own_facet(
        "sagemaker_execution",
        arn=arn,
        name=row.pipeline_execution_display_name or None,
        description=row.pipeline_execution_description or None,
    )
    kind = _KINDS.get(row.pipeline_execution_status, "OTHER")
    return _event(
        kind,
        (moment(row.last_modified_time) if row.over else None) or began,
        EntityName(namespace, pipeline_of(arn)),
        run_id(arn),
        SAGEMAKER.answer(
            row.pipeline_execution_status, execution_id(arn), attempt=1, startedAt=began
        ),
        row.failure_reason or row.pipeline_execution_status,
        {"sagemaker_execution": told},
    )


def step_event(row: Execution, step: Step, namespace: str) -> Json | None:
    """None: it has not begun."""
    arn, began = row.pipeline_execution_arn, moment(step.start_time)
    kind, at = _KINDS.get(step.step_status, "OTHER"), moment(step.end_time) or began
    if kind in _OPEN and row.over:  # its execution has left it behind
        kind, at = "ABORT", moment(row.last_modified_time) or at
    job = EntityName(namespace, pipeline_of(arn))
    answer = SAGEMAKER.answer(
        step.step_status,
        f"{execution_id(arn)}/{step.key}",
        attempt=1,
        parentNaturalId=execution_id(arn),
        startedAt=began if kind != "OTHER" else None,
        queuedAt=began if kind == "OTHER" else None,
    )
    told = SAGEMAKER.own_facet(
        "sagemaker_step", attempts=step.attempt_count or None, started=_arns(step.metadata) or None
    )
    facets = {"parent": SAGEMAKER.parent(job, run_id(arn)), "sagemaker_step": told}
    own = EntityName(namespace, f"{job.name}.{step.step_name}")
    why = step.failure_reason or step.step_status
    return _event(kind, at, own, run_id(arn, step.key), answer, why, facets)


def deleted_event(job: EntityName, natural_id: str, key: UUID, at: datetime) -> Json:
    """A run whose pipeline was deleted; `at`: when that was noticed."""
    answer = SAGEMAKER.answer("deleted", natural_id, attempt=1)
    return SAGEMAKER.run_event("ABORT", at, job, key, {"trackside_answer": answer})


def _event(
    kind: str,
    at: datetime | None,
    job: EntityName,
    key: UUID,
    answer: Json,
    why: str,
    facets: Mapping[str, Json],
) -> Json | None:
    if at is None:
        return None
    found = dict(facets) | {"trackside_answer": answer}
    if kind == "FAIL":
        found["errorMessage"] = SAGEMAKER.error(why)
    return SAGEMAKER.run_event(kind, at, job, key, found)


def _arns(metadata: Mapping[str, Any]) -> dict[str, str]:
    """What the step has started: a training job, a model, ..."""
    told = {kind: one.get("Arn") for kind, one in metadata.items() if isinstance(one, dict)}
    return {kind: arn for kind, arn in told.items() if isinstance(arn, str)}
