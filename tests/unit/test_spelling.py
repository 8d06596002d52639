"""Keys of partitions are spelt as the job that is launched spells its own."""

from __future__ import annotations

import pytest

from hub.schedules.spelling import spelt_like


@pytest.mark.parametrize(
    ("key", "example", "told"),
    [
        # hours: Dagster's, and Airflow's CronPartitionTimetable's
        ("2026-11-23T05", "2026-11-22-23:00", "2026-11-23-05:00"),
        ("2026-11-23T05", "2026-11-22T23:00:00", "2026-11-23T05:00:00"),
        # days
        ("2026-11-23", "2026-11-22", "2026-11-23"),
        ("2026-11-23", "2026-11-22T00:00:00", "2026-11-23T00:00:00"),
        ("2026-11-23", "20261101", "20261123"),
        # weeks, by their number and by their first day
        ("2026-W48", "2026-11-16", "2026-11-23"),
        ("2026-W48", "2026-W01", "2026-W48"),
        # months, quarters
        ("2026-11", "2026-10-01", "2026-11-01"),
        ("2026-11", "2026-10", "2026-11"),
        ("2026-Q4", "2026-07-01", "2026-10-01"),
        # several dimensions, each by itself
        ("2026-11-23T05|eu", "2026-11-22-23:00|us", "2026-11-23-05:00|eu"),
        ("eu|2026-11", "us|2026-10-01", "eu|2026-11-01"),
        # those by name
        ("eu", "us", "eu"),
    ],
)
def test_a_key_is_spelt_as_the_example_is(key: str, example: str, told: str) -> None:
    assert spelt_like(key, example) == told


@pytest.mark.parametrize(
    ("key", "example"),
    [
        ("2026-11", "2026-11-29"),  # a month, and a job of days
        ("2026-W48", "2026-11-22"),  # a week from Monday, and one from Sunday
        ("2026-11-23", "eu"),
        ("eu", "2026-11-23"),
        ("2026-11-23|eu", "2026-11-22"),
        ("2026-11-23T05:00:00+01:00", "2026-11-22-23:00"),  # an instant is no wall time
        ("", "2026-11-22"),
    ],
)
def test_a_key_of_another_kind_stays_as_it_is(key: str, example: str) -> None:
    assert spelt_like(key, example) == key
