"""Jobs that run much more often than anything changes, or than anybody reads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from hub.advice.base import Advice, RunSeen, Subscribe
from hub.model import RunState, Schedule
from tests.support.advised import a_run, advice, daily, dataset, day, ends, job, updates, world

JOB, OTHER, IN, OUT = 1, 2, 10, 11


def hourly(days: int = 3, **more: Any) -> list[RunSeen]:
    return [
        a_run(day(n) + timedelta(hours=hour), took=5, **more)
        for n in range(days)
        for hour in range(24)
    ]


def unfed(
    at: Iterable[datetime], *, of_job: dict[str, Any] | None = None, **of_data: Any
) -> list[Advice]:
    """A job that runs hourly, and whose input is updated then."""
    told: dict[str, Any] = {"updates": updates(at), "writers": frozenset({OTHER})}
    mine = {"runs": hourly(), "reads": frozenset({IN})} | (of_job or {})
    return advice(
        "needless_runs",
        world([job(JOB, "payouts", **mine), job(OTHER, "load")], [dataset(IN, **(told | of_data))]),
    )


DAILY = [day(n) + timedelta(hours=3, minutes=30) for n in range(-5, 5)]


def test_runs_that_find_nothing_new_are_told_with_the_subscription() -> None:
    (told,) = unfed(DAILY)
    assert (told.evidence["runs"], told.evidence["inVain"]) == (71, 68)
    assert "68 of 71 runs found nothing new" in told.says
    assert told.evidence["every"] == "60 min"
    assert isinstance(told.paste, Subscribe)
    assert told.paste.any


def test_an_input_that_comes_every_other_run_is_no_waste() -> None:
    assert unfed([day(n) + timedelta(hours=h) for n in range(4) for h in range(0, 24, 2)]) == []


def test_an_input_of_which_little_is_known_may_change_unseen() -> None:
    assert unfed(DAILY[:2]) == []
    assert unfed(DAILY, writers=frozenset()) == []


def test_runs_before_which_updates_are_not_known_are_not_judged() -> None:
    assert unfed([day(3) + timedelta(minutes=n) for n in range(3)], all=False) == []


def test_what_no_clock_starts_is_not_judged() -> None:
    assert unfed(DAILY, of_job={"schedule": Schedule("dataset")}) == []
    assert unfed(DAILY, of_job={"runs": hourly(by_clock=False)}) == []
    assert unfed(DAILY, of_job={"endless": True}) == []


def test_of_fewer_than_ten_runs_nothing_is_told() -> None:
    assert unfed(DAILY, of_job={"runs": hourly()[:9]}) == []


def unread(
    *, reader: dict[str, Any] | None = None, mine: dict[str, Any] | None = None, **of_data: Any
) -> list[Advice]:
    """A job that runs hourly, and what it writes is read once a day."""
    theirs = {"runs": daily(4.5, days=range(-5, 5)), "reads": frozenset({OUT})} | (reader or {})
    own = {"runs": hourly(), "writes": frozenset({OUT})} | (mine or {})
    told: dict[str, Any] = {
        "updates": updates(ends(hourly())),
        "writers": frozenset({JOB}),
        "readers": frozenset({OTHER}),
    }
    return advice(
        "needless_runs",
        world(
            [job(JOB, "stock", **own), job(OTHER, "forecast", **theirs)],
            [dataset(OUT, "levels", **(told | of_data))],
        ),
    )


def test_what_is_written_again_before_anybody_reads_it_is_told() -> None:
    (told,) = unread()
    assert told.evidence["inVain"] == 68
    assert "before forecast read it" in told.says
    assert told.jobs == {JOB, OTHER}


def test_what_nobody_is_known_to_read_is_for_another_pattern() -> None:
    assert unread(readers=frozenset()) == []


def test_what_others_want_fresh_or_wait_for_may_be_written_often() -> None:
    assert unread(wanted=True) == []
    assert unread(subscribers=["mart"]) == []


def test_a_reader_that_always_reads_or_of_which_little_is_known_is_enough() -> None:
    assert unread(reader={"endless": True}) == []
    assert unread(reader={"runs": daily(4.5, days=range(2))}) == []


def test_a_reader_that_comes_as_often_leaves_no_waste() -> None:
    often = [a_run(run.start + timedelta(minutes=20)) for run in hourly()]
    assert unread(reader={"runs": often}) == []


def test_runs_that_failed_wrote_nothing_to_be_read() -> None:
    assert unread(mine={"runs": hourly(state=RunState.FAILED)}) == []
