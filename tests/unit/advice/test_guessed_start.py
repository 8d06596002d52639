"""Cron guessed to start after another job, and what only looks like it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hub.advice.base import RunSeen, Subscribe, World
from hub.model import EntityName, Schedule
from tests.support.advised import DAYS, advice, daily, dataset, day, ends, job, updates, world

LOAD, MART, ORDERS = 1, 2, 10


def guessed(
    load: Sequence[RunSeen], mart: Sequence[RunSeen], *, of_mart: dict[str, Any] | None = None
) -> World:
    """`mart` reads what `load` writes when it ends."""
    return world(
        [
            job(LOAD, "load", runs=load, writes=frozenset({ORDERS})),
            job(MART, "mart", runs=mart, reads=frozenset({ORDERS}), **(of_mart or {})),
        ],
        [
            dataset(
                ORDERS,
                "orders",
                updates=updates(ends(load)),
                writers=frozenset({LOAD}),
                readers=frozenset({MART}),
            )
        ],
    )


def test_a_cron_that_follows_another_job_by_a_constant_margin_is_told_with_the_subscription() -> (
    None
):
    (told,) = advice("guessed_start", guessed(daily(3), daily(4)))
    assert told.job == EntityName("airflow", "mart")
    assert told.saves_s == 50 * 60
    assert "usually 50 min after orders, written by load" in told.says
    assert told.evidence["runs"] == DAYS
    assert told.evidence["tooEarly"] == 0
    assert told.paste == Subscribe(
        EntityName("airflow", "mart"), "airflow", "shop", [EntityName("db", "orders")]
    )
    assert told.jobs == {LOAD, MART}
    assert told.datasets == {ORDERS}
    assert len(told.examples) == 3


def test_it_is_told_how_often_it_started_before_its_data_was_there() -> None:
    load = [*daily(3, days=range(17)), *daily(3, took=75, days=range(17, DAYS))]
    (told,) = advice("guessed_start", guessed(load, daily(4)))
    assert told.evidence["tooEarly"] == 3
    assert f"3 of {DAYS} runs started before it was there" in told.says
    assert told.saves_s == 50 * 60
    assert "before its data" in told.examples[0].text


def test_all_that_comes_once_for_each_run_is_waited_for_and_what_comes_hourly_is_not() -> None:
    load, items = daily(3), daily(2)
    hourly = [day(n) + timedelta(hours=hour) for n in range(DAYS) for hour in range(24)]
    seen = world(
        [
            job(LOAD, "load", runs=load, writes=frozenset({ORDERS})),
            job(3, "items", runs=items, writes=frozenset({11})),
            job(4, "rates", runs=(), writes=frozenset({12})),
            job(MART, "mart", runs=daily(4), reads=frozenset({ORDERS, 11, 12})),
        ],
        [
            dataset(ORDERS, "orders", updates=updates(ends(load)), writers=frozenset({LOAD})),
            dataset(11, "items", updates=updates(ends(items)), writers=frozenset({3})),
            dataset(12, "rates", updates=updates(hourly), writers=frozenset({4})),
        ],
    )
    (told,) = advice("guessed_start", seen)
    assert isinstance(told.paste, Subscribe)
    assert [name.name for name in told.paste.inputs] == ["items", "orders"]
    assert "is not waited for: rates" in told.fix
    assert told.saves_s == 50 * 60
    assert 12 in told.datasets


def test_runs_of_the_partition_that_was_updated_are_launched_for_it() -> None:
    load = daily(3)
    keys = [f"{run.start:%Y-%m-%d}" for run in load]
    written = [
        one for run, key in zip(load, keys, strict=True) for one in updates(ends([run]), key)
    ]
    mart = [
        run for key, n in zip(keys, range(DAYS), strict=True)
        for run in daily(4, days=[n], partition=key)
    ]  # fmt: skip
    seen = guessed(load, mart)
    orders = dataset(ORDERS, "orders", updates=written, writers=frozenset({LOAD}))
    (told,) = advice("guessed_start", world(seen.jobs.values(), [orders]))
    assert isinstance(told.paste, Subscribe)
    assert told.paste.same_partition
    (other,) = advice("guessed_start", seen)
    assert isinstance(other.paste, Subscribe)
    assert not other.paste.same_partition
    assert "under `partitions`" in other.fix


def silent(load: Sequence[RunSeen], mart: Sequence[RunSeen], **of_mart: Any) -> bool:
    return advice("guessed_start", guessed(load, mart, of_mart=of_mart)) == []


def test_of_fewer_than_ten_runs_nothing_is_told() -> None:
    assert silent(daily(3, days=range(9)), daily(4, days=range(9)))
    assert not silent(daily(3, days=range(10)), daily(4, days=range(10)))


def test_what_is_launched_by_a_subscription_is_no_guess() -> None:
    assert silent(daily(3), daily(4), launched_by=["mart-on-data"])


def test_what_data_or_people_start_is_no_guess() -> None:
    assert silent(daily(3), daily(4, by_clock=False))
    assert silent(daily(3), daily(4), schedule=Schedule("dataset"))


def test_a_schedule_that_was_only_learned_may_be_a_trigger_in_truth() -> None:
    assert silent(daily(3), daily(4), told_by="learned")


def test_a_job_that_is_paused_is_not_spoken_of() -> None:
    assert silent(daily(3), daily(4), schedule=Schedule("cron", "0 4 * * *", paused=True))


def test_what_starts_many_hours_later_keeps_to_the_hours_of_people() -> None:
    assert silent(daily(3), daily(9))


def test_a_margin_that_is_never_the_same_is_no_guess() -> None:
    scattered = [run for n in range(DAYS) for run in daily(3, took=5 + 37 * n % 170, days=[n])]
    assert silent(scattered, daily(6))


def test_what_starts_as_soon_as_its_data_is_there_has_nothing_to_gain() -> None:
    assert silent(daily(3), daily(3.2))


def test_what_mostly_starts_before_its_data_waits_for_it_inside() -> None:
    assert silent(daily(4, took=40), daily(4))


def test_a_daily_job_that_reads_what_comes_hourly_is_no_guess() -> None:
    hourly = [run for hour in range(24) for run in daily(hour, took=5)]
    assert silent(sorted(hourly, key=lambda run: run.start), daily(4.5))


def test_what_a_job_writes_itself_is_not_waited_for() -> None:
    assert silent(daily(3), daily(4), writes=frozenset({ORDERS}))


def test_updates_that_nobody_is_known_to_make_have_no_upstream() -> None:
    seen = guessed(daily(3), daily(4))
    orphan = dataset(ORDERS, updates=seen.datasets[ORDERS].updates)
    assert advice("guessed_start", world(seen.jobs.values(), [orphan])) == []


def test_runs_before_which_updates_are_not_known_are_not_judged() -> None:
    seen = guessed(daily(3), daily(4))
    part = dataset(
        ORDERS, updates=seen.datasets[ORDERS].updates[-9:], all=False, writers=frozenset({LOAD})
    )
    assert advice("guessed_start", world(seen.jobs.values(), [part])) == []
