"""Quiet hours hold in the time zone of those who sleep, through nights and changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from alerting.quiet import Quiet, quiet_until


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
