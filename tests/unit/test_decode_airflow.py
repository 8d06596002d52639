"""Airflow's own facets: which run and try an event is of, and when its Dag is meant to run."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from hub.model import EventType, JobFacts, LineageEvent, RunFacts, Schedule
from hub.openlineage.decode import decode_event
from tests.support.samples import own, own_events

Json = dict[str, Any]

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(event: Json) -> LineageEvent:
    return decode_event(json.dumps(event).encode())


def run_of(event: Json) -> RunFacts:
    run = read(event).run
    assert run
    return run


def job_of(event: Json) -> JobFacts:
    job = read(event).job
    assert job
    return job


def payload(name: str) -> Json:
    return own(f"airflow/{name}.json")


def test_every_task_event_names_its_run_and_try() -> None:
    seen = 0
    for name, raw in own_events("airflow"):
        event = json.loads(raw)
        facet = event["run"]["facets"].get("airflow")
        if facet is None:
            continue
        run, seen = run_of(event), seen + 1
        instance = facet["taskInstance"]
        assert run.natural_id == facet["dagRun"]["run_id"], name
        assert run.attempt == instance["try_number"], name
        assert run.map_index == instance.get("map_index", -1), name
        assert run.external_url == instance.get("log_url"), name
        failed = event["eventType"] == "FAIL"
        assert run.will_retry == (failed and run.attempt <= facet["task"]["retries"]), name
        assert run.parent, name
        assert run.parent.natural_id == run.natural_id, name
        assert run.root, name
        same = run.root.run_id == run.parent.run_id
        assert run.root.natural_id == (run.natural_id if same else None), name
    assert seen > 15


def test_every_dag_event_names_its_run_and_clear() -> None:
    seen = 0
    for name, raw in own_events("airflow"):
        event = json.loads(raw)
        facet = event["run"]["facets"].get("airflowDagRun")
        if facet is None:
            continue
        run, seen = run_of(event), seen + 1
        assert run.natural_id == facet["dagRun"]["run_id"], name
        assert run.attempt == facet["dagRun"]["clear_number"] + 1, name
        assert run.map_index == -1, name
        assert not run.will_retry, name
    assert seen > 10


def test_a_failed_try_that_will_be_retried_is_not_the_end() -> None:
    first, last = payload("task_fail_retry_try1"), payload("task_fail_final_try3")
    assert (run_of(first).attempt, run_of(first).will_retry) == (1, True)
    assert (run_of(last).attempt, run_of(last).will_retry) == (3, False)
    assert run_of(first).error_class == "ValueError"
    assert run_of(first).error_message == "boom try=1"


def test_only_a_failure_is_retried() -> None:
    event = payload("task_fail_retry_try1") | {"eventType": "COMPLETE"}
    assert read(event).event_type is EventType.COMPLETE
    assert not run_of(event).will_retry


def test_a_mapped_task_has_its_index() -> None:
    assert run_of(payload("task_mapped_fail_idx2")).map_index == 2
    assert run_of(payload("task_mapped_start_idx0")).map_index == 0


def test_the_index_is_also_read_from_the_facet_of_mapped_tasks() -> None:
    event = payload("task_mapped_start_idx0")
    del event["run"]["facets"]["airflow"]["taskInstance"]["map_index"]
    assert run_of(event).map_index == 0


def test_a_cleared_dag_run_is_another_attempt_of_the_same_run() -> None:
    assert run_of(payload("dag_start_cleared_clear1")).attempt == 2


def test_without_the_facet_the_run_has_no_natural_id() -> None:
    run = run_of(payload("task_manual_success_no_airflow_facet"))
    assert (run.natural_id, run.attempt) == (None, None)
    assert run.parent
    assert run.parent.natural_id is None


def test_a_dag_run_started_by_another_dag_keeps_the_id_of_neither() -> None:
    run = run_of(payload("dag_start_parent_via_TriggerDagRun"))
    assert run.parent
    assert run.parent.job.name == "parent_trigger.kick"
    assert run.parent.natural_id is None
    assert run.root
    assert (run.root.job.name, run.root.natural_id) == ("parent_trigger", None)


def test_a_root_in_another_dag_has_another_natural_id() -> None:
    event = payload("task_start_retry_try1")
    event["run"]["facets"]["parent"]["root"] = {
        "job": {"namespace": "af-prod", "name": "other"},
        "run": {"runId": "01a20201-5ae0-7424-b351-c50779e9d9c9"},
    }
    run = run_of(event)
    assert run.root
    assert run.root.natural_id is None
    assert run.parent
    assert run.parent.natural_id == run.natural_id


def test_a_run_triggered_by_assets_depends_on_the_runs_that_wrote_them() -> None:
    event = payload("dag_start_asset_triggered_jobDependencies")
    (dependency,) = run_of(event).dependencies
    assert dependency.job.name == "asset_producer.produce"
    assert dependency.upstream
    assert dependency.run_id == UUID("01a20201-9e68-7a4c-b4ec-57f9d81f5c54").bytes
    assert dependency.kind == "IMPLICIT_ASSET_DEPENDENCY"


def test_the_partition_of_a_dag_run_is_read() -> None:
    event = payload("dag_start_cron")
    event["run"]["facets"]["airflowDagRun"]["dagRun"]["partition_key"] = "2026-01-01"
    assert run_of(event).partition == "2026-01-01"


def test_deadlines_are_kept() -> None:
    run = run_of(payload("dag_complete_deadlines_missed"))
    assert json.loads(run.facets["airflowDagRun"])["dagRun"]["deadlines"]["alerts"]


def test_a_cron_schedule_has_its_time_zone() -> None:
    schedule = job_of(payload("dag_start_cron")).schedule
    assert schedule == Schedule("cron", "*/2 * * * *", "UTC", start_at=JANUARY)
    schedule = job_of(payload("dag_start_interval_timetable")).schedule
    assert schedule
    assert (schedule.expression, schedule.timezone) == ("0 * * * *", "Europe/Berlin")


def test_the_schedule_is_the_dags_and_not_its_tasks() -> None:
    assert job_of(payload("task_complete_bash_cron")).schedule is None


def test_a_dag_without_a_schedule_is_run_by_hand() -> None:
    schedule = job_of(payload("dag_complete_deadlines_missed")).schedule
    assert schedule == Schedule("manual", start_at=JANUARY)


def test_a_dag_scheduled_by_assets_has_their_condition() -> None:
    schedule = job_of(payload("dag_start_asset_triggered_jobDependencies")).schedule
    assert schedule
    assert schedule.kind == "dataset"
    condition = json.loads(schedule.expression)
    assert condition["all"][0]["asset"]["uri"] == "postgres://dwh:5432/db/public/orders"


def test_of_assets_or_time_the_time_says_when_a_run_must_have_come() -> None:
    schedule = job_of(payload("dag_start_asset_or_time")).schedule
    assert schedule == Schedule("cron", "0 6 * * *", "UTC", start_at=JANUARY)


@pytest.mark.parametrize(
    ("dag", "expected"),
    [
        ({"timetable": {"expression": "@daily", "timezone": 7200}},
         Schedule("cron", "@daily", "+02:00", timing="interval")),
        ({"timetable": {"expression": "@daily", "timezone": "UTC", "interval": 0.0,
                        "run_immediately": False}},
         Schedule("cron", "@daily")),
        ({"timetable": {"expression": "@daily", "timezone": "UTC", "interval": 3600.0}},
         Schedule("cron", "@daily", data_interval_s=3600.0)),
        ({"timetable": {"expression": "@daily", "timezone": "UTC", "interval": {"months": 1}}},
         None),
        ({"timetable": {"expression": "@daily", "timezone": -19800}},
         Schedule("cron", "@daily", "-05:30", timing="interval")),
        ({"timetable": {"expressions": ["0 6 * * *", "0 18 * * *"], "timezone": "Asia/Tokyo"}},
         Schedule("cron", "0 6 * * *\n0 18 * * *", "Asia/Tokyo")),
        ({"timetable": {"delta": 5400.0}},
         Schedule("interval", "PT5400S", timing="interval", anchor=EPOCH)),
        ({"timetable": {"delta": 5000.0, "interval": 0.0}},
         Schedule("interval", "PT5000S", anchor=datetime(1970, 1, 1, 0, 36, 40, tzinfo=UTC))),
        ({"timetable": {"delta": 1209600.0, "interval": 0.0}},
         Schedule("interval", "PT1209600S", anchor=datetime(1970, 1, 4, 6, tzinfo=UTC))),
        ({"timetable": {"dataset_condition": {"b": 1, "a": 2}}},
         Schedule("dataset", '{"a":2,"b":1}')),
        ({"timetable": {}, "end_date": "2026-01-01T00:00:00Z"}, Schedule("manual", end_at=JANUARY)),
        ({"timetable": {"somebodys": "own"}}, None),
        ({"schedule_interval": "@daily"}, Schedule("cron", "@daily", timing="interval")),
        ({"schedule_interval": "@once"}, Schedule("manual")),
        ({"schedule_interval": "Dataset"}, Schedule("dataset")),
        ({"schedule_interval": {"days": 1}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_timetables(dag: Json, expected: Schedule | None) -> None:
    event = payload("dag_start_cron")
    facet = event["run"]["facets"]["airflowDagRun"]
    facet["dag"] = dag
    facet["dagRun"]["data_interval_end"] = "2026-11-22T06:00:00+00:00"
    assert job_of(event).schedule == expected


def test_a_manual_run_does_not_tell_when_a_timedelta_is_due() -> None:
    event = payload("dag_start_cron")
    facet = event["run"]["facets"]["airflowDagRun"]
    facet["dag"] = {"timetable": {"delta": 5400.0}}
    facet["dagRun"]["run_type"] = "manual"
    assert job_of(event).schedule is None


@pytest.mark.parametrize("facet", [5, {"dagRun": []}, {"taskInstance": {"try_number": "one"}}])
def test_a_facet_of_an_airflow_to_come_does_not_lose_the_event(facet: Any) -> None:
    event = payload("task_start_retry_try1")
    event["run"]["facets"]["airflow"] = facet
    decoded = read(event)
    assert decoded.run
    assert decoded.run.natural_id is None
    assert [warning.path for warning in decoded.warnings] == ["$.run.facets.airflow"]
    assert json.loads(decoded.run.facets["airflow"]) == facet


def test_a_dag_run_that_the_hub_has_launched_is_no_part_of_its_cause() -> None:
    cause = {
        "run": {"runId": "0190a7c0-5d1e-7000-8000-000000000009"},
        "job": {"namespace": "dagster", "name": "orders"},
    }

    def told(run_id: str) -> RunFacts:
        event = {
            "eventType": "START",
            "eventTime": "2026-11-30T06:00:00Z",
            "producer": "https://example.org/tests",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "job": {"namespace": "af", "name": "mart"},
            "run": {
                "runId": "0190a7c0-5d1e-7000-8000-000000000001",
                "facets": {
                    "parent": cause,
                    "airflowDagRun": {
                        "dag": {"dag_id": "mart"},
                        "dagRun": {"dag_id": "mart", "run_id": run_id},
                    },
                },
            },
        }
        run = decode_event(json.dumps(event).encode()).run
        assert run is not None
        return run

    triggered = told("manual__1")
    assert triggered.parent is not None
    launched = told("trackside__abc")
    assert (launched.parent, launched.root) == (None, None)
    (dependency,) = launched.dependencies
    assert (dependency.job.name, dependency.upstream, dependency.kind) == ("orders", True, "LAUNCH")
