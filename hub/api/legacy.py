"""Marquez's create and mark calls: each becomes a lineage event (DESIGN D1, D12).

Marquez deprecates them in favour of OpenLineage, but its Python and Java clients still make them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from hub.access import Principal, viewer_of
from hub.api.answers import answer, answers
from hub.api.errors import RESPONSES
from hub.api.hub import Hub as RunningHub
from hub.api.params import Hub, Instant, Sender, Text
from hub.api.paths import Name
from hub.errors import BadInput
from hub.model import EntityName, EventType
from hub.record.incoming import Refused
from hub.record.incoming import Sender as SentBy
from hub.record.intake import record_json
from hub.store import datasets, jobs, names, runs
from hub.store.views import DatasetView, JobView, RunView

router = APIRouter(prefix="/api/v1", tags=["marquez"], responses=RESPONSES)

PRODUCER = "https://trackside.dev/api/v1"
_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_FACET = "https://openlineage.io/spec/facets/"

Event = dict[str, Any]


class Mark(StrEnum):
    """What became of a run."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    ABORT = "abort"


class FieldIn(BaseModel):
    name: Text = Field(min_length=1)
    type: Text | None = None
    description: Text | None = None
    tags: list[Text] = []


class DatasetIn(BaseModel):
    """A dataset as Marquez's clients describe it."""

    type: Literal["DB_TABLE", "STREAM"]
    physical_name: Text | None = Field(None, alias="physicalName")
    source_name: Text = Field(alias="sourceName", min_length=1)
    description: Text | None = None
    schema_location: Text | None = Field(None, alias="schemaLocation")
    fields: list[FieldIn] | None = None
    tags: list[Text] = []
    run_id: UUID | None = Field(None, alias="runId")


class DatasetNameIn(BaseModel):
    namespace: Text = Field(min_length=1)
    name: Text = Field(min_length=1)


class JobIn(BaseModel):
    """A job as Marquez's clients describe it."""

    type: Literal["BATCH", "STREAM", "SERVICE"]
    inputs: list[DatasetNameIn] = []
    outputs: list[DatasetNameIn] = []
    location: Text | None = None
    description: Text | None = None
    tags: list[Text] = []
    run_id: UUID | None = Field(None, alias="runId")


class RunIn(BaseModel):
    """A run that is to be."""

    id: UUID | None = None
    nominal_start_time: Instant | None = Field(None, alias="nominalStartTime")
    nominal_end_time: Instant | None = Field(None, alias="nominalEndTime")
    args: dict[Text, Text | None] = {}


@router.put("/namespaces/{namespace}/datasets/{dataset}", responses=answers(DatasetView))
def put_dataset(namespace: Name, dataset: Name, body: DatasetIn, hub: Hub, by: Sender) -> Response:
    """Describes a dataset; with `runId` as an output of that run. Deprecated by Marquez."""
    name = EntityName(namespace, dataset)
    described = {"namespace": namespace, "name": dataset, "facets": _dataset_facets(body)}
    if body.run_id is None:
        _record(hub, by, {**_event("DatasetEvent"), "dataset": described})
    else:
        _record(hub, by, {**_of_run(hub, by, body.run_id), "outputs": [described]})
    with hub.db.reading() as connection:
        return answer(datasets.get_dataset(connection, viewer_of(by), name))


@router.put("/namespaces/{namespace}/jobs/{job}", responses=answers(JobView))
def put_job(namespace: Name, job: Name, body: JobIn, hub: Hub, by: Sender) -> Response:
    """Describes a job; with `runId` as what that run runs. Deprecated by Marquez."""
    name = EntityName(namespace, job)
    described = {"namespace": namespace, "name": job, "facets": _job_facets(body)}
    begun = (
        _event("JobEvent")
        if body.run_id is None
        else _event("RunEvent", eventType=EventType.OTHER, run={"runId": str(body.run_id)})
    )
    io = {
        "inputs": [each.model_dump() for each in body.inputs],
        "outputs": [each.model_dump() for each in body.outputs],
    }
    _record(hub, by, {**begun, "job": described, **io})
    with hub.db.reading() as connection:
        return answer(jobs.get_job(connection, viewer_of(by), name))


@router.post(
    "/namespaces/{namespace}/jobs/{job}/runs", status_code=201, responses=answers(RunView, 201)
)
def create_run(namespace: Name, job: Name, body: RunIn, hub: Hub, by: Sender) -> Response:
    """Makes a run of a job, in state NEW. Deprecated by Marquez."""
    name = EntityName(namespace, job)
    with hub.db.reading() as connection:
        names.find_job(connection, viewer_of(by), name)
    run_id = body.id or uuid4()
    run = {"runId": str(run_id), "facets": _run_facets(body)}
    event = _event("RunEvent", eventType=EventType.OTHER, run=run)
    _record(hub, by, {**event, "job": {"namespace": namespace, "name": job}})
    with hub.db.reading() as connection:
        return answer(runs.get_run(connection, viewer_of(by), run_id, [name]), 201)


@router.post("/jobs/runs/{id}/{mark}", responses=answers(RunView))
def mark_run(
    id: UUID,  # noqa: A002  Marquez's word
    mark: Mark,
    hub: Hub,
    by: Sender,
    at: Annotated[Instant | None, Query(description="when; now if not told")] = None,
) -> Response:
    """Tells that a run started or ended. Deprecated by Marquez."""
    told = _of_run(hub, by, id)
    when = at or datetime.now(UTC)
    _record(hub, by, {**told, "eventType": mark.upper(), "eventTime": when.isoformat()})
    with hub.db.reading() as connection:
        return answer(runs.get_run(connection, viewer_of(by), id))


def _record(hub: RunningHub, by: Principal, event: Event) -> None:
    """Records the event as if its sender had; what the store can't hold is the caller's fault."""
    team = min(by.teams) if len(by.teams) == 1 else None
    sender = SentBy(by.orchestrator, team)
    for outcome in record_json(hub.intake, hub.writer, [event], sender, by.require_namespace):
        if isinstance(outcome, Refused):
            raise BadInput("$", "this call", "what the store can hold", outcome.reason)


def _event(kind: str, **more: Any) -> Event:
    """What every event has; times differ, so that two equal calls are two facts."""
    now = datetime.now(UTC).isoformat()
    return {"eventTime": now, "producer": PRODUCER, "schemaURL": _SCHEMA + kind, **more}


def _of_run(hub: RunningHub, by: Principal, run_id: UUID) -> Event:
    """The beginning of an event of a run that is known; raises NotFound."""
    with hub.db.reading() as connection:
        run = runs.get_run(connection, viewer_of(by), run_id)
    job = {"namespace": run.job.namespace, "name": run.job.name}
    begun = _event("RunEvent", eventType=EventType.OTHER, run={"runId": str(run_id)})
    return {**begun, "job": job}


def _facet(schema: str, /, **content: Any) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACET}{schema}.json", **content}


def _tags(tags: list[str], fields: list[FieldIn] | None = None) -> dict[str, Any]:
    mine = [{"key": tag, "value": tag, "source": "USER"} for tag in tags]
    theirs = [
        {"key": tag, "value": tag, "source": "USER", "field": field.name}
        for field in fields or ()
        for tag in field.tags
    ]
    return {"tags": [*mine, *theirs]}


def _dataset_facets(body: DatasetIn) -> dict[str, Any]:
    facets: dict[str, Any] = {
        "dataSource": _facet("1-0-1/DatasourceDatasetFacet", name=body.source_name),
        "datasetType": _facet(
            "1-0-1/DatasetTypeDatasetFacet",
            datasetType="TABLE" if body.type == "DB_TABLE" else "STREAM",
        ),
    }
    if body.description is not None:
        facets["documentation"] = _facet(
            "1-1-0/DocumentationDatasetFacet", description=body.description
        )
    if body.fields is not None:
        columns = [f.model_dump(exclude={"tags"}, exclude_none=True) for f in body.fields]
        facets["schema"] = _facet("1-2-0/SchemaDatasetFacet", fields=columns)
    tags = _tags(body.tags, body.fields)
    if tags["tags"]:
        facets["tags"] = _facet("1-0-0/TagsDatasetFacet", **tags)
    return facets


def _job_facets(body: JobIn) -> dict[str, Any]:
    kind = "STREAMING" if body.type == "STREAM" else body.type
    facets: dict[str, Any] = {
        "jobType": _facet("2-0-4/JobTypeJobFacet", processingType=kind, integration="MARQUEZ")
    }
    if body.description is not None:
        facets["documentation"] = _facet(
            "1-1-0/DocumentationJobFacet", description=body.description
        )
    if body.location is not None:
        facets["sourceCodeLocation"] = _facet(
            "1-1-0/SourceCodeLocationJobFacet", type="git", url=body.location
        )
    if body.tags:
        facets["tags"] = _facet("1-0-0/TagsJobFacet", **_tags(body.tags))
    return facets


def _run_facets(body: RunIn) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if body.nominal_start_time is not None:
        times = {"nominalStartTime": body.nominal_start_time.isoformat()}
        if body.nominal_end_time is not None:
            times["nominalEndTime"] = body.nominal_end_time.isoformat()
        facets["nominalTime"] = _facet("1-0-1/NominalTimeRunFacet", **times)
    if body.args:
        facets["marquez_args"] = _facet("1-0-0/BaseFacet", args=body.args)
    return facets
