"""Of results of one check that are of the same time, the worst holds."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from hub.store.db import Database
from tests.support.recording import Recording, dag_run, run_event

HELD = "SELECT status, severity FROM check_result WHERE name = 'it'"

TOLD: list[dict[str, Any]] = [
    {"success": False, "severity": "error"},
    {"success": False, "severity": "warn"},
    {"success": True},
    {"success": True, "status": "skip"},
]


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def found(*told: dict[str, Any], run: int = 1) -> dict[str, Any]:
    facet = {"assertions": [{"assertion": "it", **one} for one in told]}
    checked = {"namespace": "db", "name": "x", "inputFacets": {"dataQualityAssertions": facet}}
    return run_event("RUNNING", 5, run, inputs=[checked])


@pytest.mark.parametrize("first", [True, False])
def test_in_one_event_and_in_two(record: Recording, *, first: bool) -> None:
    record(found(*(TOLD if first else TOLD[::-1])))
    assert record.rows(HELD) == [("FAILED", "ERROR")]
    record(found(TOLD[2]))
    assert record.rows(HELD) == [("FAILED", "ERROR")]


@pytest.mark.parametrize(("worse", "milder"), list(itertools.combinations(range(4), 2)))
@pytest.mark.parametrize("turned", [True, False])
def test_of_two_runs_that_turn_out_to_be_one(
    record: Recording, worse: int, milder: int, *, turned: bool
) -> None:
    runs = (2, 1) if turned else (1, 2)
    for one, run in zip((worse, milder), runs, strict=True):
        record(found(TOLD[one], run=run))
    for run, more in ((1, {}), (2, {"cleared": 1})):
        record(run_event("OTHER", 6, run, run_facets=dag_run("r", **more)))
    kept = TOLD[worse]
    status = "SKIPPED" if "status" in kept else "PASSED" if kept["success"] else "FAILED"
    assert [row[0] for row in record.rows(HELD)] == [status]
