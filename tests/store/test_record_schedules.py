"""When a job is meant to run is told by facets and observations; its limits only by who knows them."""

from __future__ import annotations

from itertools import permutations

import pytest

from hub.store.db import Database
from tests.support.recording import Recording, at, dag_run, empty, incoming, observation, run_event

SCHEDULE = "SELECT expression, timezone, paused, catchup, max_active_runs FROM schedule"
ETL = {"namespace": "prod", "name": "etl"}


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def observed(minute: float, expression: str = "0 6 * * *", **limits: object) -> dict:
    schedule = {"kind": "cron", "expression": expression, "timezone": "UTC", **limits}
    return {"type": "schedule", "observed_at": at(minute), "job": ETL, "schedule": schedule}


def told(minute: float, expression: str, zone: str = "UTC") -> dict:
    facet = dag_run("manual__1")
    timetable = {"expression": expression, "timezone": zone, "interval": 0.0}
    facet["airflowDagRun"]["dag"]["timetable"] = timetable
    return run_event("START", minute, 1, job="etl", run_facets=facet)


def test_a_facet_does_not_unpause_a_job_in_whichever_order_they_come(
    db: Database, record: Recording
) -> None:
    items = [
        observation(observed(1, paused=False, catchup=False, max_active_runs=3)),
        observation(observed(2, paused=True, catchup=False, max_active_runs=3)),
        incoming(told(3, "0 7 * * *", "Europe/Berlin")),
    ]
    for order in permutations(items):
        empty(db)
        record = Recording(db)
        record.each(order)
        (row,) = record.rows(SCHEDULE)
        assert (row[0], row[1], bool(row[2]), bool(row[3]), row[4]) == (
            "0 7 * * *",
            "Europe/Berlin",
            True,
            False,
            3,
        )


def test_only_what_is_new_is_a_change(record: Recording) -> None:
    record.each(
        [
            observation(observed(1, paused=False)),
            told(2, "0 6 * * *"),
            observation(observed(3, paused=False)),
            observation(observed(4, paused=True)),
            told(5, "0 6 * * *"),
        ]
    )
    assert record.changes().count("schedule_changed") == 2


def test_how_a_schedule_reads_the_clock_is_kept(record: Recording) -> None:
    clock = {"kind": "interval", "expression": "PT5M", "timing": "interval", "anchor": at(1)}
    told = observed(2) | {"schedule": clock | {"data_interval_s": 30.5}}
    record.each([observation(told)])
    ((timing, anchor, length),) = record.rows(
        "SELECT timing, anchor, data_interval_s FROM schedule"
    )
    assert (timing, anchor is not None, length) == ("interval", True, 30.5)
