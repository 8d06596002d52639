"""Rows of Dagster's runs as events."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from adapters.dagster.events import Place, Told, deleted_event, run_event, uuid_of
from adapters.dagster.wire import Fault, Run, RunsAnswer, Stats, convert, moment
from hub.model import EventType
from hub.openlineage.decode import decode_event
from tests.support.fake_dagster import NAMESPACE, NOW, URL, recorded, run_row
from tests.support.samples import own

PLACE = Place(NAMESPACE, URL)


def run_of(**other: Any) -> Run:
    return convert(run_row(**other), Run, "a test")


NOTHING = Told()


def told(run: Run, more: Told = NOTHING) -> dict[str, Any]:
    event = run_event(run, more, PLACE)
    assert event
    assert not decode_event(json.dumps(event).encode()).warnings
    return event


def answer(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event["run"]["facets"]["trackside_answer"]
    return found


def test_every_recorded_run_can_be_told() -> None:
    rows = convert(recorded("runs_updated_after"), RunsAnswer, "a test").runs.results
    assert [told(run)["eventType"] for run in rows] == ["START", "COMPLETE", "COMPLETE"]


@pytest.mark.parametrize(
    ("status", "kind", "at"),
    [
        ("QUEUED", "OTHER", 1795330000.0),
        ("NOT_STARTED", "OTHER", 1795330000.0),
        ("STARTING", "OTHER", 1795330000.0),
        ("A_NEW_STATE", "OTHER", 1795330000.0),
        ("STARTED", "START", 1795330010.0),
        ("CANCELING", "START", 1795330010.0),
        ("SUSPENDED", "START", 1795330010.0),
        ("SUCCESS", "COMPLETE", 1795330020.0),
        ("FAILURE", "FAIL", 1795330020.0),
        ("CANCELED", "ABORT", 1795330020.0),
    ],
)
def test_each_state_is_an_event_at_its_own_time(status: str, kind: str, at: float) -> None:
    event = told(run_of(status=status))
    read = decode_event(json.dumps(event).encode())
    assert event["eventType"] == kind
    assert read.event_time == moment(at)
    assert answer(event)["state"] == status


def test_the_same_row_gives_the_same_bytes() -> None:
    run = run_of(tags=[{"key": "b", "value": "2"}, {"key": "a", "value": "1"}])
    assert json.dumps(told(run)) == json.dumps(told(run))


def test_the_run_id_and_the_job_are_those_of_the_push_reporter() -> None:
    pushed = own("dagster/sensor/0127_complete_asset_job.json")
    run = run_of(
        runId="80b2e37d-f40c-463f-84f3-82fc81d05007",
        jobName="__ASSET_JOB",
        endTime=1795330074.210288,
        tags=[{"key": "dagster/partition", "value": "2026-11-20"}],
    )
    event = told(run)
    assert event["run"]["runId"] == pushed["run"]["runId"]
    assert event["job"]["name"] == pushed["job"]["name"]
    assert event["job"]["namespace"] == pushed["job"]["namespace"]
    assert event["eventTime"] == pushed["eventTime"]
    assert answer(event)["partition"] == "2026-11-20"


def test_a_queued_run_was_queued_when_it_was_enqueued() -> None:
    stats = Stats(enqueued_time=1795330002.5)
    event = told(run_of(status="QUEUED", startTime=None, endTime=None), Told(stats))
    assert event["eventTime"] == answer(event)["queuedAt"] == "2026-11-22T06:46:42.500000Z"
    assert "startedAt" not in answer(event)


def test_a_run_that_failed_before_it_started_has_no_start() -> None:
    event = told(run_of(status="FAILURE", startTime=1795330020.0))
    assert "startedAt" not in answer(event)
    assert event["eventType"] == "FAIL"


def test_a_run_that_dagster_retries_has_failed_for_the_retry_is_a_run_of_its_own() -> None:
    tags = [{"key": "dagster/will_retry", "value": "true"}]
    event = told(run_of(status="FAILURE", tags=tags))
    assert event["eventType"] == "FAIL"
    assert "willRetry" not in answer(event)
    assert event["run"]["facets"]["tags"]["tags"][0]["key"] == "dagster/will_retry"


def test_a_scheduled_run_has_its_slot() -> None:
    event = told(run_of(), Told(slot=NOW))
    read = decode_event(json.dumps(event).encode())
    assert read.run
    assert read.run.nominal_start == NOW


def test_the_error_of_a_failed_run_ends_with_its_cause() -> None:
    error = Fault(message="the step failed\n", causes=[Fault(message="ValueError: no rows\n")])
    event = told(run_of(status="FAILURE"), Told(error=error))
    read = decode_event(json.dumps(event).encode())
    assert read.run
    assert read.run.error_message == "the step failed\nValueError: no rows"
    assert read.run.error_class == "ValueError"
    assert "errorMessage" not in told(run_of(), Told(error=error))["run"]["facets"]


def test_a_row_without_any_time_tells_nothing() -> None:
    none = dict.fromkeys(["creationTime", "startTime", "endTime", "updateTime"])
    assert run_event(run_of(status="QUEUED", **none), Told(), PLACE) is None


@pytest.mark.parametrize("seconds", [None, 0.0, -5.0, float("inf"), float("nan"), 1e30])
def test_what_is_no_time_is_none(seconds: float | None) -> None:
    assert moment(seconds) is None


def test_a_run_with_an_id_of_somebodys_own_has_a_uuid_that_stays() -> None:
    event = told(run_of(runId="nightly-7"))
    assert UUID(event["run"]["runId"]) == uuid_of("nightly-7")
    assert answer(event)["naturalId"] == "nightly-7"


def test_a_deleted_run_is_aborted_in_a_state_of_that_name() -> None:
    event = deleted_event("11111111-1111-4111-8111-111111111111", "orders", "x", NOW, PLACE)
    read = decode_event(json.dumps(event).encode())
    assert read.event_type is EventType.ABORT
    assert read.run
    assert read.run.own_state == "deleted"
