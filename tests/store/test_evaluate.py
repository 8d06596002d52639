"""From what was recorded to incidents: opened once, caused by those upstream, over when healed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from hub.api.hub import Hub
from hub.evaluate import watch as watching
from hub.evaluate.book import Book, Declared
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import Viewer
from hub.settings import Settings
from hub.store import facts
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, get_incident, list_incidents
from hub.store.leases import LeaseLostError, no_fence
from hub.store.reading import Page
from tests.support.recording import (
    at,
    emptied,
    incoming,
    observation,
    part_of,
    run_event,
)

ALL = Viewer(all=True)
START = datetime(2026, 11, 23, 10, tzinfo=UTC)  # minute 0 of the events


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    """A hub of which only the writer runs; its store is empty."""
    yield module_hub
    module_hub.writer.call(emptied)


def record(hub: Hub, *events: dict[str, Any]) -> None:
    hub.writer.record([incoming(event) for event in events])


def look(hub: Hub, minute: float = 60, *rules: Declared) -> None:
    """Evaluates all that is there, as of a minute."""
    watch = Watch(hub.db, hub.writer, Book(rules) if rules else hub.book)
    while watch.round(START + timedelta(minutes=minute), no_fence):
        pass


def incidents(hub: Hub, **wanted: Any) -> list[IncidentView]:
    with hub.db.reading() as connection:
        found = list_incidents(connection, ALL, Filter(**wanted), Page()).items
        return [get_incident(connection, ALL, one.id) for one in reversed(found)]


def steps(one: IncidentView) -> list[str]:
    assert one.history is not None
    return [each.transition for each in one.history]


def run(number: int, job: str, begin: float, end: float | None, kind: str, **io: Any) -> list[dict]:
    """The events of a run; without an end it still runs."""
    told = [run_event("START", begin, number, job=job, **io)]
    return told if end is None else [*told, run_event(kind, end, number, job=job, **io)]


def test_a_failed_run_is_one_incident_until_a_run_completes(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, 1, "FAIL"))
    look(hub)
    look(hub)
    (one,) = incidents(hub)
    assert (one.rule, one.state, one.since) == ("failed-run", "OPEN", START + timedelta(minutes=1))
    record(hub, *run(2, "load", 2, 3, "FAIL"))
    look(hub)
    (one,) = incidents(hub)
    assert "the 2nd in a row" in one.reason
    record(hub, *run(3, "load", 4, 5, "COMPLETE"))
    look(hub)
    (one,) = incidents(hub)
    assert (one.state, one.resolution) == ("RESOLVED", "healed")
    assert steps(one) == ["opened", "changed", "resolved"]
    record(hub, *run(4, "load", 6, 7, "FAIL"))
    look(hub)
    assert [one.state for one in incidents(hub)] == ["RESOLVED", "OPEN"]


def test_a_task_is_not_told_beside_its_dag(hub: Hub) -> None:
    record(hub, *run(1, "etl", 0, None, ""))
    record(hub, *run(2, "etl.load", 0, 1, "FAIL", run_facets=part_of(1)))
    look(hub)
    assert incidents(hub) == []


def overrun(**settings: Any) -> Declared:
    return Declared(name="too-long", kind="overrun", severity="warning", settings=settings)


def test_a_run_that_is_too_long_is_told_while_it_runs_and_over_when_it_ends(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, None, ""))
    look(hub, 9, overrun(limit_s=600))
    assert incidents(hub) == []
    look(hub, 11, overrun(limit_s=600))
    (one,) = incidents(hub)
    assert (one.state, one.since) == ("OPEN", START + timedelta(minutes=10))
    record(hub, run_event("COMPLETE", 15, 1))
    look(hub, 15, overrun(limit_s=600))
    (one,) = incidents(hub)
    assert (one.state, one.resolution) == ("RESOLVED", "healed")


def test_a_run_that_hangs_while_many_newer_ones_come_is_told(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, None, ""))
    for number in range(2, 32):
        record(hub, *run(number, "load", number / 10, number / 10 + 0.05, "COMPLETE"))
    look(hub, 9, overrun(limit_s=600))
    assert incidents(hub) == []
    look(hub, 11, overrun(limit_s=600))
    (one,) = incidents(hub)
    assert one.since == START + timedelta(minutes=10)


def test_a_run_that_is_too_long_is_over_when_it_ends_however_many_came_since(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, None, ""))
    look(hub, 0, overrun(limit_s=600))
    look(hub, 11, overrun(limit_s=600))
    for number in range(2, 40):
        record(hub, *run(number, "load", 10 + number, 10.5 + number, "COMPLETE"))
    record(hub, run_event("COMPLETE", 55, 1))
    look(hub, 60, overrun(limit_s=600))
    assert [one.state for one in incidents(hub)] == ["RESOLVED"]


def test_a_run_whose_end_was_heard_late_was_never_too_long(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, None, ""))
    look(hub, 0, overrun(limit_s=600))
    look(hub, 11, overrun(limit_s=600))
    record(hub, run_event("COMPLETE", 5, 1))
    look(hub, 12, overrun(limit_s=600))
    (one,) = incidents(hub)
    assert (one.state, one.resolution) == ("RESOLVED", "retracted")


def test_without_a_limit_a_run_is_measured_by_the_jobs_own_history(hub: Hub) -> None:
    for number in range(1, 13):
        record(hub, *run(number, "load", number * 20, number * 20 + 5, "COMPLETE"))
    record(hub, *run(20, "load", 300, None, ""))
    look(hub, 306, overrun())
    assert incidents(hub) == []
    look(hub, 330, overrun())
    (one,) = incidents(hub)
    assert "5 min is usual" in one.reason


def test_nothing_is_overdue_beyond_the_watermark_of_its_orchestrator(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, None, ""))
    with hub.db.reading() as connection:
        (whose,) = connection.execute(text("SELECT name FROM orchestrator")).scalars()
    watermark = {"type": "watermark", "observed_at": at(8), "complete_to": at(8)}
    hub.writer.record([observation(watermark, of=whose)])
    look(hub, 30, overrun(limit_s=600))
    assert incidents(hub) == []
    later = {"type": "watermark", "observed_at": at(31), "complete_to": at(31)}
    hub.writer.record([observation(later, of=whose)])
    look(hub, 32, overrun(limit_s=600))
    assert [one.state for one in incidents(hub)] == ["OPEN"]


def test_a_dataset_is_stale_until_it_is_updated(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, 1, "COMPLETE", outputs=["mart"]))
    policy = {
        "type": "freshness_policy",
        "dataset": {"namespace": "db", "name": "mart"},
        "max_lag_s": 600,
        "observed_at": at(1),
    }
    hub.writer.record([observation(policy)])
    watch = Watch(hub.db, hub.writer, hub.book)  # one hub all the time

    def look_on(minute: float) -> None:
        while watch.round(START + timedelta(minutes=minute), no_fence):
            pass

    look_on(5)
    assert incidents(hub) == []
    look_on(12)
    (one,) = incidents(hub)
    assert (one.rule, one.dataset and one.dataset.name) == ("freshness", "mart")
    assert one.since == START + timedelta(minutes=11)
    record(hub, *run(2, "load", 13, 14, "COMPLETE", outputs=["mart"]))
    look_on(15)
    assert [one.state for one in incidents(hub)] == ["RESOLVED"]
    look_on(30)
    assert [one.state for one in incidents(hub)] == ["RESOLVED", "OPEN"]


def chain(hub: Hub) -> None:
    """extract -> raw -> load -> mart -> report; load is a task of etl. All have run once."""
    record(
        hub,
        *run(1, "extract", 0, 1, "COMPLETE", outputs=["raw"]),
        *run(2, "etl", 1, 3, "COMPLETE"),
        *run(
            3, "etl.load", 1, 2, "COMPLETE", inputs=["raw"], outputs=["mart"], run_facets=part_of(2)
        ),
        *run(4, "report", 3, 4, "COMPLETE", inputs=["mart"], outputs=["board"]),
    )
    look(hub, 4)


def test_what_fails_downstream_is_caused_by_what_failed_upstream(hub: Hub) -> None:
    chain(hub)
    record(hub, *run(11, "extract", 10, 11, "FAIL"), *run(12, "etl", 11, 12, "FAIL"))
    record(hub, *run(14, "report", 13, 14, "FAIL"))
    look(hub)
    root, *children = incidents(hub, roots=False)
    assert root.job is not None
    assert root.job.name == "extract"
    assert root.parent_id is None
    assert {child.parent_id for child in children} == {root.id}
    assert [one.id for one in incidents(hub, roots=True)] == [root.id]
    assert root.impact is not None
    assert [job.name for job in root.impact.jobs] == ["etl", "report"]
    assert [dataset.name for dataset in root.impact.datasets] == ["raw", "mart", "board"]


def test_a_cause_opens_before_what_it_causes_however_late_its_news_is_read(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read first are completions of those downstream, which have failed since."""
    jobs = [f"report-{number}" for number in range(5)]
    record(hub, *run(1, "load", 0, 1, "COMPLETE", outputs=["orders"]))
    look(hub)
    for number, job in enumerate(jobs, 2):
        record(hub, *run(number, job, 2, 3, "COMPLETE", inputs=["orders"]))
    record(hub, *run(10, "load", 4, 5, "FAIL", outputs=["orders"]))
    for number, job in enumerate(jobs, 11):
        record(hub, *run(number, job, 4, 6, "FAIL", inputs=["orders"]))
    monkeypatch.setattr(watching, "CHANGES", 2)
    watch = Watch(hub.db, hub.writer, hub.book)
    while not incidents(hub):
        assert watch.round(START + timedelta(minutes=60), no_fence)
    (root, *children) = incidents(hub)
    assert (root.job and root.job.name, root.parent_id) == ("load", None)
    assert children
    assert {child.parent_id for child in children} == {root.id}
    look(hub)
    told = incidents(hub)
    assert len(told) == 6
    assert {one.parent_id for one in told[1:]} == {root.id}


def test_a_cause_that_is_found_later_takes_those_downstream(hub: Hub) -> None:
    chain(hub)
    record(hub, *run(14, "report", 13, 14, "FAIL"))
    look(hub)
    record(hub, *run(11, "extract", 10, 15, "FAIL"))
    look(hub)
    (child,) = [one for one in incidents(hub) if one.parent_id]
    assert child.job is not None
    assert child.job.name == "report"
    assert steps(child) == ["opened", "caused"]


def test_what_is_still_bad_when_its_cause_is_over_stands_for_itself(hub: Hub) -> None:
    chain(hub)
    record(hub, *run(11, "extract", 10, 11, "FAIL"), *run(14, "report", 13, 14, "FAIL"))
    look(hub)
    record(hub, *run(21, "extract", 20, 21, "COMPLETE", outputs=["raw"]))
    look(hub)
    (left,) = incidents(hub, open=True)
    assert left.job is not None
    assert (left.job.name, left.parent_id) == ("report", None)
    assert steps(left) == ["opened", "caused", "uncaused"]


def test_one_failure_with_two_hundred_dependants_is_one_incident_to_tell(hub: Hub) -> None:
    record(hub, *run(1, "extract", 0, 1, "COMPLETE", outputs=["raw"]))
    for number in range(100, 300):
        record(hub, *run(number, f"user-{number}", 1, 2, "COMPLETE", inputs=["raw"]))
    look(hub, 3)
    record(hub, *run(2, "extract", 10, 11, "FAIL"))
    record(
        hub,
        *(e for n in range(300, 500) for e in run(n, f"user-{n - 200}", 12, 13, "FAIL")),
    )
    look(hub)
    (root,) = incidents(hub, open=True, roots=True)
    assert root.children == 200
    record(hub, *run(3, "extract", 20, 21, "COMPLETE", outputs=["raw"]))
    record(
        hub,
        *(e for n in range(500, 700) for e in run(n, f"user-{n - 400}", 22, 23, "COMPLETE")),
    )
    look(hub)
    assert incidents(hub, open=True) == []


def test_a_round_that_is_not_committed_is_done_again_whole(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, 1, "FAIL"))

    def lost(_: Connection) -> None:
        raise LeaseLostError("gone")

    watch = Watch(hub.db, hub.writer, hub.book)
    with pytest.raises(LeaseLostError):
        watch.round(START, lost)
    assert incidents(hub) == []
    look(hub)
    assert len(incidents(hub)) == 1


def test_incidents_of_a_rule_that_was_taken_back_are_over(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, 1, "FAIL"))
    look(hub)
    look(hub, 60, overrun(limit_s=600))
    (one,) = incidents(hub)
    assert (one.state, steps(one)) == ("RESOLVED", ["opened", "resolved"])


def test_changes_beyond_one_round_are_read_in_the_next(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "CHANGES", 3)
    for number in range(1, 8):
        record(hub, *run(number, f"job-{number}", 0, 1, "FAIL"))
    look(hub)
    assert len(incidents(hub)) == 7


def test_a_rule_that_fails_harms_no_other(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = hub.book.rules["overrun"].kind

    def fail(*_: object) -> None:
        raise RuntimeError("a mistake of its own")

    monkeypatch.setattr(type(broken), "judge", fail)
    record(hub, *run(1, "load", 0, 1, "FAIL"))
    look(hub)
    assert [one.rule for one in incidents(hub)] == ["failed-run"]


def test_a_tick_on_which_nothing_is_due_writes_nothing(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(hub, *run(1, "load", 0, None, ""))
    watch = Watch(hub.db, hub.writer, Book([overrun(limit_s=600)]))
    watch.round(START, no_fence)

    def write(*_: object, **__: object) -> None:
        raise AssertionError("it writes")

    monkeypatch.setattr(hub.writer, "call", write)
    watch.round(START + timedelta(minutes=5), no_fence)
    with pytest.raises(AssertionError, match="it writes"):
        watch.round(START + timedelta(minutes=11), no_fence)


def schedule(minute: float, cron: str, *, paused: bool = False) -> dict[str, Any]:
    return {
        "type": "schedule",
        "job": {"namespace": "prod", "name": "load"},
        "schedule": {"kind": "cron", "expression": cron, "paused": paused},
        "observed_at": at(minute),
    }


def complete_to(hub: Hub, minute: float) -> None:
    """All that the orchestrator knows is here, up to a minute."""
    with hub.db.reading() as connection:
        (whose,) = connection.execute(text("SELECT name FROM orchestrator")).scalars()
    mark = {"type": "watermark", "observed_at": at(minute), "complete_to": at(minute)}
    hub.writer.record([observation(mark, of=whose)])
    look(hub, minute)


def test_three_slots_without_a_run_are_three_incidents_and_heal(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, 1, "COMPLETE"))
    hub.writer.record([observation(schedule(1, "*/10 * * * *"))])
    complete_to(hub, 2)
    record(hub, *run(2, "load", 10, 11, "COMPLETE"))
    complete_to(hub, 15)
    assert incidents(hub) == []
    for minute in (22, 23, 33, 43, 44):
        complete_to(hub, minute)
    assert [one.since for one in incidents(hub, open=True)] == [
        START + timedelta(minutes=minute) for minute in (20, 30, 40)
    ]
    record(hub, *run(3, "load", 50, 51, "COMPLETE"))
    complete_to(hub, 55)
    assert len(incidents(hub)) == 3
    assert incidents(hub, open=True) == []


def test_slots_that_passed_while_the_hub_was_down_are_judged_afterwards(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, 1, "COMPLETE"))
    hub.writer.record([observation(schedule(1, "*/10 * * * *"))])
    complete_to(hub, 2)
    record(
        hub, *(e for n in (1, 2, 4, 5) for e in run(n + 1, "load", n * 10, n * 10 + 1, "COMPLETE"))
    )
    complete_to(hub, 55)
    (one,) = incidents(hub)
    assert one.since == START + timedelta(minutes=30)
    assert one.state == "RESOLVED"


def test_a_job_that_is_paused_in_the_gap_misses_what_was_due_before(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, 1, "COMPLETE"))
    hub.writer.record([observation(schedule(1, "*/10 * * * *"))])
    complete_to(hub, 2)
    hub.writer.record([observation(schedule(12, "*/10 * * * *", paused=True))])
    complete_to(hub, 55)
    assert [one.since for one in incidents(hub)] == [START + timedelta(minutes=10)]


def polled_from_now_on(hub: Hub) -> None:
    """The first read of what has sent events begins."""
    columns = "orchestrator, cursor, next_at, failures, progress, requests, events"
    with hub.db.reading() as connection:
        (whose,) = connection.execute(text("SELECT name FROM orchestrator")).scalars()
    row = text(f"INSERT INTO poll ({columns}) VALUES ('{whose}', '{{}}', 0, 0, '', 0, 0)")
    hub.writer.call(lambda connection: connection.execute(row))


def test_what_is_read_for_the_first_time_is_looked_at_when_that_has_ended(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(hub, *run(1, "load", 0, 1, "COMPLETE"))
    polled_from_now_on(hub)
    with monkeypatch.context() as patch:
        patch.setattr(facts, "runs_seen", lambda *_, **__: pytest.fail("its runs were read"))
        for number in range(2, 6):
            record(hub, *run(number, "load", number, number + 0.5, "FAIL", outputs=["orders"]))
            look(hub, number + 1)
    assert incidents(hub) == []
    complete_to(hub, 10)
    assert [(one.kind, one.state) for one in incidents(hub)] == [("failed_run", "OPEN")]


def test_a_job_that_was_declared_before_the_first_watermark_is_watched_from_it_on(hub: Hub) -> None:
    record(hub, *run(1, "load", 0, 1, "COMPLETE"))
    polled_from_now_on(hub)
    hub.writer.record([observation(schedule(1, "*/10 * * * *"))])
    look(hub, 2)
    complete_to(hub, 5)
    complete_to(hub, 15)
    assert [one.since for one in incidents(hub)] == [START + timedelta(minutes=10)]
