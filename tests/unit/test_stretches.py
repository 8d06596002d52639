"""Time is cut without a gap and without an overlap, in every time zone there is."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.schedules.periods import Every
from hub.schedules.stretches import ORDER, Cut, Stretch
from hub.schedules.timekeys import read_key

ZONES = sorted(available_timezones() - {"localtime"})
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
zones = st.sampled_from(ZONES)
instants = st.integers(-69 * 365 * 24 * 60, 120 * 365 * 24 * 60).map(
    lambda minute: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)  # 1901 to 2089: whatever clocks did, and will do


def cut(every: Every, zone: str, start: int) -> Cut:
    return Cut(every, zone, start if every is Every.WEEK else 0)


def hours_of(day: str, zone: str) -> list[str]:
    (one,) = read_key(day, Cut(Every.DAY, zone)).stretches
    return [hour.key for hour in Cut(Every.HOUR, zone).beginning(one.begin, one.end)]


@settings(max_examples=400)
@given(st.sampled_from(ORDER), zones, instants, st.integers(0, 6))
@example(Every.HOUR, "America/St_Johns", datetime(2006, 10, 29, 2, 20, tzinfo=UTC), 0)  # 00:01
@example(Every.HOUR, "Australia/Lord_Howe", datetime(2026, 4, 4, 14, 40, tzinfo=UTC), 0)  # 30 min
@example(Every.DAY, "Pacific/Apia", datetime(2011, 12, 30, 9, 59, tzinfo=UTC), 0)  # no 30th
@example(Every.DAY, "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC), 0)  # no midnight
@example(Every.DAY, "America/Toronto", datetime(1919, 3, 31, 4, 30, tzinfo=UTC), 0)  # 23:30
def test_every_instant_lies_in_one_stretch_and_the_next_begins_where_it_ends(
    every: Every, zone: str, at: datetime, start: int
) -> None:
    its = cut(every, zone, start)
    one = its.at(at)
    assert one.begin <= at < one.end
    some = list(islice(its.following(one.begin), 30))
    assert some[0] == one
    assert all(before.end == after.begin for before, after in pairwise(some))
    assert all(stretch.begin < stretch.end for stretch in some)
    assert len({stretch.key for stretch in some}) == len(some)


@settings(max_examples=400)
@given(st.sampled_from(ORDER), zones, instants, st.integers(0, 6))
@example(Every.HOUR, "Australia/Lord_Howe", datetime(2026, 4, 4, 15, 10, tzinfo=UTC), 0)
@example(Every.HOUR, "America/St_Johns", datetime(2006, 10, 29, 2, 30, 30, tzinfo=UTC), 0)
def test_a_key_is_read_as_the_stretch_that_it_was_made_of(
    every: Every, zone: str, at: datetime, start: int
) -> None:
    its = cut(every, zone, start)
    read = read_key(its.at(at).key, its)
    assert (read.stretches, read.note) == ((its.at(at),), "")
    assert read.key == its.at(at).key


@pytest.mark.parametrize("year", [1996, 2026])
def test_every_hour_of_a_year_is_in_one_day_week_and_month_of_every_zone(year: int) -> None:
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    for zone in ZONES[year % 17 :: 17]:  # the rest is left to chance, above
        days = list(Cut(Every.DAY, zone).beginning(begin, end))
        for every in (Every.WEEK, Every.MONTH, Every.QUARTER):
            assert _within(Cut(every, zone), days, Cut(Every.DAY, zone)) == days, (zone, every)
        moved = [one for one in days if one.end - one.begin != DAY][:3]
        for day in moved:
            since, until = Cut(Every.DAY, zone).at(day.begin - HOUR).begin, day.end + DAY
            hours = list(Cut(Every.HOUR, zone).beginning(since, until))
            assert _within(Cut(Every.DAY, zone), hours, Cut(Every.HOUR, zone)) == hours, day.key


def _within(windows: Cut, parts: list[Stretch], cut: Cut) -> list[Stretch]:
    """Those parts that lie in windows, in the order of these."""
    since, until = parts[0].begin, parts[-1].begin
    return [
        part
        for window in windows.beginning(windows.at(since).begin, parts[-1].end)
        for part in cut.beginning(window.begin, window.end)
        if since <= part.begin <= until
    ]


def test_days_have_as_many_hours_as_clocks_give_them() -> None:
    counts = Counter(
        len(hours_of(f"{datetime(2026, 1, 1, tzinfo=UTC) + n * DAY:%Y-%m-%d}", "Europe/Berlin"))
        for n in range(365)
    )
    assert counts == {24: 363, 23: 1, 25: 1}
    assert "2026-03-29T02" not in hours_of("2026-03-29", "Europe/Berlin")
    assert hours_of("2026-10-25", "Europe/Berlin")[1:5] == [
        "2026-10-25T01",
        "2026-10-25T02+02:00",
        "2026-10-25T02+01:00",
        "2026-10-25T03",
    ]


def test_a_day_that_was_left_out_is_none_and_one_without_midnight_begins_later() -> None:
    assert read_key("2011-12-30", Cut(Every.DAY, "Pacific/Apia")).note == (
        "'2011-12-30' never comes in Pacific/Apia"
    )
    assert hours_of("2018-11-04", "America/Sao_Paulo")[0] == "2018-11-04T01"
    assert len(hours_of("2018-11-04", "America/Sao_Paulo")) == 23


def test_weeks_begin_on_the_day_that_is_told() -> None:
    at = datetime(2026, 11, 25, tzinfo=UTC)  # a Wednesday
    assert Cut(Every.WEEK).at(at).key == "2026-W48"
    assert Cut(Every.WEEK, week_start=6).at(at).key == "2026-11-22"
    assert Cut(Every.WEEK, week_start=2).at(at).begin == at


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ((Every.DAY, "Mars/Olympus"), "'Mars/Olympus' is no time zone"),
        ((Every.WEEK, "UTC", 7), "week_start is 7"),
        ((Every.DAY, "UTC", 1), "only weeks start on a weekday"),
    ],
)
def test_what_can_not_be_cut_is_refused(wrong: tuple[Every, str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Cut(*wrong)
