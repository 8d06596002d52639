"""Runs of a job that overlap, and what only looks like it."""

from __future__ import annotations

from typing import Any

from hub.advice.base import RunSeen
from hub.model import Schedule
from tests.support.advised import DAYS, a_run, advice, daily, day, job, world

#: On four of the days it takes longer than until the next.
SLOW = (3, 7, 11, 15)


def runs(long: float = 25 * 60, slow: tuple[int, ...] = SLOW, **more: Any) -> list[RunSeen]:
    return [a_run(day(n), took=long if n in slow else 60, **more) for n in range(DAYS)]


def silent(*args: Any, **more: Any) -> bool:
    of_job = more.pop("of_job", {})
    return advice("overlap", world([job(1, runs=runs(*args, **more), **of_job)])) == []


def test_runs_that_start_while_the_one_before_runs_are_told() -> None:
    (told,) = advice("overlap", world([job(1, runs=runs())]))
    assert told.evidence["overlaps"] == 4
    assert told.evidence["runs"] == DAYS
    assert told.evidence["longestS"] == 3600
    assert "4 of its 20 latest runs" in told.says
    assert "max_active_runs=1" in told.fix


def test_what_comes_seldom_is_no_habit() -> None:
    assert silent(slow=(3, 7))


def test_clocks_that_differ_by_seconds_make_no_overlap() -> None:
    assert silent(24 * 60 + 0.5)


def test_a_job_that_may_run_several_times_at_once_is_meant_to() -> None:
    assert silent(of_job={"schedule": Schedule("cron", "0 0 * * *", max_active_runs=4)})


def test_what_people_and_data_start_is_not_judged() -> None:
    assert silent(by_clock=False)


def test_a_stream_has_no_runs_to_overlap() -> None:
    assert silent(of_job={"endless": True})


def test_runs_that_are_made_up_for_in_a_bunch_are_not_too_slow() -> None:
    bunch = [a_run(day(DAYS), took=60, nominal=day(n)) for n in range(5)]
    assert advice("overlap", world([job(1, runs=[*daily(0), *bunch])])) == []


def test_of_fewer_than_ten_runs_nothing_is_told() -> None:
    assert advice("overlap", world([job(1, runs=daily(0, took=25 * 60, days=range(9)))])) == []
