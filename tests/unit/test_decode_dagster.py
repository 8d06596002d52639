"""Events of Dagster: partitions, checks, row counts, steps below their run."""

import json
from typing import Any
from uuid import UUID

from hub.model import CheckStatus, DatasetFacts, EventType, LineageEvent
from hub.openlineage.decode import decode_event
from tests.support.samples import own_events

Json = dict[str, Any]


def all_events() -> list[tuple[str, Json, LineageEvent]]:
    return [(name, json.loads(raw), decode_event(raw)) for name, raw in own_events("dagster")]


def test_the_partition_of_a_run_is_in_its_tags() -> None:
    found = {}
    for name, event, read in all_events():
        assert read.run
        told = event["run"].get("facets", {}).get("hub_dagster_run", {}).get("tags", {})
        assert read.run.partition == told.get("dagster/partition"), name
        found[read.run.partition] = name
    assert "2026-11-20" in found


def test_the_partition_and_the_rows_of_an_asset_are_told() -> None:
    partitions = set()
    for name, event, read in all_events():
        for told, facts in outputs(event, read):
            asset = told.get("facets", {}).get("hub_dagster_asset")
            if asset:
                assert facts.partition == asset["partition"], name
                statistics = told["outputFacets"]["outputStatistics"]
                assert facts.rows == statistics.get("rowCount"), name
                partitions.add(facts.partition)
    assert {"2026-11-20", None} <= partitions


def outputs(event: Json, read: LineageEvent) -> list[tuple[Json, DatasetFacts]]:
    told = event["inputs"] + event["outputs"]
    return list(zip(told, read.datasets, strict=True))[len(event["inputs"]) :]


def test_checks_are_told() -> None:
    checks = [check for _, _, read in all_events() for d in read.datasets for check in d.checks]
    assert {check.status for check in checks} == {CheckStatus.PASSED, CheckStatus.FAILED}
    assert all(check.name for check in checks)


def test_a_queued_run_is_not_a_state_of_openlineage() -> None:
    other = [read for name, _, read in all_events() if "_other_" in name]
    assert other
    assert {read.event_type for read in other} == {EventType.OTHER}


def test_a_step_stands_below_its_run() -> None:
    steps = [
        (event, read.run)
        for _, event, read in all_events()
        if read.job and read.job.kind == "STEP" and read.run
    ]
    assert steps
    for event, run in steps:
        told = event["run"]["facets"]["parent"]
        assert run.parent
        assert run.parent.run_id == UUID(told["run"]["runId"]).bytes
        assert event["job"]["name"].startswith(run.parent.job.name + ".")


def test_the_error_behind_a_failed_step_is_the_one_that_caused_it() -> None:
    failed = [read.run for _, _, read in all_events() if read.run and read.run.error_message]
    assert {run.error_class for run in failed} == {"ParameterCheckError", None}
    assert {run.error_message for run in failed if run.error_class is None} == {
        "asset planned for run, run ended before materialization"
    }
