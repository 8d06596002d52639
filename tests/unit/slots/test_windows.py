"""When a maintenance window is open, and when that changes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.schedules.windows import OnceWindow, RecurringWindow, Window, covered, weekly

HOUR = timedelta(hours=1)
SATURDAY = datetime(2026, 5, 9, tzinfo=UTC)


def test_one_that_comes_once_begins_with_its_beginning_and_ends_before_its_end() -> None:
    window = OnceWindow(SATURDAY, SATURDAY + HOUR)
    second = timedelta(seconds=1)
    assert [window.covers(at) for at in (SATURDAY - second, SATURDAY, SATURDAY + HOUR)] == [
        False,
        True,
        False,
    ]
    assert window.next_edge(SATURDAY - second) == SATURDAY
    assert window.next_edge(SATURDAY) == SATURDAY + HOUR
    assert window.next_edge(SATURDAY + HOUR) is None


def test_one_that_comes_each_week_is_read_in_its_time_zone() -> None:
    window = weekly([5], time(22), 4 * HOUR, "Europe/Berlin")
    begin = SATURDAY + 20 * HOUR
    assert window.next_edge(SATURDAY) == begin
    assert window.covers(begin)
    assert window.covers(begin + 3 * HOUR)  # Sunday
    assert window.next_edge(begin) == begin + 4 * HOUR
    assert not window.covers(begin + 4 * HOUR)


def test_where_clocks_change_it_lasts_as_long_as_ever() -> None:
    window = weekly([], time(1), 3 * HOUR, "Europe/Berlin")
    begin = datetime(2026, 3, 29, 0, tzinfo=UTC)
    assert window.next_edge(begin - HOUR) == begin
    assert window.next_edge(begin) == begin + 3 * HOUR


def test_windows_that_touch_are_one() -> None:
    window = RecurringWindow("0 10,11,12 * * *", HOUR)
    assert window.next_edge(SATURDAY + 10 * HOUR) == SATURDAY + 13 * HOUR


def test_one_that_never_closes_has_no_edge() -> None:
    assert RecurringWindow("0 * * * *", 2 * HOUR).next_edge(SATURDAY) is None


def test_any_of_several_covers() -> None:
    windows: list[Window] = [OnceWindow(SATURDAY, SATURDAY + HOUR), weekly([6], time(0), HOUR)]
    assert covered(windows, SATURDAY)
    assert covered(windows, SATURDAY + 24 * HOUR)
    assert not covered(windows, SATURDAY + 12 * HOUR)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: OnceWindow(SATURDAY, SATURDAY), "not after"),
        (lambda: RecurringWindow("0 25 * * *", HOUR), "no cron"),
        (lambda: RecurringWindow("0 2 * * *", timedelta(0)), "above zero"),
        (lambda: RecurringWindow("0 2 * * *", timedelta(days=40)), "at most"),
        (lambda: RecurringWindow("0 2 * * *", HOUR, "Mars/Olympus"), "no time zone"),
        (lambda: weekly([7], time(2), HOUR), "weekdays"),
    ],
)
def test_what_is_wrong_with_a_window_is_said(make: object, why: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=why):
        make()


@given(
    st.sampled_from(["0 */3 * * *", "30 22 * * 5", "15 1 1 * *", "0 0,1,8 * * *"]),
    st.integers(1, 300),
    st.integers(0, 400 * 24 * 60),
)
@settings(max_examples=100)
def test_from_edge_to_edge_the_answer_stays_and_then_changes(
    cron: str, minutes: int, start: int
) -> None:
    window = RecurringWindow(cron, timedelta(minutes=minutes), "America/New_York")
    at = SATURDAY + timedelta(minutes=start)
    edge = window.next_edge(at)
    if edge is not None:
        before = [at + n * (edge - at) / 7 for n in range(7)]
        assert {window.covers(one) for one in before} == {window.covers(at)}
        assert window.covers(edge) is not window.covers(at)
