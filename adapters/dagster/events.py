"""Rows of Dagster as OpenLineage events: pure, so that the same row gives the same bytes.

Names and ids are those of the push reporter (examples/dagster), so that what is pulled and what is
pushed are the same runs: the run id is Dagster's, a step's is a UUID made of run id and step key,
and a step's job is `<job>.<step>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from adapters.dagster.wire import (
    ENDED,
    OF_BACKFILL,
    PARTITION_TAG,
    RUNNING,
    Fault,
    Pair,
    Run,
    Stats,
    iso,
    moment,
)
from hub.ports import Json

PRODUCER: Final = "https://github.com/trackside/trackside/adapters/dagster"
SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_FACETS: Final = "https://openlineage.io/spec/facets/"
_TYPES: Final = {"SUCCESS": "COMPLETE", "FAILURE": "FAIL", "CANCELED": "ABORT"}
MESSAGE_CHARACTERS: Final = 4_000


class Place(Struct, frozen=True):
    """Where events belong: the namespace of jobs and datasets, and Dagster's web page."""

    namespace: str
    url: str

    def run_page(self, run_id: str) -> str:
        return f"{self.url}/runs/{run_id}"


class Told(Struct, frozen=True):
    """What is known of a run beyond its row. `slot`: the scheduled time it runs for."""

    stats: Stats | None = None
    slot: datetime | None = None
    error: Fault | None = None


def facet(schema: str, **members: object) -> Json:
    """`schema`: its file in the spec, as in 1-0-1/NominalTimeRunFacet."""
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}{schema}.json", **members}


def own_facet(name: str, **members: object) -> Json:
    """A facet the spec has no word for; what is None is left out."""
    known = {key: value for key, value in members.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": f"{PRODUCER}/{name}.json", **known}


def event(
    kind: str,
    at: datetime,
    place: Place,
    job: str,
    run_id: str,
    facets: Mapping[str, Json],
    *,
    inputs: Sequence[Json] = (),
    outputs: Sequence[Json] = (),
    job_facets: Mapping[str, Json] | None = None,
) -> Json:
    """A RunEvent."""
    return {
        "eventType": kind,
        "eventTime": iso(at),
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}RunEvent",
        "run": {"runId": run_id, "facets": dict(facets)},
        "job": {"namespace": place.namespace, "name": job, "facets": dict(job_facets or {})},
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


def uuid_of(run_id: str) -> UUID:
    """Dagster's run id, which is a UUID unless somebody made the run with an id of their own."""
    try:
        return UUID(run_id)
    except ValueError:
        return uuid5(NAMESPACE_URL, f"dagster:{run_id}")


def step_run_id(run_id: str, step_key: str, attempt: int | None = None) -> str:
    """Of a step; with `attempt`, of a try that was followed by another."""
    name = f"step:{step_key}" if attempt is None else f"step:{step_key}:try:{attempt}"
    return str(uuid5(uuid_of(run_id), name))


def step_id(run_id: str, step_key: str) -> str:
    """A step's natural id."""
    return f"{run_id}/{step_key}"


def queued_at(run: Run, stats: Stats | None) -> datetime | None:
    return moment(stats.enqueued_time if stats else None) or moment(run.creation_time)


def started_at(run: Run) -> datetime | None:
    """None for a run that failed before it started, whose start Dagster tells as its end."""
    if run.status in {"FAILURE", "CANCELED"} and run.start_time == run.end_time:
        return None
    return moment(run.start_time)


def run_event(run: Run, told: Told, place: Place) -> Json | None:
    """The state of a run as it is now; None if the row holds no time at all."""
    kind = _TYPES.get(run.status, "START" if run.status in RUNNING else "OTHER")
    queued, started = queued_at(run, told.stats), started_at(run)
    if run.status in ENDED:
        at = moment(run.end_time) or moment(run.update_time)
    else:
        at = (started if run.status in RUNNING else None) or queued
    if at is None:
        return None
    answer = answer_facet(
        run.status,
        run.run_id,
        queuedAt=queued,
        startedAt=started,
        url=place.run_page(run.run_id),
        partition=run.tag(PARTITION_TAG),
        backfill=run.tag(OF_BACKFILL),
    )
    facets = {"trackside_answer": answer}
    if told.slot:
        facets["nominalTime"] = facet("1-0-1/NominalTimeRunFacet", nominalStartTime=iso(told.slot))
    if run.tags:
        facets["tags"] = tags_facet("1-0-0/TagsRunFacet", run.tags)
    if kind == "FAIL" and told.error:
        facets["errorMessage"] = error_facet(told.error)
    return event(kind, at, place, run.job_name, str(uuid_of(run.run_id)), facets)


def answer_facet(state: str, natural_id: str, **members: object) -> Json:
    """What Dagster itself says of an attempt; times are told in ISO."""
    told = {k: iso(v) if isinstance(v, datetime) else v for k, v in members.items()}
    return own_facet("trackside_answer", state=state, naturalId=natural_id, **told)


def tags_facet(schema: str, tags: Sequence[Pair]) -> Json:
    told = sorted((tag.key, tag.value or tag.key) for tag in tags)
    return facet(schema, tags=[{"key": k, "value": v, "source": "DAGSTER"} for k, v in told])


def error_facet(error: Fault) -> Json:
    """The message, then its causes: the last line tells the exception that began it."""
    texts = [error.message, *(cause.message for cause in error.causes)]
    message = "\n".join(text.strip() for text in texts if text.strip())
    return facet(
        "1-0-1/ErrorMessageRunFacet",
        message=message[-MESSAGE_CHARACTERS:] or (error.class_name or "failed"),
        programmingLanguage="python",
    )


def deleted_event(run_id: str, job: str, natural_id: str, at: datetime, place: Place) -> Json:
    """A run that was deleted in Dagster while it was open; `at`: when that was noticed."""
    facets = {"trackside_answer": answer_facet("deleted", natural_id)}
    return event("ABORT", at, place, job, run_id, facets)


def job_event(
    place: Place,
    job: str,
    at: datetime,
    facets: Mapping[str, Json],
    *,
    inputs: Sequence[Json] = (),
    outputs: Sequence[Json] = (),
) -> Json:
    """A JobEvent: what is declared of a job. `at`: when its code was loaded."""
    return {
        "eventTime": iso(at),
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}JobEvent",
        "job": {"namespace": place.namespace, "name": job, "facets": dict(facets)},
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


def dataset_event(at: datetime, about: Json) -> Json:
    """A DatasetEvent: what is declared of a dataset, or reported of it without a run."""
    return {
        "eventTime": iso(at),
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}DatasetEvent",
        "dataset": about,
    }


def dataset(
    place: Place,
    name: str,
    *,
    facets: Mapping[str, Json] | None = None,
    **io_facets: Mapping[str, Json],
) -> Json:
    """`inputFacets` or `outputFacets` as keywords; empty ones are left out."""
    told: Json = {"namespace": place.namespace, "name": name}
    known = {"facets": facets or {}, **io_facets}
    return told | {key: dict(value) for key, value in known.items() if value}


def job_type(kind: str) -> Json:
    """`kind`: JOB or STEP."""
    return facet(
        "2-0-3/JobTypeJobFacet", processingType="BATCH", integration="DAGSTER", jobType=kind
    )
