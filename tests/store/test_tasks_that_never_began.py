"""An Airflow that only pushes: tasks that never began are known from the end of their Dag run."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from adapters.airflow.ids import task_run_id
from adapters.airflow.wire import TaskInstance
from hub.store.db import Database
from tests.support.normal_form import normal_form
from tests.support.recording import Recording, empty, incoming

PAYLOADS = Path(__file__).parents[1] / "payloads" / "airflow"
DAG_RUN = "manual__2026-11-22T06:46:10.758027+00:00"
TASKS = """SELECT j.name, r.natural_id, r.map_index, r.state, r.own_state
    FROM run r JOIN job j ON j.id = r.job_id WHERE j.name LIKE '%.%' ORDER BY j.name"""
NEVER_BEGAN = {
    "retry_fail.never_runs": "upstream_failed",
    "retry_fail.never_runs_bash": "upstream_failed",
    "retry_fail.skipped_bash": "skipped",
}


def payload(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return told


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def test_tasks_that_were_skipped_or_whose_upstream_failed_are_there(record: Recording) -> None:
    record(payload("dag_fail_with_taskstates"))
    assert record.rows(TASKS) == [
        (name, DAG_RUN, -1, "ABORTED", word) for name, word in sorted(NEVER_BEGAN.items())
    ]


def test_they_are_parts_of_their_dag_run(record: Recording) -> None:
    record(payload("dag_fail_with_taskstates"))
    parents = "SELECT DISTINCT p.natural_id FROM run r JOIN run p ON p.id = r.parent_run_id"
    assert record.rows(parents) == [(DAG_RUN,)]


def test_a_task_that_skipped_itself_is_told_by_its_own_events_alone(record: Recording) -> None:
    record(payload("dag_fail_with_taskstates"))
    names = [name for (name, *_) in record.rows(TASKS)]
    assert "retry_fail.selfskip" not in names
    own = payload("task_self_skipped_complete")
    record(own)
    told = {name: state for (name, _, _, state, _) in record.rows(TASKS)}
    assert told[own["job"]["name"]] == "COMPLETED"


def test_without_durations_only_what_cannot_have_begun_is_implied(record: Recording) -> None:
    told = payload("dag_fail_with_taskstates")
    del told["run"]["facets"]["airflowState"]["tasksDuration"]
    record(told)
    assert {word for (*_, word) in record.rows(TASKS)} == {"upstream_failed"}


def test_a_dag_run_all_of_whose_tasks_ran_implies_none(record: Recording) -> None:
    record(payload("dag_complete_deadlines_missed"), payload("dag_complete_cron"))
    assert record.rows(TASKS) == []


def test_what_is_misshapen_implies_none(record: Recording) -> None:
    told = payload("dag_fail_with_taskstates")
    told["run"]["facets"]["airflowState"]["tasksDuration"] = ["?"]
    record(told)
    assert record.rows("SELECT state FROM run") == [("FAILED",)]


def test_told_twice_they_are_there_once(record: Recording) -> None:
    for _ in range(2):
        record(payload("dag_fail_with_taskstates"))
    assert record.one("SELECT count(*) FROM attempt") == (4,)


def test_airflows_own_answer_outweighs_them_in_any_order(db: Database) -> None:
    """Asked as well, it tells the same attempt, with times of its own."""
    closing = payload("dag_fail_with_taskstates")
    row = TaskInstance(
        dag_id="retry_fail",
        task_id="never_runs",
        dag_run_id=DAG_RUN,
        run_after=datetime.fromisoformat("2026-11-22T06:46:10.758027+00:00"),
    )
    run_id: UUID = task_run_id("af-prod", row, 0)
    answer = {"state": "upstream_failed", "naturalId": DAG_RUN, "mapIndex": -1, "attempt": 0}
    polled = {
        "eventType": "ABORT",
        "eventTime": "2026-11-22T06:47:01Z",
        "producer": "https://example.org",
        "run": {"runId": str(run_id), "facets": {"trackside_answer": answer}},
        "job": {"namespace": "af-prod", "name": "retry_fail.never_runs"},
    }
    forms = []
    for order in permutations([closing, polled]):
        empty(db)
        record = Recording(db)
        record.each([incoming(one) for one in order])
        forms.append(normal_form(db))
        attempts = record.rows(
            "SELECT a.ended_at, a.own_state FROM attempt a JOIN job j ON j.id = a.job_id "
            "WHERE j.name = 'retry_fail.never_runs'"
        )
        assert attempts == [(1_795_330_021_000_000, "upstream_failed")]
    assert forms[0] == forms[1]
