"""Data-quality results."""

from __future__ import annotations

import pytest

from hub.store.db import Database
from tests.support.recording import Recording, dag_run, run_event

CHECKS = "SELECT name, column_name, status, actual FROM check_result ORDER BY name, column_name"


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def asserting(minute: float, *, success: bool, run: int = 1, column: str | None = None) -> dict:
    told = {"assertion": "not_null", "success": success, "column": column}
    facets = {"dataQualityAssertions": {"assertions": [told]}}
    checked = {"namespace": "db", "name": "x", "facets": {}, "inputFacets": facets}
    return run_event("RUNNING", minute, run, inputs=[checked])


def reporting(minute: float, status: str) -> dict:
    told = {"name": "row_count", "status": status, "type": "row_count", "actual": "3"}
    return run_event("RUNNING", minute, 1, run_facets={"test": {"tests": [told]}})


def test_of_one_check_in_one_run_the_latest_result_holds(record: Recording) -> None:
    record(asserting(5, success=False, column="id"))
    record(asserting(1, success=True, column="id"))
    assert record.rows(CHECKS) == [("not_null", "id", "FAILED", None)]
    record(asserting(9, success=True, column="id"))
    assert record.rows(CHECKS) == [("not_null", "id", "PASSED", None)]
    assert record.changes()[-2:] == ["check_failed", "check_passed"]


def test_checks_of_several_columns_and_runs_are_several(record: Recording) -> None:
    record(asserting(1, success=True), asserting(1, success=True, column="id"))
    record(asserting(2, success=True, run=2))
    assert len(record.rows(CHECKS)) == 3


def test_the_same_result_again_is_no_news(record: Recording) -> None:
    record(asserting(1, success=False))
    record(asserting(2, success=False))
    assert record.changes().count("check_failed") == 1


def test_a_check_that_was_skipped_is_kept_and_is_no_news(record: Recording) -> None:
    record(reporting(1, "skip"))
    assert record.rows(CHECKS) == [("row_count", "", "SKIPPED", "3")]
    assert not [kind for kind in record.changes() if kind.startswith("check")]


def test_checks_of_a_run_belong_to_no_dataset(record: Recording) -> None:
    record(reporting(1, "fail"))
    assert record.one("SELECT dataset_id FROM check_result") == (0,)
    assert record.changes()[-1] == "check_failed"


def test_checks_follow_their_run_into_another(record: Recording) -> None:
    """The second run id of one Dag run is recognised after both had reported the check."""
    record(asserting(1, success=True, run=1))
    record(asserting(5, success=False, run=2))
    record(run_event("OTHER", 6, 1, run_facets=dag_run("r")))
    record(run_event("OTHER", 6, 2, run_facets=dag_run("r", cleared=1)))
    assert record.rows(CHECKS) == [("not_null", "", "FAILED", None)]
