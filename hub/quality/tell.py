"""How checks and the runs that made them are told, as OpenLineage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

import msgspec

from hub.model import Check, CheckStatus, EntityName, EventType
from hub.quality.base import Json, instant

_PRODUCER: Final = "https://trackside.dev/quality"
_SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_FACETS: Final = "https://openlineage.io/spec/facets/"
_RUN_IDS: Final = UUID("0b8c5a55-1c0e-4c2b-9d25-7c8f2f1f6a11")
#: Characters of an expected or actual value, or of an error, that are told.
_TEXT: Final = 2_000


class Job:
    """A job of a tool. Its runs are told by what tells them apart for ever."""

    def __init__(
        self, namespace: str, name: str, integration: str, kind: str, parent: Run | None = None
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.parent = parent
        self.facets = {
            "jobType": facet(
                "2-0-3/JobTypeJobFacet.json",
                processingType="BATCH",
                integration=integration,
                jobType=kind,
            )
        }

    def run(self, *told: str) -> Run:
        return Run(self, str(uuid5(_RUN_IDS, "\0".join((self.namespace, self.name, *told)))))


class Run:
    """One run of such a job."""

    def __init__(self, job: Job, run_id: str) -> None:
        self.job = job
        self.id = run_id

    def started(self, at: datetime) -> bytes:
        return self._event(EventType.START, at, {}, (), ())

    def ended(
        self,
        at: datetime,
        *,
        error: str | None = None,
        inputs: Iterable[Json] = (),
        outputs: Iterable[Json] = (),
    ) -> bytes:
        """error: why it failed; None if it did not."""
        facets: Json = {}
        if error is not None:
            facets["errorMessage"] = facet(
                "1-0-1/ErrorMessageRunFacet.json",
                message=short(error) or "it failed",
                programmingLanguage="",
            )
        kind = EventType.COMPLETE if error is None else EventType.FAIL
        return self._event(kind, at, facets, inputs, outputs)

    def _event(
        self,
        kind: EventType,
        at: datetime,
        facets: Json,
        inputs: Iterable[Json],
        outputs: Iterable[Json],
    ) -> bytes:
        job = self.job
        if job.parent is not None:
            facets["parent"] = job.parent.as_parent()
        return _encoded(
            "RunEvent",
            at,
            eventType=kind,
            run={"runId": self.id, "facets": facets},
            job={"namespace": job.namespace, "name": job.name, "facets": job.facets},
            inputs=list(inputs),
            outputs=list(outputs),
        )

    def as_parent(self) -> Json:
        return facet(
            "1-1-0/ParentRunFacet.json",
            run={"runId": self.id},
            job={"namespace": self.job.namespace, "name": self.job.name},
        )


def checked(name: EntityName, checks: Sequence[Check], partition: str | None = None) -> Json:
    """A dataset with what was found of it."""
    told = facet(
        "1-1-0/DataQualityAssertionsDatasetFacet.json",
        assertions=[_assertion(check) for check in checks],
    )
    facets = {"dataQualityAssertions": told, **_subset("Input", partition)}
    return {**read(name), "inputFacets": facets}


def read(name: EntityName) -> Json:
    return {"namespace": name.namespace, "name": name.name}


def written(name: EntityName, partition: str | None, rows: int | None, told: str = "") -> Json:
    """A dataset with what was written of it. told: what it is, in words."""
    facets = _subset("Output", partition)
    if rows is not None:
        schema = "1-0-2/OutputStatisticsOutputDatasetFacet.json"
        facets["outputStatistics"] = facet(schema, rowCount=rows)
    described = {}
    if told:
        described["documentation"] = facet("1-0-1/DocumentationDatasetFacet.json", description=told)
    return {**read(name), "facets": described, "outputFacets": facets}


def dataset_checked(
    name: EntityName, checks: Sequence[Check], partition: str | None, at: datetime
) -> bytes:
    """Checks that no run is known of."""
    return _encoded("DatasetEvent", at, dataset=checked(name, checks, partition))


def dataset_loaded(name: EntityName, at: datetime) -> bytes:
    """New data were there at that time; by whom is not known."""
    schema = "1-0-1/LifecycleStateChangeDatasetFacet.json"
    facets = {"lifecycleStateChange": facet(schema, lifecycleStateChange="OVERWRITE")}
    return _encoded("DatasetEvent", at, dataset={**read(name), "facets": facets})


def facet(schema: str, **values: object) -> Json:
    return {"_producer": _PRODUCER, "_schemaURL": _FACETS + schema, **values}


def number(value: float) -> str:
    """Whole ones without a fraction, whatever their size."""
    return str(int(value)) if value == int(value) else str(value)


def short(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 3]}..."


def _assertion(check: Check) -> Json:
    """OpenLineage knows no check that was skipped, so the word `status` is ours."""
    told = {
        "assertion": check.name,
        "success": check.status is not CheckStatus.FAILED,
        "severity": check.severity.lower(),
    }
    if check.status is CheckStatus.SKIPPED:
        told["status"] = "skip"
    for name, value in (
        ("column", check.column),
        ("expected", check.expected),
        ("actual", check.actual),
    ):
        if value is not None:
            told[name] = short(value)
    return told


def _subset(side: str, partition: str | None) -> Json:
    if not partition:
        return {}
    told = {
        "type": "partition",
        "partitions": [{"identifier": partition, "dimensions": {}}],
    }
    schema = f"1-0-0/BaseSubsetDatasetFacet.json#/$defs/{side}Subset{side}DatasetFacet"
    return {"subset": facet(schema, **{f"{side.lower()}Condition": told})}


def _encoded(kind: str, at: datetime, **told: object) -> bytes:
    event = {"eventTime": instant(at), "producer": _PRODUCER, "schemaURL": _SPEC + kind, **told}
    return msgspec.json.encode(event)
