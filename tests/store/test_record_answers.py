"""What an orchestrator itself answers about a run outweighs what senders said of it."""

from __future__ import annotations

from itertools import permutations

import pytest

from hub.store.db import Database
from tests.support.recording import (
    START,
    Recording,
    answer,
    at,
    empty,
    incoming,
    micros,
    run_event,
    try_of,
)

LATER = START + 60_000_000
ATTEMPT = "SELECT state, own_state, started_at, ended_at, queued_at FROM attempt"
DISPUTED = "SELECT coalesce(sum(value), 0) FROM counter WHERE name = 'disagreements'"


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def test_a_pushed_and_a_pulled_run_are_one(record: Recording) -> None:
    record(run_event("START", 0, 1, run_facets=try_of("r", 1)))
    told = answer("success", naturalId="r", attempt=1, startedAt=at(0), queuedAt=at(-1))
    record(run_event("COMPLETE", 5, 1, run_facets=told))
    expected = ("COMPLETED", "success", micros(0), micros(5), micros(-1))
    assert record.rows(ATTEMPT) == [expected]
    assert record.one("SELECT own_state, queued_at, natural_id FROM run") == (
        "success",
        micros(-1),
        "r",
    )
    assert record.one(DISPUTED) == (0,)


def test_a_pulled_run_is_found_by_its_natural_id_whatever_its_run_id(record: Recording) -> None:
    record(run_event("START", 0, 1, run_facets=try_of("r", 1)))
    record(run_event("START", 3, 2, run_facets=answer("running", naturalId="r", attempt=2)))
    assert record.rows("SELECT natural_id, state, attempt_no FROM run") == [("r", "RUNNING", 2)]


def test_the_orchestrators_answer_wins_and_the_disagreement_is_counted_once(
    db: Database, record: Recording
) -> None:
    told = incoming(run_event("COMPLETE", 9, 1, run_facets=try_of("r", 1)))
    answered = [
        incoming(run_event(kind, 5, 1, run_facets=try_of("r", 1) | answer(word)), heard_at=heard_at)
        for kind, word, heard_at in (("ABORT", "removed", START), ("FAIL", "failed", LATER))
    ]
    for order in permutations([told, *answered]):
        empty(db)
        record = Recording(db)
        record.each(order)
        assert record.one("SELECT state, own_state, ended_at FROM attempt") == (
            "FAILED",
            "failed",
            micros(5),
        )
        assert record.one("SELECT state FROM run") == ("FAILED",)
        assert record.one(DISPUTED) == (1,)


def test_an_answer_may_take_an_earlier_one_back_though_the_end_is_the_same(
    record: Recording,
) -> None:
    """Marked as a success by hand: Airflow keeps the end of the failure."""
    record(run_event("FAIL", 5, 1, run_facets=answer("failed", naturalId="r")))
    marked = run_event("COMPLETE", 5, 1, run_facets=answer("success", naturalId="r"))
    record(incoming(marked, heard_at=LATER))
    assert record.one("SELECT state, own_state FROM run") == ("COMPLETED", "success")


def test_a_task_that_waits_is_known_before_it_starts(record: Recording) -> None:
    told = answer("queued", naturalId="r", attempt=1, queuedAt=at(1))
    record(run_event("OTHER", 1, 1, run_facets=told))
    assert record.one("SELECT state, own_state, queued_at, started_at FROM run") == (
        "NEW",
        "queued",
        micros(1),
        None,
    )
    assert "run_started" not in record.changes()


def test_a_failed_try_that_will_be_retried_leaves_the_run_open(record: Recording) -> None:
    told = answer("up_for_retry", naturalId="r", attempt=1, willRetry=True)
    record(run_event("FAIL", 2, 1, run_facets=told))
    assert record.one("SELECT state, ended_at FROM run") == ("RUNNING", None)
