"""Schedules of Prefect in the hub's words: their slots are those that Prefect itself finds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.prefect.schedule import as_written, schedule_of, told_of
from adapters.prefect.wire import Deployment, Limit, Scheduled
from hub.schedules.slots import timetable_of
from tests.support.answers import answer

ZURICH = "Europe/Zurich"


def deployment(*schedules: Mapping[str, Any], active: bool = True, **more: Any) -> Deployment:
    rows = [Scheduled(dict(one), active) for one in schedules]
    return Deployment(UUID(int=1), "nightly", UUID(int=2), schedules=rows, **more)


def test_slots_are_those_that_prefect_finds_also_where_clocks_change() -> None:
    """Recorded with tests/real/prefect_code/dates.py from Prefect 3.9.1."""
    told, untold = 0, 0
    for schedule, start, end, times in answer("prefect/dates"):
        timetable = timetable_of(schedule_of(deployment(schedule)))
        if timetable is None:
            untold += 1
            continue
        begin = datetime.fromisoformat(start) - timedelta(microseconds=1)
        slots = timetable.between(begin, datetime.fromisoformat(end))
        found = [f"{slot.due_at:%Y-%m-%dT%H:%M:%SZ}" for slot in slots][:40]
        assert found == times, (schedule, start)
        told += 1
    assert (told, untold) == (175, 56)


@pytest.mark.parametrize(
    "schedule",
    [
        {"cron": "0 9 13 * 5", "day_or": False},  # every Friday the 13th
        {"rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO"},
        {"rrule": "FREQ=DAILY;COUNT=3"},
        {"rrule": "FREQ=MONTHLY;BYDAY=-1FR"},
        {"rrule": "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1"},
        {"rrule": "FREQ=MONTHLY;BYMONTHDAY=-1"},
        {"rrule": "RRULE:FREQ=DAILY\nEXDATE:20260101T000000"},
        {"rrule": "nonsense"},
        {"interval": 129_600.0, "anchor_date": "2026-01-01T12:00:00Z", "timezone": ZURICH},
        {"interval": 1e300, "anchor_date": "2026-01-01T12:00:00Z"},
        {"interval": 3600.0, "anchor_date": "yesterday"},
        {"cron": "0 9 * * *", "timezone": "Mars/Olympus"},
        {},
    ],
)
def test_what_the_hub_has_no_exact_words_for_is_not_told(schedule: dict[str, Any]) -> None:
    assert told_of(schedule) is None
    assert schedule_of(deployment(schedule)).kind == "manual"


def test_of_several_crons_those_of_the_zone_that_has_most_are_told() -> None:
    told = schedule_of(
        deployment(
            {"cron": "0 1 * * *", "timezone": ZURICH},
            {"cron": "0 2 * * *", "timezone": "UTC"},
            {"cron": "0 3 * * *", "timezone": ZURICH},
        )
    )
    assert (told.expression, told.timezone) == ("0 1 * * *\n0 3 * * *", ZURICH)


def test_a_schedule_that_is_off_does_not_count_beside_one_that_is_on() -> None:
    rows = [Scheduled({"cron": "0 1 * * *"}, active=False), Scheduled({"cron": "0 2 * * *"})]
    told = schedule_of(Deployment(UUID(int=1), "nightly", UUID(int=2), schedules=rows))
    assert (told.expression, told.paused) == ("0 2 * * *", False)


def test_a_deployment_is_paused_as_a_whole_or_by_all_its_schedules() -> None:
    cron = {"cron": "0 1 * * *"}
    assert schedule_of(deployment(cron, paused=True)).paused
    assert schedule_of(deployment(cron, active=False)).paused
    assert not schedule_of(deployment(cron)).paused


def test_the_limit_of_runs_at_once_is_told() -> None:
    assert schedule_of(deployment(global_concurrency_limit=Limit(3))).max_active_runs == 3
    off = deployment(global_concurrency_limit=Limit(3, active=False))
    assert schedule_of(off).max_active_runs is None


def test_every_schedule_is_written_down_for_people() -> None:
    row = deployment({"cron": "0 1 * * *", "timezone": ZURICH}, {"rrule": "FREQ=DAILY"})
    assert list(as_written(row)) == [f"cron 0 1 * * * {ZURICH}", "rrule FREQ=DAILY UTC"]
