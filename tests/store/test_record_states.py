"""States move by event time, never by arrival."""

from __future__ import annotations

from itertools import permutations

import pytest

from hub.store.db import Database
from tests.support.recording import Recording, micros, run_event, try_of

STATE = "SELECT state, error_message FROM run"
ENDED = run_event("COMPLETE", 5)


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def failure(minute: float, run: int = 1, message: str = "boom", **facets: object) -> dict:
    told = {"errorMessage": {"message": message, "programmingLanguage": "python"}}
    return run_event("FAIL", minute, run, run_facets=told | facets)


@pytest.mark.parametrize("kind", ["OTHER", "RUNNING", "START"])
@pytest.mark.parametrize("minute", [1, 9])
def test_nothing_reopens_a_run_that_completed(record: Recording, kind: str, minute: float) -> None:
    record.each([ENDED, run_event(kind, minute)])
    assert record.one("SELECT state FROM run") == ("COMPLETED",)
    assert record.one("SELECT latest_run_state FROM job") == ("COMPLETED",)


@pytest.mark.parametrize("events", list(permutations([ENDED, failure(7), run_event("ABORT", 6)])))
def test_of_conflicting_ends_the_last_by_event_time_holds(
    record: Recording, events: tuple[dict, ...]
) -> None:
    record.each(events)
    assert record.one(STATE) == ("FAILED", "boom")
    assert record.one("SELECT count(DISTINCT ended_at) FROM run") == (1,)


@pytest.mark.parametrize("first", [True, False])
def test_at_the_same_instant_a_failure_outweighs_a_success(record: Recording, first: bool) -> None:
    events = [ENDED, failure(5)]
    record.each(events if first else reversed(events))
    assert record.one(STATE) == ("FAILED", "boom")


def test_a_try_that_will_be_repeated_leaves_its_run_running(record: Recording) -> None:
    record(failure(1, **try_of("r", 1, retries=1)))
    assert record.one("SELECT state, ended_at FROM run") == ("RUNNING", None)
    assert record.one("SELECT state, will_retry FROM attempt")[0] == "FAILED"
    assert record.changes()[1:] == ["attempt_failed", "run_started"]


def test_the_last_try_decides_the_state_of_its_run(record: Recording) -> None:
    record(failure(5, 2, "last", **try_of("r", 2, retries=1)))
    assert record.one(STATE) == ("FAILED", "last")
    record(failure(1, 1, "first", **try_of("r", 1, retries=1)))  # arrives late
    assert record.one(STATE) == ("FAILED", "last")


def test_a_run_starts_with_its_earliest_event_that_says_so(record: Recording) -> None:
    record.each([run_event("RUNNING", 4), run_event("OTHER", 1), run_event("START", 2)])
    started, sort = record.one("SELECT started_at, sort_at FROM run")
    assert started == sort == micros(2)


def test_a_start_is_told_once_even_if_it_arrives_after_the_end(record: Recording) -> None:
    record.each([ENDED, run_event("START", 1), run_event("RUNNING", 2)])
    assert record.changes() == ["job_created", "run_completed", "run_started"]


def test_an_event_of_unknown_kind_makes_a_run_that_has_not_started(record: Recording) -> None:
    record(run_event("OTHER", 1))
    assert record.one("SELECT state, started_at FROM run") == ("NEW", None)
    assert record.changes() == ["job_created"]


def test_when_it_completed_is_kept_though_it_was_marked_as_failed_later(record: Recording) -> None:
    record.each([failure(9), ENDED])
    assert record.one("SELECT state, completed_at FROM run") == ("FAILED", micros(5))
