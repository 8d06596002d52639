"""The adapter against a real Dagster, row by row with what its own storage holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from adapters.dagster import Dagster, queries
from adapters.dagster.assets import reported
from adapters.dagster.config import DagsterConfig
from adapters.dagster.events import step_run_id
from adapters.dagster.schema import INTROSPECTION, Schema
from adapters.dagster.syntax import parse
from hub.model import EntityName, LineageEvent, RunState, WatermarkObserved
from hub.openlineage.decode import decode_event
from hub.ports import Asked, Grade, KnownRun, Observed, RunName
from tests.support.dagster import VENV, DagsterInProcess
from tests.support.fake_dagster import FakeKnown

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not DagsterInProcess.installed(),
        reason=f"no Dagster in {VENV.name}: make {VENV.name} installs it",
    ),
]

NAMESPACE = "dagster://real"
DAY = "2026-11-20"
STATES = {"SUCCESS": "COMPLETE", "FAILURE": "FAIL", "CANCELED": "ABORT"}

Json = dict[str, Any]


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInProcess]:
    with DagsterInProcess(tmp_path_factory.mktemp("dagster")) as server:
        yield server


@pytest.fixture(scope="module")
def adapter(dagster: DagsterInProcess) -> Iterator[Dagster]:
    adapter = Dagster(DagsterConfig(url=dagster.url), Asked("real", NAMESPACE))
    yield adapter
    adapter.close()


@pytest.fixture(scope="module")
def seen(adapter: Dagster) -> Observed:
    return adapter.observe({}, datetime.now(UTC), FakeKnown())


@pytest.fixture(scope="module")
def by_run(seen: Observed) -> dict[str, Json]:
    """Events by run id; there is one of each."""
    found = {event["run"]["runId"]: event for event in seen.events}
    assert len(found) == len(seen.events)
    return found


def read(event: Json) -> LineageEvent:
    told = decode_event(json.dumps(event).encode())
    assert not told.warnings
    return told


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_every_run_is_told_as_the_storage_holds_it(
    dagster: DagsterInProcess, by_run: dict[str, Json]
) -> None:
    assert dagster.truth["runs"]
    for row in dagster.truth["runs"]:
        event = by_run[row["id"]]
        told = read(event)
        assert told.run
        assert event["job"]["name"] == row["job"]
        assert event["eventType"] == STATES[row["status"]]
        assert told.event_time == at(row["end"])
        assert told.run.own_state == row["status"]
        assert told.run.started_at == at(row["start"])
        assert told.run.partition == row["partition"]
        assert bool(told.run.error_message) == (row["status"] == "FAILURE")


def test_every_step_is_told_as_the_storage_holds_it(
    dagster: DagsterInProcess, by_run: dict[str, Json]
) -> None:
    jobs = {row["id"]: row["job"] for row in dagster.truth["runs"]}
    for row in dagster.truth["steps"]:
        event = by_run[step_run_id(row["run"], row["key"])]
        told = read(event)
        assert told.run
        assert told.run.parent
        assert event["job"]["name"] == f"{jobs[row['run']]}.{row['key']}"
        assert event["eventType"] == STATES[row["status"]]
        assert told.event_time == at(row["end"])
        assert told.run.attempt == row["attempts"]
        assert told.run.parent.run_id == UUID(row["run"]).bytes
        assert bool(told.run.error_message) == (row["status"] == "FAILURE")


def test_nothing_else_is_told(dagster: DagsterInProcess, by_run: dict[str, Json]) -> None:
    """But the tries that a retry followed."""
    expected = {row["id"] for row in dagster.truth["runs"]}
    for row in dagster.truth["steps"]:
        earlier = range(1, row["attempts"])
        expected |= {step_run_id(row["run"], row["key"], number) for number in earlier}
        expected.add(step_run_id(row["run"], row["key"]))
    assert set(by_run) == expected


def test_every_materialization_is_an_output_with_its_partition(
    dagster: DagsterInProcess, by_run: dict[str, Json]
) -> None:
    rows = [row for row in dagster.truth["events"] if row["type"] == "ASSET_MATERIALIZATION"]
    told = [
        (event["run"]["runId"], one.name.name, one.partition)
        for event in by_run.values()
        for one in read(event).datasets
        if one.direction == "OUTPUT"
    ]
    assert sorted(told, key=str) == sorted(
        ((step_run_id(row["run"], row["step"]), row["asset"], row["partition"]) for row in rows),
        key=str,
    )
    assert ("raw/orders", DAY) in {(name, partition) for _, name, partition in told}


def test_every_check_is_told_with_its_result(
    dagster: DagsterInProcess, by_run: dict[str, Json]
) -> None:
    rows = [row for row in dagster.truth["events"] if row["type"] == "ASSET_CHECK_EVALUATION"]
    assert rows
    for row in rows:
        event = by_run[step_run_id(row["run"], row["step"])]
        checks = [(one.name.name, check) for one in read(event).datasets for check in one.checks]
        (found,) = [check for name, check in checks if check.name == row["check"]]
        assert (row["asset"], found) in checks
        assert (found.status == "PASSED") == row["passed"]
        assert found.severity == row["severity"]


def test_rows_columns_and_their_lineage_are_told(by_run: dict[str, Json]) -> None:
    outputs = {
        one.name.name: one
        for event in by_run.values()
        for one in read(event).datasets
        if one.direction == "OUTPUT"
    }
    assert outputs["raw/orders"].rows == 100
    assert [field.name for field in outputs["raw/orders"].fields or ()] == ["id", "ts"]
    (edge,) = outputs["report"].column_lineage or ()
    assert (edge.to_field, edge.from_dataset.name, edge.from_field) == ("id", "raw/orders", "id")


def test_what_an_asset_was_made_of_and_what_was_observed_are_inputs(
    by_run: dict[str, Json],
) -> None:
    inputs = {
        event["job"]["name"].rpartition(".")[2]: {one["name"] for one in event["inputs"]}
        for event in by_run.values()
    }
    assert "raw/orders" in inputs["report"]
    assert "ext_source" in inputs["report"]
    assert "ext_source" in inputs["raw__orders"]


def test_the_cause_of_a_failure_is_told(by_run: dict[str, Json]) -> None:
    told = {e["job"]["name"]: read(e).run for e in by_run.values() if e["eventType"] == "FAIL"}
    failed = told["failing.always_fails"]
    assert failed
    assert failed.error_class == "ValueError"
    assert "fails always" in (failed.error_message or "")


def test_a_second_look_tells_the_same_bytes(adapter: Dagster, seen: Observed) -> None:
    again = adapter.observe({}, datetime.now(UTC), FakeKnown())
    assert [json.dumps(e) for e in again.events] == [json.dumps(e) for e in seen.events]


def test_a_look_that_finds_nothing_new_asks_little(adapter: Dagster, seen: Observed) -> None:
    first = adapter.observe({}, datetime.now(UTC), FakeKnown())
    assert first.requests <= 12
    assert any(isinstance(one, WatermarkObserved) for one in seen.observations)
    assert seen.skew_s is not None
    assert abs(seen.skew_s) < 5


def test_what_is_reported_without_a_run_is_told_of_its_dataset(adapter: Dagster) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    events = reported(adapter._graphql, [["ext_source"]], long_ago, adapter._place)
    told = [read(event).datasets[0] for event in events]
    assert [one.name for one in told] == [EntityName(NAMESPACE, "ext_source")] * 2
    assert [one.lifecycle for one in told] == ["OVERWRITE", None]


def test_a_deleted_run_is_told(dagster: DagsterInProcess, adapter: Dagster, seen: Observed) -> None:
    gone = UUID("99999999-9999-4999-8999-999999999999")
    name = RunName(EntityName(NAMESPACE, "dynamic"), str(gone))
    known = FakeKnown(KnownRun(name, gone.bytes, 0, RunState.RUNNING))
    told = adapter.observe(seen.cursor, datetime.now(UTC), known)
    (event,) = [event for event in told.events if event["run"]["runId"] == str(gone)]
    assert event["run"]["facets"]["trackside_answer"]["state"] == "deleted"


def test_the_log_of_a_failed_step_is_given(dagster: DagsterInProcess, adapter: Dagster) -> None:
    (row,) = [row for row in dagster.truth["runs"] if row["job"] == "failing"]
    name = RunName(EntityName(NAMESPACE, "failing.always_fails"), f"{row['id']}/always_fails")
    tail = adapter.log_tail(name, 1, 20)
    assert tail.error == "ValueError: fails always"
    assert any("fails always" in line for line in tail.lines)


def test_the_connection_is_good(adapter: Dagster) -> None:
    grades = {finding.what: finding.grade for finding in adapter.check_connection()}
    assert grades["address"] is grades["reading"] is Grade.GOOD
    assert Grade.BAD not in grades.values()


def test_the_newest_dagster_knows_every_field_we_ask_for(dagster: DagsterInProcess) -> None:
    """But those of older ones: `freshnessPolicy` is their way."""
    body = parse(INTROSPECTION).render()
    schema = Schema(dagster.graphql(body))
    texts = [text for name, text in vars(queries).items() if name.isupper() and name[0] != "_"]
    for text in [*texts, queries.ticks(2), queries.reports(2)]:
        document = parse(text)
        assert schema.prune(document) == document, document.name
