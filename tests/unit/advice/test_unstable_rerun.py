"""Partitions that have another content when they are made anew."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hub.advice.base import Advice, RewriteSeen
from tests.support.advised import advice, dataset, day, job, updates, world

LOAD, ORDERS, RAW = 1, 10, 11


def written(n: int, at: datetime, rows: int, **more: Any) -> RewriteSeen:
    key = f"{day(n):%Y-%m-%d}"
    told: dict[str, Any] = {"slot": key, "job": LOAD}
    told |= more
    return RewriteSeen(ORDERS, key, told["job"], f"{n}-{rows}", at, rows, told["slot"])


def again(days: int = 4, rows: int = 90, **more: Any) -> list[RewriteSeen]:
    """Each day's partition, and once more a day later."""
    first = [written(n, day(n), 100, **more) for n in range(days)]
    return [*first, *(written(n, day(n + 1), rows + n, **more) for n in range(days))]


def found(
    rewrites: list[RewriteSeen], inputs: list[tuple[datetime, str]] | None = None, **raw: Any
) -> list[Advice]:
    load = job(LOAD, "load", writes=frozenset({ORDERS}), reads=frozenset({RAW}))
    seen = [one for at, key in inputs or [] for one in updates([at], key)]
    datasets = [dataset(ORDERS, "orders"), dataset(RAW, "raw", updates=seen, **raw)]
    return advice("unstable_rerun", world([load], datasets, rewrites=rewrites))


def test_partitions_with_other_rows_when_made_anew_are_told_with_both_counts() -> None:
    (told,) = found(again())
    assert told.evidence == {"writtenAgain": 4, "changed": 4, "partitionsChanged": 4}
    assert "4 partitions of orders" in told.says
    assert told.examples[0].text == "2026-11-13: 100 rows, then 93"
    assert told.datasets == {ORDERS}


def test_two_partitions_may_have_had_their_reason() -> None:
    assert found(again(2)) == []


def test_the_same_rows_again_are_as_it_should_be() -> None:
    same = [written(n, day(n + more), 100) for n in range(6) for more in (0, 1)]
    assert found(same) == []


def test_an_hourly_job_that_adds_to_its_day_writes_for_other_slots() -> None:
    hourly = [
        written(n, day(n) + timedelta(hours=hour), 100 + hour, slot=f"{n}-{hour}")
        for n in range(6)
        for hour in range(24)
    ]
    assert found(hourly) == []


def test_runs_that_do_not_say_what_they_are_of_are_not_compared() -> None:
    assert found(again(slot=None)) == []


def test_an_input_that_was_updated_in_between_explains_it() -> None:
    late = [(day(n) + timedelta(hours=9), f"{day(n):%Y-%m-%d}") for n in range(4)]
    assert found(again(), late) == []
    whole = [(day(n) + timedelta(hours=9), "") for n in range(4)]
    assert found(again(), whole) == []
    hours = [(day(n) + timedelta(hours=9), f"{day(n):%Y-%m-%d}T08") for n in range(4)]
    assert found(again(), hours) == []


def test_updates_of_other_partitions_of_an_input_explain_nothing() -> None:
    others = [(day(n) + timedelta(hours=9), f"{day(n + 1):%Y-%m-%d}") for n in range(4)]
    assert found(again(), others)


def test_an_input_whose_updates_are_not_all_known_may_explain_it() -> None:
    assert found(again(), [(day(19), "2026-11-29")], all=False) == []


def test_another_job_that_writes_the_same_partition_is_no_rerun() -> None:
    first = [written(n, day(n), 100) for n in range(4)]
    assert found([*first, *(written(n, day(n + 1), 90, job=2) for n in range(4))]) == []
