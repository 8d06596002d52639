"""Edges between jobs and datasets, versions of jobs, columns behind columns."""

from __future__ import annotations

import pytest

from hub.store.db import Database
from tests.support.recording import Recording, dataset, job_event, run_event

# As readers have it: an edge is current while it is not older than what last completed.
CURRENT = """SELECT d.name FROM edge e JOIN job j ON j.id = e.job_id
    JOIN dataset d ON d.id = e.dataset_id
    WHERE j.io_at IS NULL OR e.last_at >= j.io_at ORDER BY d.name"""
VERSION = "SELECT v.location, v.outputs FROM job j JOIN job_version v ON v.id = j.version_id"


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def current(record: Recording) -> list[str]:
    return [row[0] for row in record.rows(CURRENT)]


def test_edges_do_not_vanish_while_a_job_runs(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, inputs=["x"], outputs=["y"]))
    record(run_event("START", 5, 2))
    record(run_event("RUNNING", 6, 2, inputs=["z"]))
    assert current(record) == ["x", "y", "z"]


def test_a_run_that_completes_with_other_datasets_retires_the_old_edges(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, inputs=["x"], outputs=["y"]))
    record(run_event("START", 5, 2, inputs=["z"]))
    record(run_event("COMPLETE", 6, 2, outputs=["y"]))
    assert current(record) == ["y", "z"]
    assert record.one("SELECT count(*) FROM edge") == (3,)  # what was is still known


def test_a_run_that_names_nothing_retires_nothing(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, outputs=["y"]))
    record(run_event("START", 5, 2), run_event("COMPLETE", 6, 2))
    assert current(record) == ["y"]


def test_a_failed_run_retires_nothing(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, outputs=["y"]))
    record(run_event("FAIL", 6, 2, outputs=["z"]))
    assert current(record) == ["y", "z"]


def test_an_older_run_that_is_heard_of_late_changes_no_current_edge(record: Recording) -> None:
    record(run_event("COMPLETE", 9, 2, outputs=["y"]))
    record(run_event("COMPLETE", 1, 1, outputs=["x"]))
    assert current(record) == ["y"]


def test_a_job_event_declares_what_its_job_deals_with(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, outputs=["y"]))
    record(job_event(5, inputs=["x"]))
    assert current(record) == ["x"]
    assert record.one("SELECT count(*) FROM run") == (1,)


def test_a_job_gets_a_version_when_it_deals_with_other_datasets_or_moves(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, outputs=["y"]))
    record(run_event("COMPLETE", 2, 2, outputs=["y"]))
    assert record.one("SELECT count(*) FROM job_version") == (1,)
    record(run_event("COMPLETE", 3, 3, outputs=["z"]))
    moved = {"sourceCodeLocation": {"type": "git", "url": "git://new"}}
    record(run_event("START", 4, 4, job_facets=moved))
    assert record.one("SELECT count(*) FROM job_version") == (3,)
    z = record.one("SELECT id FROM dataset WHERE name = 'z'")[0]
    assert record.one(VERSION) == ("git://new", f"[{z}]")


def columns(source: str) -> dict:
    fields = {"total": {"inputFields": [{"namespace": "db", "name": source, "field": "amount"}]}}
    return {"columnLineage": {"fields": fields}}


def sources(record: Recording) -> list[tuple]:
    return record.rows(
        "SELECT j.name, c.to_field, d.name, c.from_field FROM column_edge c"
        " JOIN job j ON j.id = c.job_id JOIN dataset d ON d.id = c.from_dataset_id"
        " ORDER BY j.name, d.name"
    )


def test_column_lineage_is_replaced_by_the_next_of_the_same_job(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, outputs=[dataset("y", **columns("old"))]))
    record(run_event("COMPLETE", 2, 2, outputs=[dataset("y", **columns("new"))]))
    record(run_event("COMPLETE", 1.5, 3, outputs=[dataset("y", **columns("late"))]))
    assert sources(record) == [("load", "total", "new", "amount")]


def test_each_job_tells_column_lineage_for_itself(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, outputs=[dataset("y", **columns("x"))]))
    record(run_event("COMPLETE", 2, 2, job="fix", outputs=[dataset("y", **columns("z"))]))
    assert sources(record) == [("fix", "total", "z", "amount"), ("load", "total", "x", "amount")]


def test_lineage_that_a_job_tells_of_its_datasets_is_kept(record: Recording) -> None:
    """The facet `lineage` of a job: it names datasets that the event needs not."""
    source = {"namespace": "db", "name": "x", "type": "DATASET", "field": "amount"}
    target = {"namespace": "db", "name": "y", "type": "DATASET"}
    told = {"lineage": {"entries": [{**target, "fields": {"total": {"inputs": [source]}}}]}}
    record(run_event("COMPLETE", 1, 1, job_facets=told))
    assert [row[1:] for row in sources(record)] == [("total", "x", "amount")]


def test_datasets_that_only_column_lineage_names_are_there(record: Recording) -> None:
    record(run_event("COMPLETE", 1, 1, outputs=[dataset("y", **columns("x"))]))
    assert record.changes().count("dataset_created") == 2
    found = "SELECT count(*) FROM search_term WHERE term = 'x' AND origin = 'name'"
    assert record.one(found) == (1,)
    assert record.one("SELECT value FROM counter WHERE name = 'datasets'") == (2,)
