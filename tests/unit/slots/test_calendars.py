"""On which days business is done."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from hub.schedules.calendars import Calendar, month_end

BAVARIA = Calendar("DE", "BY", "Europe/Berlin")


def test_holidays_are_those_of_the_country_and_its_part() -> None:
    assert BAVARIA.holiday(date(2026, 1, 6)) is not None
    assert Calendar("DE", "HH").holiday(date(2026, 1, 6)) is None
    assert not BAVARIA.is_business_day(date(2026, 12, 25))
    assert BAVARIA.is_business_day(date(2026, 12, 28))


def test_a_team_adds_days_of_its_own() -> None:
    inventory, sale = date(2026, 7, 1), date(2026, 7, 4)
    calendar = Calendar(closed=frozenset({inventory}), open=frozenset({sale}))
    assert not calendar.is_business_day(inventory)
    assert calendar.is_business_day(sale)  # a Saturday


def test_a_weekend_may_lie_elsewhere() -> None:
    calendar = Calendar(weekend=frozenset({4, 5}))
    assert not calendar.is_business_day(date(2026, 5, 8))  # a Friday
    assert calendar.is_business_day(date(2026, 5, 10))


def test_first_and_last_business_day_of_a_month() -> None:
    assert BAVARIA.first_business_day(2026, 1) == date(2026, 1, 2)
    assert BAVARIA.last_business_day(2026, 5) == date(2026, 5, 29)
    assert BAVARIA.business_day(2026, 5, 2) == date(2026, 5, 5)  # the first of May is none
    assert BAVARIA.next_business_day(date(2026, 12, 25)) == date(2026, 12, 28)


def test_a_month_has_no_thirtieth_business_day() -> None:
    with pytest.raises(ValueError, match="20 business days"):
        Calendar().business_day(2026, 2, 30)


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2024, 2, 1), date(2024, 2, 29)),
        (date(2026, 2, 28), date(2026, 2, 28)),
        (date(2026, 12, 31), date(2026, 12, 31)),
        (date(2026, 4, 15), date(2026, 4, 30)),
    ],
)
def test_month_end(day: date, end: date) -> None:
    assert month_end(day) == end


def test_the_day_is_that_of_the_calendars_time_zone() -> None:
    assert BAVARIA.day_of(datetime(2026, 5, 1, 23, tzinfo=UTC)) == date(2026, 5, 2)


@pytest.mark.parametrize(
    ("calendar", "why"),
    [
        (Calendar("XX"), "of XX"),
        (Calendar("DE", "ZZ"), "of DE ZZ"),
        (Calendar(None, "BY"), "needs a country"),
        (Calendar(timezone="Mars/Olympus"), "no time zone"),
        (Calendar(weekend=frozenset(range(7))), "weekend"),
    ],
)
def test_what_is_wrong_with_a_calendar_is_said(calendar: Calendar, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        calendar.check()


def test_one_that_is_right_passes() -> None:
    BAVARIA.check()
    Calendar().check()


def test_where_every_day_is_closed_none_is_found() -> None:
    closed = Calendar(weekend=frozenset(range(7)))
    with pytest.raises(ValueError, match="no business day"):
        closed.next_business_day(date(2026, 1, 1))
