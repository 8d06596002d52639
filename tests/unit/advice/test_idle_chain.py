"""Chains of jobs in which most of the time nothing runs."""

from __future__ import annotations

from collections.abc import Sequence

from hub.advice.base import RunSeen, World
from tests.support.advised import DAYS, advice, daily, dataset, ends, job, updates, world


def chained(*steps: Sequence[RunSeen]) -> World:
    """Each job reads what the one before writes when it ends."""
    count = len(steps)
    return world(
        [
            job(
                n,
                f"step{n}",
                runs=runs,
                reads=frozenset({10 + n - 1} if n else ()),
                writes=frozenset({10 + n}),
            )
            for n, runs in enumerate(steps)
        ],
        [
            dataset(
                10 + n,
                updates=updates(ends(runs)),
                writers=frozenset({n}),
                readers=frozenset({n + 1} if n + 1 < count else ()),
            )
            for n, runs in enumerate(steps)
        ],
    )


def test_a_chain_that_mostly_waits_is_told_at_its_end_with_its_longest_wait() -> None:
    seen = chained(daily(1, took=20), daily(2, took=20), daily(4, took=20))
    (told,) = advice("idle_chain", seen)
    assert told.job is not None
    assert told.job.name == "step2"
    assert told.evidence["chain"] == ["step0", "step1", "step2"]
    assert told.evidence["spanS"] == 3 * 3600 + 20 * 60
    assert told.evidence["idleS"] == (40 + 100) * 60
    assert told.evidence["waits"] == {"step1": "40 min", "step2": "1.7 h"}
    assert "1.7 h before step2" in told.fix
    assert told.evidence["runs"] == DAYS


def test_a_chain_that_runs_through_is_not_told() -> None:
    assert advice("idle_chain", chained(daily(1, took=55), daily(2, took=115), daily(4))) == []


def test_two_jobs_are_no_chain() -> None:
    assert advice("idle_chain", chained(daily(1), daily(3))) == []


def test_a_short_wait_is_not_told_whatever_its_part() -> None:
    seen = chained(daily(1, took=1), daily(1.2, took=1), daily(1.4, took=1))
    assert advice("idle_chain", seen) == []


def test_what_waits_for_the_hours_of_people_is_not_of_the_chain() -> None:
    assert advice("idle_chain", chained(daily(1, took=20), daily(1.5), daily(8))) == []


def test_chains_with_the_same_longest_wait_are_told_once() -> None:
    seen = chained(daily(1, took=20), daily(3, took=20), daily(4, took=20))
    twin = job(9, "twin", runs=daily(4.5, took=5), reads=frozenset({11}), writes=frozenset())
    told = advice("idle_chain", world([*seen.jobs.values(), twin], seen.datasets.values()))
    assert [one.evidence["chain"][-1] for one in told] == ["twin"]


def test_of_fewer_than_ten_runs_nothing_is_told() -> None:
    days = range(9)
    seen = chained(daily(1, days=days), daily(2, days=days), daily(4, days=days))
    assert advice("idle_chain", seen) == []
