"""Who orchestrates a namespace's jobs, and what orchestrators say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from hub.record import Sender
from hub.store.db import Database
from tests.support.recording import (
    Recording,
    at,
    dag_run,
    micros,
    observation,
    part_of,
    run_event,
    try_of,
)

OWNERS = """SELECT n.name, o.name, o.kind FROM namespace n
    JOIN orchestrator o ON o.id = n.orchestrator_id ORDER BY n.name"""
AIRFLOW = {"jobType": {"processingType": "BATCH", "integration": "AIRFLOW", "jobType": "TASK"}}


@pytest.fixture
def record(db: Database) -> Recording:
    return Recording(db)


def test_a_namespace_that_nobody_claims_is_an_orchestrator_of_its_own(record: Recording) -> None:
    record(run_event("START", 0))
    assert record.rows(OWNERS) == [("prod", "prod", "engine")]


@pytest.mark.parametrize("late", [True, False])
def test_its_kind_is_what_its_jobs_tell(record: Recording, late: bool) -> None:
    events = [run_event("START", 0), run_event("START", 1, 2, job="other", job_facets=AIRFLOW)]
    record.each(reversed(events) if late else events)
    assert record.rows(OWNERS) == [("prod", "prod", "airflow")]


def test_a_claimed_namespace_belongs_to_who_claims_it(db: Database) -> None:
    record = Recording(db, claim={"prod": ("af-prod", "airflow")}.get)
    record(run_event("START", 0, job_facets={}), run_event("START", 0, namespace="other"))
    assert record.rows(OWNERS) == [("other", "other", "engine"), ("prod", "af-prod", "airflow")]


def test_a_sender_that_is_bound_speaks_for_its_orchestrator(db: Database) -> None:
    record = Recording(db, claim={"prod": ("claimed", "airflow")}.get)
    record(run_event("START", 0), sender=Sender(orchestrator="bound"))
    assert record.rows(
        "SELECT o.name FROM run r JOIN orchestrator o ON o.id = r.orchestrator_id"
    ) == [("bound",)]


def test_two_deployments_with_one_namespace_have_runs_of_their_own(record: Recording) -> None:
    """Airflow's default namespace and the same Dag in both."""
    for number, name in enumerate(["af-1", "af-2"], 1):
        event = run_event("START", 0, number, run_facets=try_of("scheduled__1"))
        record(event, sender=Sender(orchestrator=name))
    assert record.one("SELECT count(*) FROM run WHERE natural_id = 'scheduled__1'") == (2,)


@pytest.mark.parametrize("late", [True, False])
def test_a_child_does_not_decide_who_orchestrates_its_parent(record: Recording, late: bool) -> None:
    """dbt's events name the Airflow task as parent, before or after that speaks for itself."""
    child = run_event("START", 1, 5, job="model", namespace="dbt", run_facets=part_of(1, "load"))
    own = [run_event("START", 0, 1, run_facets=try_of("r", 1, retries=1))]
    own.append(run_event("START", 2, 2, run_facets=try_of("r", 2, retries=1)))
    if late:
        record(child, sender=Sender(orchestrator="dbt-cloud"))
    for event in own:
        record(event, sender=Sender(orchestrator="af-prod"))
    if not late:
        record(child, sender=Sender(orchestrator="dbt-cloud"))
    runs = record.rows(
        "SELECT o.name, r.natural_id FROM run r JOIN orchestrator o ON o.id = r.orchestrator_id"
        " JOIN job j ON j.id = r.job_id WHERE j.name = 'load'"
    )
    assert runs == [("af-prod", "r")]
    assert ("prod", "af-prod") in [row[:2] for row in record.rows(OWNERS)]
    assert record.one(
        "SELECT o.name FROM job j JOIN orchestrator o ON o.id = j.orchestrator_id WHERE j.name = 'load'"
    ) == ("af-prod",)


def schedule(minute: float, expression: str, **more: Any) -> Any:
    told = {"kind": "cron", "expression": expression, "timezone": "Europe/London", **more}
    job = {"namespace": "prod", "name": "load"}
    return observation(
        {"type": "schedule", "job": job, "schedule": told, "observed_at": at(minute)}
    )


def scheduled_by_facet(minute: float, expression: str) -> dict:
    timetable = {"expression": expression, "timezone": "UTC"}
    facets = dag_run("r")
    facets["airflowDagRun"]["dag"]["timetable"] = timetable
    return run_event("START", minute, run_facets=facets)


def test_schedules_of_facets_and_observations_are_one_and_the_last_holds(record: Recording) -> None:
    now = "SELECT expression, timezone, origin, paused FROM schedule"
    record(scheduled_by_facet(1, "0 1 * * *"))
    assert record.one(now) == ("0 1 * * *", "UTC", "facet", None)
    record(schedule(5, "0 5 * * *", paused=True))
    record(scheduled_by_facet(3, "0 3 * * *"))
    assert record.one(now)[:3] == ("0 5 * * *", "Europe/London", "observation")
    assert record.changes().count("schedule_changed") == 2
    record(schedule(9, "0 5 * * *", paused=True))
    assert record.changes().count("schedule_changed") == 2


def health(minute: float, status: str, part: str = "") -> Any:
    body = {"type": "health", "status": status, "part": part, "observed_at": at(minute)}
    return observation(body, of="af-prod")


def test_of_health_the_latest_word_holds_and_news_are_told(record: Recording) -> None:
    record(health(1, "HEALTHY"))
    record(health(5, "DOWN"), health(3, "DEGRADED"))
    record(health(9, "DOWN"))
    assert record.one("SELECT status, at FROM health") == ("DOWN", micros(9))
    assert record.changes().count("orchestrator_health_changed") == 2


def test_health_is_told_the_same_in_any_order(record: Recording) -> None:
    record(health(5, "DOWN", "scheduler"), health(1, "HEALTHY", "scheduler"))
    assert record.one("SELECT status FROM health") == ("DOWN",)


def test_a_watermark_is_that_of_the_last_poll(record: Recording) -> None:
    def told(minute: float, complete_to: float) -> Any:
        body = {"type": "watermark", "complete_to": at(complete_to), "observed_at": at(minute)}
        return observation(body, of="af-prod")

    record(told(5, 4))
    record(told(2, 1))
    assert record.one("SELECT complete_to, at FROM watermark") == (micros(4), micros(5))


def test_samples_of_a_backlog_are_kept_by_their_time(record: Recording) -> None:
    for minute, queued in [(1, 3), (2, 5), (2, 5)]:
        body = {"type": "backlog", "pool": "default", "queued": queued, "observed_at": at(minute)}
        record(observation(body, of="af-prod"))
    assert record.rows("SELECT at, queued FROM backlog_sample ORDER BY at") == [
        (micros(1), 3),
        (micros(2), 5),
    ]
