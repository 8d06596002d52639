"""Cron workflows of Argo in the hub's words, as its documentation says that they are read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from adapters.argo.cron import schedule_of
from adapters.argo.wire import CronWorkflow, read
from hub.model import Schedule
from hub.schedules.slots import timetable_of
from tests.support.fake_argo import FakeArgo, cron_workflow
from tests.support.known import Memory


def told(status: dict[str, Any] | None = None, **spec: Any) -> Schedule:
    row = cron_workflow(**{"timezone": "", "concurrencyPolicy": "", **spec})
    row["status"] |= status or {}
    return schedule_of(read(row, CronWorkflow, "here"), "UTC")


@pytest.mark.parametrize(
    ("cron", "before", "expected"),
    [
        # docs/cron-workflows.md, Daylight Saving: clocks are put on at two o'clock
        ("59 1 * * *", "2020-03-08T00:00", ["08T01:59-0800", "09T01:59-0700", "10T01:59-0700"]),
        ("0 2 * * *", "2020-03-08T00:00", ["09T02:00-0700", "10T02:00-0700", "11T02:00-0700"]),
        ("1 2 * * *", "2020-03-08T00:00", ["09T02:01-0700", "10T02:01-0700", "11T02:01-0700"]),
        # and back
        ("59 1 * * *", "2020-11-01T00:00", ["01T01:59-0700", "01T01:59-0800", "02T01:59-0800"]),
        ("0 2 * * *", "2020-11-01T00:00", ["01T02:00-0800", "02T02:00-0800", "03T02:00-0800"]),
        ("1 2 * * *", "2020-11-01T00:00", ["01T02:01-0800", "02T02:01-0800", "03T02:01-0800"]),
    ],
)
def test_slots_are_those_of_argos_own_table_where_clocks_change(
    cron: str, before: str, expected: list[str]
) -> None:
    schedule = told(schedules=[cron], timezone="America/Los_Angeles")
    timetable = timetable_of(schedule)
    assert timetable is not None
    month = before[:8]
    times = [datetime.strptime(f"{month}{text}", "%Y-%m-%dT%H:%M%z") for text in expected]
    begin = datetime.fromisoformat(f"{before}-08:00")
    assert [slot.due_at for slot in timetable.between(begin, times[-1])] == times


def test_hourly_slots_come_each_hour_where_clocks_are_put_back() -> None:
    timetable = timetable_of(told(schedules=["0 * * * *"], timezone="Europe/Zurich"))
    assert timetable is not None
    begin = datetime.fromisoformat("2026-10-24T22:30+00:00")
    end = datetime.fromisoformat("2026-10-25T03:30+00:00")
    hours = [slot.due_at.hour for slot in timetable.between(begin, end)]
    assert hours == [23, 0, 1, 2, 3]


def test_several_schedules_time_zone_and_policies_are_told() -> None:
    found = told(
        schedules=["0 5 * * *", "30 17 * * 1-5"],
        timezone="Europe/Zurich",
        concurrencyPolicy="Forbid",
        suspend=True,
        startingDeadlineSeconds=90,
    )
    assert found == Schedule(
        "cron",
        "0 5 * * *\n30 17 * * 1-5",
        "Europe/Zurich",
        paused=True,
        max_active_runs=1,
        timing="shown",
        grace_s=90.0,
    )


@pytest.mark.parametrize(
    ("text", "kind", "expression", "zone"),
    [
        ("@daily", "cron", "@daily", "UTC"),
        ("0 5 ? * *", "cron", "0 5 * * *", "UTC"),
        ("CRON_TZ=Asia/Tokyo 0 5 * * *", "cron", "0 5 * * *", "Asia/Tokyo"),
        ("@every 1h30m", "interval", "PT5400S", "UTC"),
        ("@every 90s", "interval", "PT90S", "UTC"),
    ],
)
def test_what_robfig_cron_reads_beside_five_fields(
    text: str, kind: str, expression: str, zone: str
) -> None:
    found = told(schedules=[text])
    assert (found.kind, found.expression, found.timezone) == (kind, expression, zone)
    assert timetable_of(found) is not None


def test_a_single_schedule_as_before_3_6_is_read_too() -> None:
    row = cron_workflow(timezone="")
    row["spec"] |= {"schedules": [], "schedule": "0 5 * * *"}
    assert schedule_of(read(row, CronWorkflow, "here"), "Europe/Zurich").timezone == "Europe/Zurich"


@pytest.mark.parametrize(
    "spec",
    [
        {"when": "{{= cronworkflow.failed == 0 }}"},
        {"schedules": ["@every 1h", "0 5 * * *"]},
        {"schedules": ["@every 1h", "@every 2h"]},
        {"schedules": ["CRON_TZ=Asia/Tokyo 0 5 * * *", "0 5 * * *"]},
        {"schedules": ["nonsense"]},
        {"schedules": ["0 5 * * *"], "timezone": "Mars/Olympus"},
        {"schedules": []},
    ],
)
def test_what_the_hub_has_no_exact_words_for_is_not_told(spec: dict[str, Any]) -> None:
    assert told(**spec).kind == "manual"


def test_one_that_its_stop_strategy_has_stopped_is_paused() -> None:
    assert told({"phase": "Stopped"}).paused is True
    assert told({"phase": "Active"}).paused is False


def test_a_cron_workflow_that_is_deleted_has_no_schedule_any_more() -> None:
    server, memory = FakeArgo(0), Memory()
    adapter = server.adapter()
    now = datetime.fromisoformat("2026-11-22T12:00Z")
    seen = adapter.observe({}, now, memory)
    server.cron = []
    later = datetime.fromisoformat("2026-11-22T12:05Z")
    seen = adapter.observe(seen.cursor, later, memory)
    found = [one.schedule for one in seen.observations if hasattr(one, "schedule")]
    assert found == [Schedule("manual")]
