"""Retries after failures that trying again does not heal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from hub.advice.base import Advice, TrySeen
from hub.model import RunState
from tests.support.advised import advice, day, job, world

FAILED, COMPLETED, RUNNING = RunState.FAILED, RunState.COMPLETED, RunState.RUNNING
DENIED = "psycopg.errors.InsufficientPrivilege: permission denied for table orders"
GONE = "ConnectionError: connection refused"


def tries(
    run: int,
    *states: RunState,
    error: str = DENIED,
    apart: timedelta = timedelta(minutes=5),
) -> list[TrySeen]:
    begin = day(run % 20)
    return [
        TrySeen(
            run, 1, no, f"{run}-{no}", state, begin + no * apart,
            begin + no * apart + timedelta(minutes=1), None, None if state is COMPLETED else error,
        )
        for no, state in enumerate(states, 1)
    ]  # fmt: skip


def found(*runs: Sequence[TrySeen]) -> list[Advice]:
    seen = world([job(1, "load")], tries=[one for mine in runs for one in mine])
    return advice("useless_retries", seen)


def test_retries_after_failures_of_logging_in_that_never_heal_are_told() -> None:
    (told,) = found(*(tries(n, FAILED, FAILED, FAILED) for n in range(6)))
    assert told.evidence["runs"] == 6
    assert told.evidence["retries"] == 12
    assert told.evidence["byClass"] == {"auth": 6}
    assert told.evidence["lostS"] == 6 * 600
    assert "tried 12 more times after failures of auth" in told.says
    assert "renew or grant" in told.fix
    assert "permission denied" in told.examples[0].text


def test_one_that_was_healed_shows_that_they_may_help() -> None:
    runs = [tries(n, FAILED, FAILED) for n in range(9)]
    assert found(*runs, tries(9, FAILED, COMPLETED)) == []


def test_one_that_still_runs_may_yet_heal() -> None:
    assert found(*(tries(n, FAILED, FAILED) for n in range(6)), tries(9, FAILED, RUNNING)) == []


def test_of_fewer_than_five_runs_nothing_is_told() -> None:
    assert found(*(tries(n, FAILED, FAILED) for n in range(4))) == []


def test_what_a_person_tried_again_later_is_no_retry() -> None:
    later = timedelta(hours=9)
    assert found(*(tries(n, FAILED, FAILED, apart=later) for n in range(9))) == []


def test_other_failures_need_ten_runs_that_never_healed() -> None:
    nine = [tries(n, FAILED, FAILED, error=GONE) for n in range(9)]
    assert found(*nine) == []
    (told,) = found(*nine, tries(9, FAILED, FAILED, error=GONE))
    assert told.evidence["byClass"] == {"transient": 10}


def test_another_class_that_heals_does_not_excuse_one_that_never_does() -> None:
    healed = [tries(n, FAILED, COMPLETED, error=GONE) for n in range(9)]
    (told,) = found(*healed, *(tries(n, FAILED, FAILED) for n in range(10, 15)))
    assert told.evidence["byClass"] == {"auth": 5}


def test_what_completed_and_was_cleared_is_no_retry() -> None:
    assert found(*(tries(n, COMPLETED, FAILED) for n in range(9))) == []
