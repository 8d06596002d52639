"""Real events are understood, and what was understood is what stands in them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from hub.errors import BadInput
from hub.model import DatasetFacts, Direction, EventType, LineageEvent
from hub.openlineage.decode import decode_event
from tests.support.samples import Sample, own_events, shared, shared_events

Json = dict[str, Any]

REFUSED = {
    "event_invalid_dataset_facet": "$.outputs[0].facets.ownership.owners[0].name",
    "event_invalid_input_dataset_facet": (
        "$.inputs[0].inputFacets.dataQualityMetrics.columnMetrics"
    ),
    "event_invalid_job_facet": "$.job.facets.ownership.owners[0].name",
    "event_invalid_output_dataset_facet": "$.outputs[0].outputFacets.outputStatistics.rowCount",
    "event_invalid_run_facet": "$.run.facets.parent.run.runId",
    "event_no_run_id": "$.run.runId",
}


def decoded(samples: Iterator[Sample]) -> Iterator[tuple[str, Json, LineageEvent]]:
    for name, raw in samples:
        yield name, json.loads(raw), decode_event(raw)


def test_every_event_of_our_own_is_understood_without_a_warning() -> None:
    found = list(decoded(own_events()))
    assert len(found) > 170
    assert [name for name, _, event in found if event.warnings] == []


def test_every_event_of_others_is_understood() -> None:
    assert len(list(decoded(shared_events()))) > 900


@pytest.mark.parametrize("samples", [own_events, shared_events])
def test_envelopes_say_what_the_json_says(samples: Any) -> None:
    for name, event, read in decoded(samples()):
        assert read.event_time == utc(event["eventTime"]), name
        assert read.producer == event.get("producer", ""), name
        assert read.event_type == type_of(event, read), name
        assert (read.run is not None) == ("run" in event), name
        if read.job:
            expected = (event["job"]["namespace"], event["job"]["name"])
            assert (read.job.name.namespace, read.job.name.name) == expected, name


@pytest.mark.parametrize("samples", [own_events, shared_events])
def test_every_facet_is_kept_as_it_came(samples: Any) -> None:
    for name, event, read in decoded(samples()):
        if read.run and read.job:
            assert parsed(read.run.facets) == (event["run"].get("facets") or {}), name
            assert parsed(read.job.facets) == (event["job"].get("facets") or {}), name
        for dataset, facts in paired(event, read):
            assert parsed(facts.facets) == (dataset.get("facets") or {}), name
            io = {**(dataset.get("inputFacets") or {}), **(dataset.get("outputFacets") or {})}
            assert parsed(facts.io_facets) == io, name


@pytest.mark.parametrize("samples", [own_events, shared_events])
def test_datasets_say_what_their_facets_say(samples: Any) -> None:
    for name, event, read in decoded(samples()):
        for dataset, facts in paired(event, read):
            facets = dataset.get("facets") or {}
            outputs = (dataset.get("outputFacets") or {}).get("outputStatistics", {})
            if "schema" in facets:
                top = [field.name for field in facts.fields or () if "." not in field.name]
                told = [f["name"] for f in facets["schema"].get("fields", ())]
                assert top == [one for one in told if "." not in one], name
            if "dataSource" in facets:
                assert facts.source_uri == facets["dataSource"].get("uri"), name
            if "rowCount" in outputs:
                assert facts.rows == outputs["rowCount"], name
            assert len(facts.checks) == len(assertions(dataset)), name
            assert edges_told(facets) == edges_read(facts), name


@pytest.mark.parametrize("samples", [own_events, shared_events])
def test_runs_say_what_their_facets_say(samples: Any) -> None:
    for name, event, read in decoded(samples()):
        if not read.run:
            continue
        facets = event["run"].get("facets") or {}
        parent = facets.get("parent") or facets.get("parentRun")
        assert (read.run.parent is not None) == (parent is not None), name
        if parent and read.run.parent:
            assert read.run.parent.run_id.hex() == parent["run"]["runId"].replace("-", ""), name
            assert read.run.parent.job.name == parent["job"]["name"], name
        if "nominalTime" in facets:
            assert read.run.nominal_start == utc(facets["nominalTime"]["nominalStartTime"]), name
        if "errorMessage" in facets:
            assert read.run.error_message == facets["errorMessage"]["message"], name
        told = facets.get("tags", {}).get("tags", [])
        assert [tag.value for tag in read.run.tags or ()] == [tag["value"] for tag in told], name


def test_jobs_say_what_their_facets_say() -> None:
    for name, event, read in decoded(own_events()):
        assert read.job
        facets = event["job"].get("facets") or {}
        told = facets.get("jobType", {})
        assert (read.job.kind, read.job.integration) == (
            told.get("jobType"),
            told.get("integration"),
        ), name
        owners = [owner["name"] for owner in facets.get("ownership", {}).get("owners", ())]
        assert list(read.job.owners or ()) == owners, name


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_an_event_against_the_spec_is_refused_with_the_path(case: str) -> None:
    (file,) = shared(f"samples/openlineage/spec/negative/*__{case}.json")
    with pytest.raises(BadInput) as refusal:
        decode_event(file.read_bytes())
    assert refusal.value.path == REFUSED[case]


def test_no_refused_sample_of_the_spec_is_left_out() -> None:
    files = shared("samples/openlineage/spec/negative/*.json")
    assert sorted(file.stem.split("__")[-1] for file in files) == sorted(REFUSED)


def utc(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def type_of(event: Json, read: LineageEvent) -> EventType:
    return EventType(event.get("eventType", "OTHER")) if read.run else EventType.OTHER


def parsed(facets: dict[str, bytes]) -> Json:
    return {name: json.loads(raw) for name, raw in facets.items()}


def paired(event: Json, read: LineageEvent) -> Iterator[tuple[Json, DatasetFacts]]:
    if read.run is None and "dataset" in event:
        assert [facts.direction for facts in read.datasets] == [None]
        told = [event["dataset"]]
    else:
        inputs, outputs = event.get("inputs") or [], event.get("outputs") or []
        told = inputs + outputs
        directions = [Direction.INPUT] * len(inputs) + [Direction.OUTPUT] * len(outputs)
        assert [facts.direction for facts in read.datasets] == directions
    for dataset, facts in zip(told, read.datasets, strict=True):
        assert facts.name.name == dataset["name"]
        yield dataset, facts


def assertions(dataset: Json) -> set[str]:
    facets = {**(dataset.get("facets") or {})}
    io = {**(dataset.get("inputFacets") or {})}
    told = [
        one
        for where in (facets, io)
        for one in where.get("dataQualityAssertions", {}).get("assertions", ())
    ]
    keys = ("name", "assertion", "column", "success", "severity", "expected", "actual")
    return {json.dumps([one.get(key) for key in keys]) for one in told}


def edges_told(facets: Json) -> set[tuple[str | None, str, str]]:
    lineage = facets.get("columnLineage", {})
    columns = lineage.get("fields", {}).items()
    told = {
        (to, one["name"], one["field"]) for to, column in columns for one in column["inputFields"]
    }
    return told | {(None, one["name"], one["field"]) for one in lineage.get("dataset") or ()}


def edges_read(facts: DatasetFacts) -> set[tuple[str | None, str, str | None]]:
    return {
        (edge.to_field, edge.from_dataset.name, edge.from_field)
        for edge in facts.column_lineage or ()
    }
