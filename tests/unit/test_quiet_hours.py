"""Quiet hours and business hours hold in the time zone of those who sleep, through nights and changes of clocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from alerting.quiet import DeclaredHours, Open, Quiet, quiet_until
from hub.schedules.calendars import Calendar
from hub.schedules.days import Days


def hours(**told: Any) -> tuple[Quiet, ...]:
    usual = {"from": "22:00", "to": "07:00", "timezone": "Europe/Berlin"}
    return (Quiet.model_validate(usual | told),)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-25T20:59", None),
        ("2026-11-25T21:00", "2026-11-26T06:00"),
        ("2026-11-26T05:59", "2026-11-26T06:00"),
        ("2026-11-26T06:00", None),
        ("2026-03-28T23:00", "2026-03-29T05:00"),  # the clock goes forward in this night
        ("2026-10-24T21:00", "2026-10-25T06:00"),  # and back in this one
    ],
)
def test_a_night_is_quiet_by_the_clock_on_the_wall(now: str, until: str | None) -> None:
    assert quiet_until(hours(), at(now), "error") == (until and at(until))


def test_what_is_severe_enough_is_told_at_night() -> None:
    night = at("2026-11-25T23:00")
    assert quiet_until(hours(), night, "critical") is None
    assert quiet_until(hours(below="warning"), night, "warning") is None
    assert quiet_until(hours(below="warning"), night, "info") is not None


def test_a_weekend_is_quiet_as_a_whole() -> None:
    weekend = hours(**{"from": "00:00", "to": "00:00", "days": ["sat", "sun"], "timezone": "UTC"})
    assert quiet_until(weekend, at("2026-11-28T12:00"), "error") == at("2026-11-30T00:00")
    assert quiet_until(weekend, at("2026-11-27T23:59"), "error") is None


def test_hours_that_follow_each_other_are_one_time() -> None:
    both = hours() + hours(**{"from": "07:00", "to": "09:00"})
    assert quiet_until(both, at("2026-11-25T22:00"), "error") == at("2026-11-26T08:00")


@pytest.mark.parametrize(
    "wrong", [{"timezone": "Mars"}, {"from": "25:00"}, {"from": "22:00+01:00"}]
)
def test_what_is_no_time_or_zone_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        hours(**wrong)


# -- business hours ----------------------------------------------------------------------------

GERMAN = Days("business", Calendar("DE", timezone="Europe/Berlin"))
OFFICE = {"from": "09:00", "to": "18:00", "timezone": "Europe/Berlin"}
WEEK = ("mon", "tue", "wed", "thu", "fri")


def office(is_day: Callable[[date], bool] = GERMAN.has, /, **told: Any) -> tuple[Open, ...]:
    return (Open(DeclaredHours.model_validate(OFFICE | told), is_day),)


def told_from(now: str, *within: Open, severity: str = "error") -> datetime | None:
    return quiet_until((), at(now), severity, within)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-25T07:59", "2026-11-25T08:00"),  # a Wednesday
        ("2026-11-25T08:00", None),
        ("2026-11-25T16:59", None),
        ("2026-11-25T17:00", "2026-11-26T08:00"),
        ("2026-11-27T17:00", "2026-11-30T08:00"),  # over the weekend
        ("2026-12-24T17:00", "2026-12-28T08:00"),  # over Christmas, and a weekend
        ("2026-03-27T17:00", "2026-03-30T07:00"),  # over the change of clocks
    ],
)
def test_outside_of_business_hours_it_waits_for_the_next_business_day(
    now: str, until: str | None
) -> None:
    assert told_from(now, *office()) == (until and at(until))


def test_without_a_calendar_the_days_of_the_week_are_told() -> None:
    mine = office(lambda _: True, days=WEEK)
    assert told_from("2026-12-24T17:00", *mine) == at("2026-12-25T08:00")
    assert told_from("2026-12-25T17:00", *mine) == at("2026-12-28T08:00")


def test_what_is_severe_enough_does_not_wait_for_business_hours() -> None:
    assert told_from("2026-11-25T23:00", *office(), severity="critical") is None
    mild = office(below="error")
    assert told_from("2026-11-25T23:00", *mild) is None
    assert told_from("2026-11-25T23:00", *mild, severity="warning") == at("2026-11-26T08:00")


def test_of_several_hours_one_that_holds_is_enough() -> None:
    evening: dict[str, Any] = {"from": "20:00", "to": "22:00"}
    late = office(**evening)
    assert told_from("2026-11-25T19:30", *office(), *late) is None
    assert told_from("2026-11-25T17:30", *office(), *late) == at("2026-11-25T19:00")


def test_quiet_hours_within_them_are_quiet() -> None:
    lunch = hours(**{"from": "12:00", "to": "13:00"})
    assert quiet_until(lunch, at("2026-11-25T11:30"), "error", office()) == at("2026-11-25T12:00")
    evening = hours(**{"from": "17:00", "to": "07:00"})
    assert quiet_until(evening, at("2026-11-25T16:30"), "error", office()) == at("2026-11-26T08:00")


def test_hours_that_never_come_keep_nothing_back_for_ever() -> None:
    assert told_from("2026-11-25T12:00", *office(lambda _: False)) is None
