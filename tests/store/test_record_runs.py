"""Runs by their natural key: which attempts belong together, whichever event tells it and when."""

from __future__ import annotations

import pytest

from hub.store.db import Database
from tests.support.recording import Recording, dag_run, part_of, run_event, try_of, uuid

RUNS = """SELECT j.name, r.natural_id, r.map_index, r.state,
    (SELECT count(*) FROM attempt a WHERE a.run_id = r.id) FROM run r JOIN job j ON j.id = r.job_id
    ORDER BY j.name, r.natural_id, r.map_index"""


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def test_tries_of_an_airflow_task_are_attempts_of_one_run(record: Recording) -> None:
    record.each(
        [
            run_event("START", 0, 1, run_facets=try_of("scheduled__1", 1, retries=1)),
            run_event("FAIL", 1, 1, run_facets=try_of("scheduled__1", 1, retries=1)),
            run_event("START", 2, 2, run_facets=try_of("scheduled__1", 2, retries=1)),
            run_event("COMPLETE", 3, 2, run_facets=try_of("scheduled__1", 2, retries=1)),
        ]
    )
    assert record.rows(RUNS) == [("load", "scheduled__1", -1, "COMPLETED", 2)]
    assert record.changes() == ["job_created", "run_started", "attempt_failed", "run_completed"]


def test_a_dag_run_that_was_cleared_is_the_same_run_again(record: Recording) -> None:
    record.each(
        [
            run_event("START", 0, 1, job="etl", run_facets=dag_run("manual__1")),
            run_event("FAIL", 1, 1, job="etl", run_facets=dag_run("manual__1")),
            run_event("START", 2, 2, job="etl", run_facets=dag_run("manual__1", cleared=1)),
        ]
    )
    assert record.rows(RUNS) == [("etl", "manual__1", -1, "RUNNING", 2)]
    assert record.changes()[-1] == "run_started"
    record(run_event("COMPLETE", 3, 2, job="etl", run_facets=dag_run("manual__1", cleared=1)))
    assert record.rows(RUNS) == [("etl", "manual__1", -1, "COMPLETED", 2)]


def test_mapped_tasks_of_one_dag_run_are_runs_of_their_own(record: Recording) -> None:
    record(
        *(
            run_event("START", 0, number, run_facets=try_of("r", 1, index=number))
            for number in (1, 2, 3)
        )
    )
    assert [row[1:4] for row in record.rows(RUNS)] == [
        ("r", 1, "RUNNING"),
        ("r", 2, "RUNNING"),
        ("r", 3, "RUNNING"),
    ]


START = run_event("START", 0, 1, run_facets=try_of("r", 1), outputs=["x"])
SUCCESS = run_event("COMPLETE", 5, 1, outputs=["x"])  # set by hand: Airflow's facet is missing


@pytest.mark.parametrize("events", [[START, SUCCESS], [SUCCESS, START]])
def test_a_success_set_by_hand_names_no_dag_run_and_finds_its_run(
    record: Recording, events: list[dict]
) -> None:
    record.each(events)
    assert record.rows(RUNS) == [("load", "r", -1, "COMPLETED", 1)]
    assert sorted(record.changes()).count("run_completed") == 1
    assert record.changes().count("dataset_updated") == 1


def test_a_run_known_by_two_ids_becomes_one(record: Recording) -> None:
    """Try 2 is heard of without its Dag run, then with it; try 1 had told the Dag run."""
    record(
        run_event("FAIL", 1, 1, run_facets=try_of("r", 1, retries=1), inputs=["x"]),
        run_event("COMPLETE", 5, 2, outputs=["y"], run_facets=part_of(11)),
        run_event("OTHER", 5, 3, job="child", run_facets=part_of(2, "load")),
    )
    assert len(record.rows(RUNS)) == 4
    record(run_event("START", 2, 2, run_facets=try_of("r", 2, retries=1)))
    mine = [row for row in record.rows(RUNS) if row[0] == "load"]
    assert mine == [("load", "r", -1, "COMPLETED", 2)]
    run, started, parent = record.one(
        "SELECT id, started_at, parent_run_id FROM run WHERE natural_id = 'r'"
    )
    assert started is not None
    assert parent == record.one("SELECT id FROM run WHERE natural_id = :n", n=_hex(11))[0]
    child = record.one(
        "SELECT parent_run_id FROM run r JOIN job j ON j.id = job_id WHERE j.name = 'child'"
    )
    assert child == (run,)
    for table in ("run_dataset", "dataset_update", "attempt"):
        assert {row[0] for row in record.rows(f"SELECT run_id FROM {table} WHERE run_id > 0")} >= {
            run
        }
    assert record.rows(
        "SELECT count(*) FROM lineage_event WHERE run_id NOT IN (SELECT id FROM run)"
    ) == [(0,)]
    assert record.one("SELECT latest_run_id, latest_run_state FROM job WHERE name = 'load'") == (
        run,
        "COMPLETED",
    )


def test_jobs_of_one_dagster_run_share_its_id_and_nothing_else(record: Recording) -> None:
    record(
        run_event("START", 0, 1, job="step_a"),
        run_event("START", 0, 1, job="step_b"),
        run_event("FAIL", 1, 1, job="step_b"),
    )
    assert [(row[0], row[3]) for row in record.rows(RUNS)] == [
        ("step_a", "RUNNING"),
        ("step_b", "FAILED"),
    ]


def test_a_parent_is_known_before_it_says_anything(record: Recording) -> None:
    record(run_event("START", 3, 1, run_facets=part_of(11) | try_of("r", 1)))
    assert record.rows(RUNS)[0] == ("etl", "r", -1, "NEW", 1)
    assert "run_started" in record.changes()
    record(run_event("START", 0, 11, job="etl", run_facets=dag_run("r")))
    assert record.rows(RUNS)[0] == ("etl", "r", -1, "RUNNING", 1)
    assert record.one(
        "SELECT p.name FROM job j JOIN job p ON p.id = j.parent_job_id WHERE j.name = 'load'"
    ) == ("etl",)


def test_a_root_that_is_named_beats_the_parent_that_stands_in_for_it(record: Recording) -> None:
    root = {"run": {"runId": uuid(21)}, "job": {"namespace": "other", "name": "trigger"}}
    record(run_event("START", 0, 1, run_facets=part_of(11, root=root)))
    record(run_event("COMPLETE", 5, 1, run_facets=part_of(11)))
    names = "SELECT j.name FROM run r JOIN run o ON o.id = r.{0} JOIN job j ON j.id = o.job_id"
    assert record.rows(names.format("root_run_id")) == [("trigger",)]
    assert record.rows(names.format("parent_run_id")) == [("etl",)]


def test_a_run_that_names_itself_as_its_root_is_no_parent_of_its_job(record: Recording) -> None:
    record(run_event("START", 0, 1, run_facets=part_of(1, "load")))
    assert record.one("SELECT parent_job_id FROM job") == (None,)


def test_the_latest_run_of_a_job_is_the_one_that_started_last(record: Recording) -> None:
    latest = "SELECT r.natural_id, j.latest_run_state FROM job j JOIN run r ON r.id = latest_run_id"
    record(run_event("START", 5, 1), run_event("START", 7, 2))
    assert record.one(latest) == (_hex(2), "RUNNING")
    record(run_event("START", 3, 2))  # the run had started before the other one
    assert record.one(latest) == (_hex(1), "RUNNING")
    record(run_event("FAIL", 9, 1))
    assert record.one(latest) == (_hex(1), "FAILED")


def test_what_runs_depend_on_is_kept(record: Recording) -> None:
    needs = {
        "upstream": [
            {"job": {"namespace": "prod", "name": "before"}, "dependency_type": "DIRECT_INVOCATION"}
        ]
    }
    record(run_event("START", 0, 1, run_facets={"jobDependencies": needs}))
    assert record.rows(
        "SELECT j.name, d.kind FROM run_dependency d JOIN job j ON j.id = d.job_id"
    ) == [("before", "DIRECT_INVOCATION")]


def _hex(run: int) -> str:
    return uuid(run).replace("-", "")
