"""One canonical key of a partition of time, whoever writes it; what is ambiguous stays and is said."""

from datetime import UTC, datetime, timedelta

import pytest

from hub.schedules.periods import Every
from hub.schedules.stretches import Cut
from hub.schedules.timekeys import interval_key, normal, read_key

HOUR, DAY, WEEK, MONTH = (Cut(one) for one in (Every.HOUR, Every.DAY, Every.WEEK, Every.MONTH))
BERLIN = "Europe/Berlin"
BERLIN_HOUR = Cut(Every.HOUR, BERLIN)


@pytest.mark.parametrize(
    ("key", "cut", "canonical"),
    [
        ("2026-11-23", DAY, "2026-11-23"),
        ("20261123", DAY, "2026-11-23"),
        ("date=2026-11-23", DAY, "2026-11-23"),
        ("year=2026/month=11/day=23", DAY, "2026-11-23"),
        ("2026-11-23T00:00:00", DAY, "2026-11-23"),  # Airflow, of a daily timetable
        ("2026-11-23T05:30:00", DAY, "2026-11-23"),  # ... that runs at 05:30
        ("2026-11-23T23:30:00Z", Cut(Every.DAY, BERLIN), "2026-11-24"),
        ("2026-11-23T05", HOUR, "2026-11-23T05"),
        ("2026-11-23-05:00", HOUR, "2026-11-23T05"),  # Dagster
        ("2026-11-23T05:00:00+01:00", HOUR, "2026-11-23T04"),
        ("2026-11-23T05:00:00.123456+00:00", HOUR, "2026-11-23T05"),
        ("2026-W48", WEEK, "2026-W48"),
        ("2026W48", WEEK, "2026-W48"),
        ("2026-11-23", WEEK, "2026-W48"),
        ("2026-11-23 (W48)", WEEK, "2026-W48"),  # Airflow's mapper
        ("2026-11-22", Cut(Every.WEEK, week_start=6), "2026-11-22"),  # Dagster
        ("2026-11-25T09:00:00Z", WEEK, "2026-W48"),
        ("2026-11", MONTH, "2026-11"),
        ("202611", MONTH, "2026-11"),
        ("2026-11-01", MONTH, "2026-11"),
        ("2026-Q4", Cut(Every.QUARTER), "2026-Q4"),
        ("2026-10-01", Cut(Every.QUARTER), "2026-Q4"),
        ("2026", Cut(Every.YEAR), "2026"),
        ("2026-10-25T02+01:00", BERLIN_HOUR, "2026-10-25T02+01:00"),
        ("2026-10-25-02:00+0100", BERLIN_HOUR, "2026-10-25T02+01:00"),  # Dagster: the second
        ("2026-10-25-02:00", BERLIN_HOUR, "2026-10-25T02+02:00"),  # and the first
        ("2026-10-25T00:30:00Z", BERLIN_HOUR, "2026-10-25T02+02:00"),
    ],
)
def test_whoever_writes_it_it_is_one_key(key: str, cut: Cut, canonical: str) -> None:
    read = read_key(key, cut)
    assert (read.key, len(read.stretches), read.note) == (canonical, 1, "")
    assert normal(key, cut) == canonical


@pytest.mark.parametrize(
    ("key", "cut", "note"),
    [
        ("main", DAY, "'main' is no time"),
        ("2026-02-31", DAY, "'2026-02-31' is no time"),
        ("eu/2026-11-23", DAY, "'eu/2026-11-23' is no time"),
        ("2026-11-23|eu", DAY, "'2026-11-23|eu' is no time"),
        ("2026-11-23+01:00", DAY, "'2026-11-23+01:00' is no time"),
        ("2026-11", DAY, "'2026-11' names a month, not a day"),
        ("2026-11-23", HOUR, "'2026-11-23' names a day, not an hour"),
        ("2026-11-24", WEEK, "'2026-11-24' begins no week from Monday"),
        ("2026-11-15", MONTH, "'2026-11-15' begins no month"),
        ("2026-03-29T02", BERLIN_HOUR, "'2026-03-29T02' never comes in Europe/Berlin"),
    ],
)
def test_what_is_no_such_partition_is_kept_and_said(key: str, cut: Cut, note: str) -> None:
    read = read_key(key, cut)
    assert (read.key, read.stretches, read.note) == (key, (), note)


def test_an_hour_that_comes_twice_is_kept_and_may_be_either() -> None:
    read = read_key("2026-10-25T02", BERLIN_HOUR)
    assert read.key == "2026-10-25T02"
    assert read.ambiguous
    assert [one.key for one in read.stretches] == ["2026-10-25T02+02:00", "2026-10-25T02+01:00"]
    assert read.note == (
        "'2026-10-25T02' comes twice in Europe/Berlin: 2026-10-25T02+02:00 or 2026-10-25T02+01:00"
    )


@pytest.mark.parametrize(
    ("key", "canonical"),
    [
        ("20261123", "2026-11-23"),
        ("2026-11-23-05:00", "2026-11-23T05"),
        ("2026W48", "2026-W48"),
        ("dt=2026-11", "2026-11"),
        ("2026Q4", "2026-Q4"),
        ("2026-11-23T00:00:00", "2026-11-23T00:00:00"),  # a day, or an hour?
        ("2026-11-23T05:00:00Z", "2026-11-23T05:00:00Z"),
        ("2026", "2026"),
        ("main", "main"),
    ],
)
def test_without_being_told_a_key_is_what_it_says_itself(key: str, canonical: str) -> None:
    assert normal(key) == canonical


def test_a_data_interval_is_a_partition_if_it_is_just_one() -> None:
    begin = datetime(2026, 11, 23, tzinfo=UTC)
    assert interval_key(begin, begin + timedelta(hours=1)) == "2026-11-23T00"
    assert interval_key(begin, begin + timedelta(days=1)) == "2026-11-23"
    assert interval_key(begin, begin + timedelta(days=7)) == "2026-W48"
    assert interval_key(begin, begin + timedelta(days=2)) == "2026-11-23T00:00:00Z"
    assert interval_key(begin, None) == "2026-11-23T00:00:00Z"
    assert interval_key(begin, None, Cut(Every.HOUR, BERLIN)) == "2026-11-23T01"
