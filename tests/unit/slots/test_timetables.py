"""What a timetable answers, and that its work is bounded."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from hub.model import Schedule
from hub.schedules.slots import MOST, Timetable, timetable_of

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def table(*args: object, **fields: object) -> Timetable:
    found = timetable_of(Schedule(*args, **fields))  # type: ignore[arg-type]
    assert found
    return found


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule("dataset", "{}"),
        Schedule("manual"),
        Schedule("cron", ""),
        Schedule("cron", "MyTimetable"),
        Schedule("cron", "0 6 * * *", "Mars/Olympus"),
        Schedule("interval", "soon"),
        Schedule("interval", "PT0S"),
    ],
)
def test_what_no_clock_starts_or_nobody_can_read_has_no_timetable(schedule: Schedule) -> None:
    assert timetable_of(schedule) is None


def test_the_bounds_are_after_the_one_and_until_the_other() -> None:
    hourly = table("cron", "0 * * * *")
    assert [s.due_at for s in hourly.between(NOON, NOON + 2 * HOUR)] == [
        NOON + HOUR,
        NOON + 2 * HOUR,
    ]


def test_next_is_the_first_of_between() -> None:
    weekdays = table("cron", "30 2 * * 1-5", "Europe/Berlin", timing="interval")
    following = weekdays.next(NOON)
    assert following == weekdays.between(NOON, NOON + 4 * DAY)[0]
    assert following is not None
    assert following.due_at - following.nominal_at == DAY


def test_the_gap_is_that_around_an_instant() -> None:
    weekdays = table("cron", "0 6 * * 1-5")
    assert weekdays.gap(NOON) == DAY
    assert weekdays.gap(NOON - 2 * DAY) == 3 * DAY
    assert table("interval", "PT97M").gap(NOON) == timedelta(minutes=97)


def test_a_schedule_has_a_start_and_an_end() -> None:
    bounds = {"start_at": NOON, "end_at": NOON + 2 * HOUR}
    found = table("cron", "0 * * * *", **bounds)
    assert [s.due_at for s in found.between(NOON - DAY, NOON + DAY)] == [
        NOON,
        NOON + HOUR,
        NOON + 2 * HOUR,
    ]
    assert found.next(NOON - DAY) == found.between(NOON - DAY, NOON)[0]
    assert found.next(NOON + 2 * HOUR) is None
    data = table("cron", "0 * * * *", timing="interval", **bounds)
    assert [s.nominal_at for s in data.between(NOON - DAY, NOON + DAY)] == [
        NOON,
        NOON + HOUR,
        NOON + 2 * HOUR,
    ]


def test_a_trigger_may_be_called_by_a_time_before_it_is_due() -> None:
    found = table("cron", "0 6 * * *", data_interval_s=3600).next(NOON)
    assert found
    assert (found.due_at, found.nominal_at) == (NOON + 18 * HOUR, NOON + 17 * HOUR)


def test_an_interval_lies_whole_steps_from_its_anchor_before_and_after() -> None:
    anchor = NOON + timedelta(minutes=7)
    found = table("interval", "PT1H", anchor=anchor)
    assert [s.due_at for s in found.between(anchor - HOUR, anchor + HOUR)] == [
        anchor,
        anchor + HOUR,
    ]
    assert not found.floating
    assert table("interval", "PT1H").floating


def test_a_cron_of_each_second_over_a_year_is_cut_short() -> None:
    begun = time.process_time()
    assert len(table("cron", "* * * * * *").between(NOON, NOON + 365 * DAY)) == MOST
    assert time.process_time() - begun < 60


def test_a_cron_that_never_comes_expects_nothing() -> None:
    never = table("cron", "0 0 30 2 *")
    assert never.next(NOON) is None
    assert never.between(NOON, NOON + 3650 * DAY) == []
    assert never.gap(NOON) > 3650 * DAY


def test_a_start_long_after_costs_nothing() -> None:
    later = table("cron", "* * * * * *", start_at=NOON + 3650 * DAY)
    assert later.between(NOON, NOON + DAY) == []


@pytest.mark.parametrize(
    ("timing", "put_on"),
    [
        ("trigger", "01:30"),  # half past three
        ("tick", "01:00"),  # three o'clock
    ],
)
def test_where_clocks_are_put_on_airflow_and_dagster_go_their_own_ways(
    timing: str, put_on: str
) -> None:
    found = table("cron", "30 2 * * *", "Europe/Berlin", timing=timing)
    spring, autumn = (datetime(2026, *day, tzinfo=UTC) for day in ((3, 28, 12), (10, 24, 12)))
    dues = [f"{s.due_at:%H:%M}" for at in (spring, autumn) for s in found.between(at, at + DAY)]
    assert dues == [put_on, "01:30"]  # and of two half past twos both take the second
