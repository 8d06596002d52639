"""Datasets that are written and that nobody reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hub.advice.base import DatasetSeen
from tests.support.advised import NOW, advice, daily, dataset, ends, job, updates, world

RUNS = daily(4)


def written(**more: Any) -> DatasetSeen:
    told = {
        "updates": updates(ends(RUNS)),
        "writers": frozenset({1}),
        "written_since": NOW - timedelta(weeks=6),
        "team": "shop",
    }
    return dataset(10, "orders_old", **(told | more))


def silent(**more: Any) -> bool:
    return advice("orphan_dataset", world([job(1, "load", runs=RUNS)], [written(**more)])) == []


def test_what_is_written_and_never_read_is_told_with_what_it_costs() -> None:
    seen = world([job(1, "load", runs=RUNS)], [written()])
    (told,) = advice("orphan_dataset", seen)
    assert (told.dataset, told.team) == (written().name, "shop")
    assert "load has written it 20 times lately; it was never read" in told.says
    assert told.evidence["runsTook"] == "3.3 h"


def test_what_was_read_long_ago_is_told() -> None:
    assert not silent(read_at=NOW - timedelta(weeks=5, minutes=1))


def test_what_a_monthly_job_reads_is_read() -> None:
    assert silent(read_at=NOW - timedelta(days=31))


def test_what_is_not_known_for_long_has_time_to_find_a_reader() -> None:
    assert silent(written_since=NOW - timedelta(weeks=4))


def test_what_a_subscription_waits_for_or_somebody_wants_fresh_is_wanted() -> None:
    assert silent(subscribers=["mart"])
    assert silent(wanted=True)


def test_what_was_written_fewer_than_ten_times_is_not_told() -> None:
    assert silent(updates=updates(ends(RUNS[:9])))


def test_what_no_job_is_known_to_write_is_not_told() -> None:
    assert silent(writers=frozenset())
