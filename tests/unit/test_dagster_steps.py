"""Steps of recorded runs, with what they did to assets; compared with what was pushed of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.dagster.events import Place
from adapters.dagster.logs import run_error
from adapters.dagster.steps import step_events
from adapters.dagster.wire import AssetEvent, Detail, LogAnswer, LogEvent, Run, convert
from hub.model import CheckStatus, LineageEvent
from hub.openlineage.decode import decode_event
from tests.support.fake_dagster import NAMESPACE, URL, recorded, run_row
from tests.support.samples import own

PLACE = Place(NAMESPACE, URL)
JOBS = {
    "broken": "__ASSET_JOB",
    "assets": "__ASSET_JOB",
    "dyn_success": "dyn_job",
    "fail": "fail_job",
}

REPORT = "__ASSET_JOB.daily_report"
STATS = {"stepKey": "daily_report", "status": "SUCCESS", "endTime": 1795330079.3}

Json = dict[str, Any]


def log_of(name: str) -> list[LogEvent]:
    return convert(recorded(f"run_log_{name}"), LogAnswer, "a test").log.events


def run_of(name: str, **other: Any) -> tuple[Run, Detail]:
    told = recorded(f"run_stats_{name}")["runOrError"]
    detail = convert(told | {"assetMaterializations": materializations(name)}, Detail, "a test")
    names = ("runId", "status", "creationTime", "startTime", "endTime", "updateTime")
    row = run_row(jobName=JOBS[name], **{key: told[key] for key in names})
    return convert(row | other, Run, "a test"), detail


def materializations(name: str) -> list[Json]:
    events = recorded(f"run_log_{name}")["logsForRun"]["events"]
    return [event for event in events if event["__typename"] == "MaterializationEvent"]


def steps_of(name: str, **other: Any) -> list[Json]:
    run, detail = run_of(name, **other)
    return list(step_events(run, detail, log_of(name), PLACE))


def named(events: list[Json], job: str) -> list[Json]:
    return [event for event in events if event["job"]["name"] == job]


def read(event: Json) -> LineageEvent:
    found = decode_event(json.dumps(event).encode())
    assert not found.warnings
    return found


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("assets", "0124_complete_asset_job_raw__orders"),
        ("assets", "0126_complete_asset_job_orders_clean"),
        ("broken", "0134_complete_asset_job_daily_report"),
        ("broken", "0136_complete_asset_job_daily_report_report_nonempty"),
        ("broken", "0138_complete_asset_job_daily_report_report_small"),
    ],
)
def test_a_pulled_step_is_the_pushed_one(name: str, file: str) -> None:
    pushed = own(f"dagster/sensor/{file}.json")
    (pulled,) = named(steps_of(name), pushed["job"]["name"])
    assert pulled["run"]["runId"] == pushed["run"]["runId"]
    assert pulled["eventType"] == pushed["eventType"]
    assert pulled["eventTime"] == pushed["eventTime"]
    theirs, ours = decode_event(json.dumps(pushed).encode()), read(pulled)
    assert ours.run
    assert theirs.run
    assert ours.run.parent
    assert theirs.run.parent
    assert ours.run.parent.run_id == theirs.run.parent.run_id
    for mine, other in zip(ours.datasets, theirs.datasets, strict=True):
        assert mine.name == other.name
        assert mine.direction == other.direction
        assert mine.partition == other.partition
        assert mine.rows == other.rows
        assert mine.fields == other.fields
        assert mine.column_lineage == other.column_lineage or not other.column_lineage
        assert [(c.name, c.status, c.severity) for c in mine.checks] == [
            (c.name, c.status, c.severity) for c in other.checks
        ]


def test_a_failed_check_that_only_warns_leaves_its_step_complete() -> None:
    (event,) = named(steps_of("broken"), "__ASSET_JOB.daily_report_report_small")
    check = read(event).datasets[0].checks[0]
    assert event["eventType"] == "COMPLETE"
    assert check.status is CheckStatus.FAILED
    assert check.severity == "WARN"
    assert check.actual == "too many rows"


def test_an_observation_is_an_input_unless_the_step_wrote_it() -> None:
    run, detail = run_of("broken")
    (event,) = named(list(step_events(run, detail, log_of("broken"), PLACE)), REPORT)
    assert [one["name"] for one in event["inputs"]] == ["raw/orders"]
    without = convert({"runId": run.run_id, "stepStats": [STATS]}, Detail, "a test")
    (event,) = step_events(run, without, log_of("broken"), PLACE)
    assert [one["name"] for one in event["inputs"]] == ["daily_report"]


def test_a_failed_step_says_why() -> None:
    (event,) = named(steps_of("broken"), "__ASSET_JOB.broken_asset")
    found = read(event).run
    assert event["eventType"] == "FAIL"
    assert found
    assert found.error_class


def test_a_retried_step_is_one_run_with_two_attempts() -> None:
    first, last = named(steps_of("dyn_success"), "dyn_job.flaky")
    answers = [event["run"]["facets"]["trackside_answer"] for event in (first, last)]
    assert [event["eventType"] for event in (first, last)] == ["FAIL", "COMPLETE"]
    assert [a["attempt"] for a in answers] == [1, 2]
    assert [a.get("willRetry") for a in answers] == [True, None]
    assert answers[0]["naturalId"] == answers[1]["naturalId"]
    assert first["run"]["runId"] != last["run"]["runId"]
    assert read(first).run.error_message  # type: ignore[union-attr]
    assert answers[0]["startedAt"] < first["eventTime"] < answers[1]["startedAt"]


def test_a_step_that_failed_to_the_end_has_the_error_of_each_try() -> None:
    events = named(steps_of("fail"), "fail_job.always_fail")
    assert [event["eventType"] for event in events] == ["FAIL", "FAIL"]
    assert all("errorMessage" in event["run"]["facets"] for event in events)


def test_dynamic_steps_are_told_with_their_kind() -> None:
    jobs = {event["job"]["name"]: event["job"]["facets"] for event in steps_of("dyn_success")}
    assert jobs["dyn_job.work[m0]"]["jobType"]["jobType"] == "STEP"
    assert not jobs["dyn_job.fan"]


def test_a_step_that_runs_has_only_started() -> None:
    run, detail = run_of("dyn_success", status="STARTED", endTime=None)
    row = {"stepKey": "fan", "status": "IN_PROGRESS", "startTime": 1795330218.0}
    detail = convert({"runId": run.run_id, "stepStats": [row]}, Detail, "a test")
    (event,) = step_events(run, detail, [], PLACE)
    assert event["eventType"] == "START"
    assert event["eventTime"] == "2026-11-22T06:50:18.000000Z"


@pytest.mark.parametrize(
    ("status", "kind"), [("FAILURE", "FAIL"), ("CANCELED", "ABORT"), ("SUCCESS", "ABORT")]
)
def test_a_step_that_its_run_left_behind_ends_with_it(status: str, kind: str) -> None:
    run, _ = run_of("dyn_success", status=status)
    row = {"stepKey": "fan", "status": "IN_PROGRESS", "startTime": 1795330218.0}
    detail = convert({"runId": run.run_id, "stepStats": [row]}, Detail, "a test")
    (event,) = step_events(run, detail, [], PLACE)
    assert event["eventType"] == kind
    assert event["eventTime"] == "2026-11-22T06:50:22.180235Z"


def test_why_a_run_failed_is_what_its_failed_step_says() -> None:
    error = run_error(log_of("fail"))
    assert error
    assert "ValueError" in error.first_line or error.causes


def test_an_integer_too_big_for_graphql_is_read_from_its_text() -> None:
    entry = {"label": "dagster/row_count", "intValue": None, "intRepr": "5000000000"}
    found = convert({"metadataEntries": [entry]}, AssetEvent, "a test")
    assert found.metadata_entries[0].number == 5_000_000_000
