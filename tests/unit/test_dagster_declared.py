"""What is declared: jobs, assets, freshness policies, schedules."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from adapters.dagster.events import Place
from adapters.dagster.instigators import Instigator, crons_of, schedules, skipped
from adapters.dagster.instigators import _schedule as schedule_of
from adapters.dagster.instigators import _Schedules as Schedules
from adapters.dagster.inventory import (
    Asset,
    Loads,
    asset_events,
    freshness_policies,
    job_events,
)
from adapters.dagster.inventory import _JobsAnswer as JobsAnswer
from adapters.dagster.pulse import Location
from adapters.dagster.wire import convert
from hub.model import ScheduleObserved
from hub.openlineage.decode import decode_event
from tests.support.fake_dagster import NAMESPACE, NOW, URL, recorded

PLACE = Place(NAMESPACE, URL)
LOADED = 1795329777.98


def loads(at: float = LOADED) -> Loads:
    return Loads([Location("hub_demo", "LOADED", at, "1")])


def assets() -> list[Asset]:
    return convert(recorded("asset_nodes_full")["assetNodes"], list[Asset], "a test")


def recorded_schedules() -> list[Instigator]:
    rows = convert(recorded("schedules")["schedulesOrError"], Schedules, "a test").results
    return [schedule_of(row, "hub_demo") for row in rows]


def by_name(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {(event.get("job") or event["dataset"])["name"]: event for event in events}


def test_a_job_is_declared_with_owner_tags_and_description() -> None:
    answer = convert(recorded("jobs"), JobsAnswer, "a test").repositories
    jobs = [(node.location.name, job) for node in answer.nodes for job in node.jobs]
    events = by_name(list(job_events(jobs, loads(), PLACE)))
    read = decode_event(json.dumps(events["dyn_job"]).encode()).job
    assert read
    assert (read.kind, read.integration) == ("JOB", "DAGSTER")
    assert read.description == "dynamic + flaky"
    assert read.owners == ("team:platform",)
    assert [(tag.key, tag.value) for tag in read.tags or ()] == [("team", "platform")]
    assert events["dyn_job.flaky"]["job"]["facets"]["jobType"]["jobType"] == "STEP"


def test_an_asset_is_declared_with_owners_group_kinds_and_tags() -> None:
    events = [e for e in asset_events(assets(), loads(), PLACE) if "dataset" in e]
    read = decode_event(json.dumps(by_name(events)["raw/orders"]).encode()).datasets[0]
    assert read.owners == ("team:data-eng", "alice@example.com")
    assert {(tag.key, tag.value) for tag in read.tags or ()} == {
        ("group", "ingest"),
        ("dagster/table_name", "lake.raw.orders"),
        ("domain", "sales"),
        ("kind", "duckdb"),
        ("kind", "python"),
        ("tier", "1"),
    }


def test_what_a_step_reads_and_writes_is_known_before_it_runs() -> None:
    events = by_name([e for e in asset_events(assets(), loads(), PLACE) if "job" in e])
    step = events["__ASSET_JOB.orders_clean"]
    assert [one["name"] for one in step["inputs"]] == ["raw/orders"]
    assert [one["name"] for one in step["outputs"]] == ["orders_clean"]
    assert "orders_job.raw__orders" in events


def test_the_same_code_gives_the_same_bytes_and_other_code_does_not() -> None:
    told = [json.dumps(e) for e in asset_events(assets(), loads(), PLACE)]
    assert told == [json.dumps(e) for e in asset_events(assets(), loads(), PLACE)]
    assert told != [json.dumps(e) for e in asset_events(assets(), loads(LOADED + 60), PLACE)]
    assert loads().print != loads(LOADED + 60).print


def test_freshness_policies_of_both_kinds_are_told_in_seconds() -> None:
    found = {p.dataset.name: p for p in freshness_policies(assets(), NAMESPACE, NOW)}
    assert (found["daily_report"].max_lag_s, found["daily_report"].cron) == (120, None)
    cron = found["raw/orders"]
    assert (cron.max_lag_s, cron.cron) == (32_400, "0 9 * * *")
    assert cron.timezone == "Europe/Berlin"


def test_the_older_kind_of_freshness_policy_is_told_too() -> None:
    old = {
        "maximumLagMinutes": 90,
        "cronSchedule": "0 6 * * *",
        "cronScheduleTimezone": "Asia/Tokyo",
    }
    row = {"assetKey": {"path": ["a"]}, "freshnessPolicy": old}
    (found,) = freshness_policies([convert(row, Asset, "a test")], NAMESPACE, NOW)
    assert (found.max_lag_s, found.cron, found.timezone) == (5_400, "0 6 * * *", "Asia/Tokyo")


# -- schedules -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "crons"),
    [
        ("0 3 * * 1", ("0 3 * * 1",)),
        ("['0 3 * * 1', '30 4 * * 5']", ("0 3 * * 1", "30 4 * * 5")),
        ("@daily", ("@daily",)),
        ("", ()),
        ("[", ()),
        ("['a', 5]", ("a",)),
        ("[__import__('os')]", ()),
    ],
)
def test_several_crons_come_as_python_writes_a_list(told: str, crons: tuple[str, ...]) -> None:
    assert crons_of(told) == crons


def declared(found: list[Instigator], *jobs: str) -> dict[str, ScheduleObserved]:
    return {one.job.name: one for one in schedules(found, jobs, NAMESPACE, NOW)}


def test_recorded_schedules_are_declared_of_their_jobs() -> None:
    found = declared(recorded_schedules())
    report = found["report_job"].schedule
    assert (report.kind, report.expression) == ("cron", "* * * * *")
    assert (report.timezone, report.paused) == ("America/New_York", False)
    orders = found["orders_job"].schedule
    assert (orders.timezone, orders.paused, orders.start_at) == ("Europe/Berlin", True, None)


def test_of_several_schedules_those_that_are_on_count() -> None:
    """Two that are on, in UTC, and one that is off, in Berlin."""
    told = declared(recorded_schedules())["dyn_job"].schedule
    assert told.expression == "*/2 * * * *"
    assert (told.timezone, told.paused) == ("UTC", False)


def schedule(name: str, cron: str, zone: str = "UTC", *, on: bool = True) -> Instigator:
    return Instigator("schedule", name, "here", ("job",), on, crons=(cron,), timezone=zone)


def test_crons_of_one_zone_are_joined() -> None:
    found = [schedule("b", "0 2 * * *"), schedule("a", "0 1 * * *"), schedule("c", "0 1 * * *")]
    assert declared(found)["job"].schedule.expression == "0 1 * * *\n0 2 * * *"


def test_of_two_zones_the_one_with_more_schedules_is_told() -> None:
    found = [
        schedule("a", "0 1 * * *", "Asia/Tokyo"),
        schedule("b", "0 2 * * *"),
        schedule("c", "0 3 * * *"),
    ]
    assert declared(found)["job"].schedule.timezone == "UTC"


def test_a_job_that_nothing_starts_is_started_by_hand() -> None:
    assert declared([], "lonely")["lonely"].schedule.kind == "manual"


def test_a_job_of_an_asset_sensor_is_started_by_data() -> None:
    sensor = Instigator("sensor", "s", "here", ("job",), on=True, by_data=True)
    assert declared([sensor])["job"].schedule.kind == "dataset"
    off = msgspec.structs.replace(sensor, on=False)
    assert declared([off])["job"].schedule.kind == "manual"


def tick(status: str, **other: Any) -> dict[str, Any]:
    return {"tickId": "1", "status": status, "timestamp": 1795330560.0} | other


def ticked(*ticks: dict[str, Any]) -> Instigator:
    state = {"status": "RUNNING", "ticks": list(ticks)}
    row = {"name": "s", "cronSchedule": "* * * * *", "pipelineName": "job", "scheduleState": state}
    answer = convert({"results": [row]}, Schedules, "a test")
    return schedule_of(answer.results[0], "here")


def test_a_skipped_tick_is_a_slot_that_was_not_missed() -> None:
    found = ticked(tick("SKIPPED", skipReason="nothing new"), tick("SUCCESS"), tick("FAILURE"))
    (event,) = skipped([found], PLACE)
    read = decode_event(json.dumps(event).encode())
    assert read.run
    assert read.run.own_state == "skipped"
    assert read.run.nominal_start
    assert event["eventType"] == "ABORT"
    assert event["job"]["name"] == "job"
    assert [event] == list(skipped([found], PLACE))


def test_two_skipped_ticks_are_two_runs() -> None:
    later = 1795330560.0 + timedelta(minutes=1).total_seconds()
    found = ticked(tick("SKIPPED"), tick("SKIPPED", timestamp=later))
    assert len({event["run"]["runId"] for event in skipped([found], PLACE)}) == 2


def test_the_error_of_the_latest_tick_is_told() -> None:
    error = {
        "message": "ScheduleExecutionError: ...\n",
        "causes": [{"message": "ValueError: no\n"}],
    }
    failed = tick("FAILURE", error=error)
    assert ticked(failed).last_error == "ValueError: no"
    assert ticked(failed, tick("SUCCESS", timestamp=1795330620.0)).last_error is None
    assert ticked(tick("FAILURE")).last_error == "its last tick failed"
    assert ticked().last_error is None


def test_recorded_failing_ticks_tell_their_error() -> None:
    ticks = recorded("failing_ticks")["instigationStateOrError"]["ticks"]
    assert "failing_sched" in (ticked(*ticks).last_error or "")
