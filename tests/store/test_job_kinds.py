"""Rules about jobs, from what was recorded to incidents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import json
from sqlalchemy import text

from hub.api.hub import Hub
from hub.evaluate.book import Book, Declared
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import Viewer
from hub.settings import Settings
from hub.store import histories
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, get_incident, list_incidents
from hub.store.leases import no_fence
from hub.store.reading import Page
from hub.store.types import to_micros
from tests.support.recording import (
    answer,
    dag_run,
    emptied,
    incoming,
    observation,
    part_of,
    run_event,
)

ALL = Viewer(all=True)
START = datetime(2026, 11, 23, 10, tzinfo=UTC)  # minute 0
DAY = 1440


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    """A hub of which only the writer runs; its store is empty."""
    yield module_hub
    module_hub.writer.call(emptied)


def when(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def event(kind: str, minute: float, run: int = 1, **more: Any) -> dict[str, Any]:
    return run_event(kind, 0, run, **more) | {"eventTime": when(minute).isoformat()}


def run(
    number: int, begin: float, end: float, kind: str = "COMPLETE", **more: Any
) -> list[dict[str, Any]]:
    return [event("START", begin, number, **more), event(kind, end, number, **more)]


def record(hub: Hub, *events: dict[str, Any]) -> None:
    """Each is heard of when it happens."""
    for one in events:
        heard = to_micros(datetime.fromisoformat(one["eventTime"]))
        hub.writer.record([incoming(one, heard_at=heard)])


def observe(hub: Hub, **body: Any) -> None:
    with hub.db.reading() as connection:
        (whose,) = connection.execute(text("SELECT name FROM orchestrator")).scalars()
    hub.writer.record([observation(body, of=whose)])


def scheduled(hub: Hub, minute: float, cron: str, zone: str = "UTC") -> None:
    observe(
        hub,
        type="schedule",
        job={"namespace": "prod", "name": "load"},
        schedule={"kind": "cron", "expression": cron, "timezone": zone},
        observed_at=when(minute).isoformat(),
    )


def complete_to(hub: Hub, minute: float) -> None:
    mark = when(minute).isoformat()
    observe(hub, type="watermark", observed_at=mark, complete_to=mark)


def rule(kind: str, *, inner: bool = False, **settings: Any) -> Declared:
    return Declared.model_validate(
        {"name": "it", "kind": kind, "settings": settings, "select": {"inner": inner}}
    )


def look(hub: Hub, minute: float, *rules: Declared) -> None:
    watch = Watch(hub.db, hub.writer, Book(rules) if rules else hub.book)
    while watch.round(when(minute), no_fence):
        pass


def ask(hub: Hub, minute: float, *rules: Declared) -> None:
    """Looks when the orchestrator has told all up to then."""
    complete_to(hub, minute)
    look(hub, minute, *rules)


def incidents(hub: Hub, **wanted: Any) -> list[IncidentView]:
    with hub.db.reading() as connection:
        found = list_incidents(connection, ALL, Filter(**wanted), Page()).items
        return [get_incident(connection, ALL, one.id) for one in reversed(found)]


def states(hub: Hub) -> list[tuple[str, str | None]]:
    return [(one.state, one.resolution) for one in incidents(hub)]


OPEN = ("OPEN", None)
HEALED = ("RESOLVED", "healed")
RETRACTED = ("RESOLVED", "retracted")


def test_a_run_that_misses_its_heartbeats_is_stuck_until_it_gives_one(hub: Hub) -> None:
    stuck = rule("stuck")
    record(hub, event("START", 0), *(event("RUNNING", n) for n in range(1, 11)))
    for minute in (0, 1, 5, 14.9):
        ask(hub, minute, stuck)
    assert states(hub) == []
    ask(hub, 15, stuck)
    (one,) = incidents(hub)
    assert (one.state, one.since) == ("OPEN", when(15))
    assert json.decode(one.evidence)["heartbeatS"] == 60
    record(hub, event("RUNNING", 17))
    ask(hub, 20, stuck)
    assert states(hub) == [HEALED]


def test_heartbeats_of_earlier_runs_tell_how_soon_a_silent_one_is_stuck(hub: Hub) -> None:
    stuck = rule("stuck")
    record(hub, event("START", -60), *(event("RUNNING", n) for n in range(-59, -50)))
    record(hub, event("COMPLETE", -50), event("START", 0, 2))
    ask(hub, 1, stuck)
    ask(hub, 4.9, stuck)
    assert states(hub) == []
    ask(hub, 5, stuck)
    assert states(hub) == [OPEN]


def test_what_runs_within_a_run_keeps_it_alive(hub: Hub) -> None:
    stuck = rule("stuck", silence_s=600)
    part = {"job": "etl.load", "run_facets": part_of(1)}
    deeper = {"job": "spark", "run_facets": part_of(2, "etl.load")}
    record(hub, event("START", 0, 1, job="etl"), event("START", 1, 2, **part))
    record(hub, event("START", 2, 3, **deeper), event("RUNNING", 20, 3, **deeper))
    ask(hub, 0, stuck)
    ask(hub, 29, stuck)
    assert states(hub) == []
    ask(hub, 31, stuck)
    assert states(hub) == [OPEN]
    record(hub, event("COMPLETE", 32, 3, **deeper))
    ask(hub, 41, stuck)
    assert states(hub) == [HEALED]


def test_a_task_that_was_killed_is_stuck_when_its_dag_has_ended(hub: Hub) -> None:
    stuck = rule("stuck", inner=True)
    part = {"job": "etl.load", "run_facets": part_of(1)}
    record(hub, event("START", 0, 1, job="etl"), event("START", 1, 2, **part))
    ask(hub, 3, stuck)
    record(hub, event("FAIL", 9, 1, job="etl"))
    ask(hub, 9.1, stuck)
    assert states(hub) == []
    ask(hub, 10.1, stuck)
    (one,) = incidents(hub)
    assert one.job is not None
    assert (one.job.name, one.state) == ("etl.load", "OPEN")
    assert "the run it is part of ended at 2026-11-23 10:09 UTC" in one.reason


def test_a_task_whose_end_comes_right_after_that_of_its_dag_is_not_stuck(hub: Hub) -> None:
    stuck = rule("stuck", inner=True)
    part = {"job": "etl.load", "run_facets": part_of(1)}
    record(hub, event("START", 0, 1, job="etl"), event("START", 1, 2, **part))
    record(hub, event("COMPLETE", 9, 1, job="etl"))
    ask(hub, 9.1, stuck)
    record(hub, event("COMPLETE", 9, 2, **part))
    ask(hub, 30, stuck)
    assert states(hub) == []


def test_a_run_that_a_polled_orchestrator_calls_running_lives(hub: Hub) -> None:
    stuck = rule("stuck", silence_s=600)
    record(hub, event("START", 0, 1, run_facets=answer("running")))
    ask(hub, 0, stuck)
    ask(hub, 60, stuck)
    assert states(hub) == []


def test_without_heartbeats_a_run_is_stuck_after_a_day_and_a_stream_never(hub: Hub) -> None:
    stream = {"jobType": {"processingType": "STREAMING", "integration": "FLINK"}}
    record(hub, event("START", 0, 1), event("START", 0, 2, job="flow", job_facets=stream))
    ask(hub, 0)
    ask(hub, DAY - 1)
    assert states(hub) == []
    ask(hub, DAY + 1)
    (one,) = incidents(hub)
    assert one.job is not None
    assert (one.job.name, one.rule) == ("load", "stuck")


def test_a_slot_whose_run_starts_late_is_told_before_and_over_when_it_starts(hub: Hub) -> None:
    late = rule("late_start", after_s=120)
    record(hub, *run(1, 0, 1))
    scheduled(hub, 1, "*/10 * * * *")
    ask(hub, 2, late)
    ask(hub, 12, late)
    assert [(one.state, one.since) for one in incidents(hub)] == [("OPEN", when(12))]
    record(hub, event("START", 14, 2))
    ask(hub, 15, late)
    assert states(hub) == [HEALED]


def test_a_slot_that_is_not_done_in_time_is_over_when_it_is(hub: Hub) -> None:
    late = rule("late_finish", by="11:30", timezone="Europe/Berlin")
    record(hub, *run(1, 0, 1))
    scheduled(hub, 1, "20 10 * * *")
    ask(hub, 2, late)
    record(hub, event("START", 20, 2))
    ask(hub, 31, late)
    (one,) = incidents(hub)
    assert (one.state, one.since) == ("OPEN", when(30))
    assert "still runs since 2026-11-23 10:20 UTC" in one.reason
    record(hub, event("COMPLETE", 40, 2))
    ask(hub, 41, late)
    assert states(hub) == [HEALED]


def test_a_slot_that_was_done_in_time_and_heard_late_was_never_late(hub: Hub) -> None:
    late = rule("late_finish", within_s=600)
    record(hub, *run(1, 0, 1))
    scheduled(hub, 1, "20 10 * * *")
    ask(hub, 2, late)
    ask(hub, 31, late)
    assert states(hub) == [OPEN]
    record(hub, *run(2, 20, 25))
    look(hub, 32, late)
    assert states(hub) == [RETRACTED]


def days(first: int, last: int, minutes: float, **more: Any) -> list[dict[str, Any]]:
    """A run each day from so many days before the start, each a little longer or shorter."""
    return [
        one
        for day in range(first, last)
        for one in run(
            1000 + day, day * DAY, day * DAY + minutes * (1 + 0.02 * (day % 3 - 1)), **more
        )
    ]


def test_a_step_is_found_and_a_new_normal_ends_it(hub: Hub) -> None:
    creep = rule("creep")
    record(hub, *days(-60, -12, 10))
    look(hub, -12 * DAY + 700, creep)
    assert states(hub) == []
    record(hub, *days(-12, 1, 14))
    look(hub, 60, creep)
    (one,) = incidents(hub)
    assert one.state == "OPEN"
    assert "+40 % over" in one.reason
    hub.writer.call(
        lambda c: c.execute(
            text(
                "UPDATE incident SET state = 'RESOLVED', resolution = 'new_normal', resolved_at = :at"
            ),
            {"at": to_micros(when(60))},
        )
    )
    record(hub, *days(1, 3, 14))
    look(hub, 2 * DAY + 60, creep)
    assert states(hub) == [("RESOLVED", "new_normal")]


def test_a_new_version_of_a_job_may_be_slower(hub: Hub) -> None:
    record(hub, *days(-60, -12, 10, outputs=["a"]), *days(-12, 1, 14, outputs=["a", "b"]))
    look(hub, 60, rule("creep"))
    assert states(hub) == []


def test_a_run_that_is_over_at_once_is_told_until_one_is_normal(hub: Hub) -> None:
    record(hub, *days(-20, 0, 30))
    look(hub, -DAY + 60)
    record(hub, *run(1, 0, 1))
    look(hub, 2)
    (one,) = incidents(hub)
    assert (one.rule, one.state) == ("too-fast", "OPEN")
    assert "30 min is usual" in one.reason
    record(hub, *run(2, DAY, DAY + 30))
    look(hub, DAY + 60)
    assert states(hub) == [HEALED]


def test_retries_and_backfills_are_not_too_often(hub: Hub) -> None:
    often = rule("too_often", max_runs=2, within_s=600)
    for number, name in enumerate(["scheduled__1", "scheduled__2", "backfill__1", "manual__1"]):
        facets = dag_run(name)
        record(hub, *run(number + 1, number, number + 0.5, job="etl", run_facets=facets))
    for cleared in range(1, 4):
        facets = dag_run("scheduled__2", cleared=cleared)
        record(hub, *run(10 + cleared, 4 + cleared / 10, 5, job="etl", run_facets=facets))
    look(hub, 6, often)
    assert states(hub) == []
    record(hub, *run(30, 6.5, 7, job="etl", run_facets=dag_run("scheduled__3")))
    look(hub, 7, often)
    assert states(hub) == [OPEN]


def test_a_failure_says_its_class_and_what_to_do(hub: Hub) -> None:
    error = {"message": "Timeout, PID: 19199", "programmingLanguage": "python"}
    record(hub, *run(1, 0, 1, "FAIL", run_facets={"errorMessage": error}))
    look(hub, 2)
    (one,) = incidents(hub)
    evidence = json.decode(one.evidence)
    assert evidence["failureClass"] == "timeout"
    assert evidence["whatToDo"].startswith("see what it waited for")


def samples(hub: Hub) -> list[Any]:
    with hub.db.reading() as connection:
        (key,) = connection.execute(text("SELECT id FROM job")).scalars()
        return list(histories.histories_of(connection, [key])[key].samples)


def test_a_baseline_is_not_trained_by_backfills_and_what_people_start(hub: Hub) -> None:
    names = [f"scheduled__{n}" for n in range(9)] + ["backfill__1", "manual__1"]
    for number, name in enumerate(names):
        minute = 5 if name.startswith("scheduled") else 50
        begin, facets = number * 60, dag_run(name)
        record(hub, *run(number + 1, begin, begin + minute, job="etl", run_facets=facets))
    assert {one.value for one in samples(hub)} == {300}


def test_a_baseline_is_not_trained_by_the_backfills_of_a_dagster(hub: Hub) -> None:
    for number in range(11):
        minute = 5 if number < 9 else 50
        told: dict[str, Any] = {} if number < 9 else {"backfill": "bykxoolp"}
        facets = answer("SUCCESS", naturalId=f"r{number}", **told)
        begin = number * 60
        record(hub, *run(number + 1, begin, begin + minute, job="etl", run_facets=facets))
    assert {one.value for one in samples(hub)} == {300}


def test_a_job_that_only_people_start_has_a_baseline_of_that(hub: Hub) -> None:
    for number in range(9):
        begin, facets = number * 60, dag_run(f"manual__{number}")
        record(hub, *run(number + 1, begin, begin + 5, job="etl", run_facets=facets))
    assert len(samples(hub)) == 9


def test_a_run_within_an_incident_is_capped_in_the_baseline(hub: Hub) -> None:
    too_long = rule("overrun", limit_s=600)
    record(hub, *days(-9, 0, 5), event("START", 0, 1))
    look(hub, 0, too_long)
    look(hub, 11, too_long)
    record(hub, event("COMPLETE", 90, 1))
    look(hub, 91, too_long)
    assert [(one.value, one.capped) for one in samples(hub) if one.value > 600] == [(5400, True)]
    assert sum(one.capped for one in samples(hub)) == 1


def test_a_baseline_is_learned_in_the_time_zone_of_the_schedule(hub: Hub) -> None:
    record(hub, *days(-10, 0, 5))
    scheduled(hub, 0, "0 11 * * *", "Europe/Berlin")
    record(hub, event("START", 0, 1))
    look(hub, 1, rule("overrun"))
    with hub.db.reading() as connection:
        (payload,) = connection.execute(text("SELECT payload FROM baseline")).scalars()
    assert json.decode(payload)["season"]["zone"] == "Europe/Berlin"
