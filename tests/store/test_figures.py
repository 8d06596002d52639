"""Figures of the world: measured as it stands, counted once as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.api.hub import Hub
from hub.evaluate.watch import Watch
from hub.figures.count import Count
from hub.figures.measure import Measure
from hub.main import build_worker, writing
from hub.metrics import Metrics
from hub.settings import Settings
from hub.store.leases import no_fence
from hub.store.tables import backlog_sample, health, orchestrator
from tests.support.recording import at, dataset, emptied, incoming, observation, run_event
from tests.support.rows import fill

START = datetime(2026, 11, 23, 10, tzinfo=UTC)  # minute 0 of the events
SETTINGS: dict[str, Any] = {
    "teams": [{"name": "data", "namespaces": ["prod"], "objective": 0.9}],
    "orchestrators": [{"name": "af", "kind": "airflow", "namespaces": ["prod"]}],
    "job_metrics": [{"name": "load*"}, {"namespace": "nowhere"}],
    "max_job_metrics": 2,
    "maintenance": [
        {"name": "move", "begin": "2026-12-01T10:00:00Z", "end": "2026-12-01T11:00:00Z"}
    ],
}
OWNED = {"ownership": {"owners": [{"name": "team:data"}]}}
OF_RUNS = {"orchestrator": "af", "team": "data"}


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    settings = Settings(database_url=module_database_url, **SETTINGS)
    with writing(settings) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    yield module_hub
    module_hub.writer.call(emptied)


class Figures:
    """A replica that counts and measures."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.metrics = Metrics()
        self._count = Count(hub.db, hub.writer, self.metrics)
        self._measure = Measure(hub.db, hub.settings, hub.book, self.metrics)

    def count(self) -> None:
        while self._count.round(no_fence):
            pass

    def measure(self, minute: float = 60) -> None:
        self._measure.round(START + timedelta(minutes=minute), [], [])

    def of(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"trackside_{name}", labels)


@pytest.fixture
def figures(hub: Hub) -> Figures:
    found = Figures(hub)
    found.count()
    return found


def record(hub: Hub, *events: dict[str, Any]) -> None:
    hub.writer.record([incoming(event) for event in events])


def run(number: int, begin: float, end: float | None, kind: str = "COMPLETE", **io: Any) -> Any:
    told = [run_event("START", begin, number, job_facets=OWNED, **io)]
    ended = [] if end is None else [run_event(kind, end, number, job_facets=OWNED, **io)]
    return [*told, *ended]


def judge(hub: Hub, minute: float) -> None:
    """All that happened until then is known."""
    known = {"type": "watermark", "complete_to": at(minute), "observed_at": at(minute)}
    hub.writer.record([observation(known, of="af")])
    watch = Watch(hub.db, hub.writer, hub.book)
    while watch.round(START + timedelta(minutes=minute), no_fence):
        pass


def test_runs_are_counted_by_how_they_ended_and_how_long_they_took(
    hub: Hub, figures: Figures
) -> None:
    record(hub, *run(1, 0, 5), *run(2, 10, 11, "FAIL"), *run(3, 20, 22, "ABORT"), *run(4, 30, None))
    figures.count()
    figures.count()
    ended = {
        state: figures.of("runs_ended_total", **OF_RUNS, kind="none", state=state)
        for state in ("COMPLETED", "FAILED", "ABORTED")
    }
    assert ended == {"COMPLETED": 1, "FAILED": 1, "ABORTED": 1}
    assert figures.of("run_duration_seconds_sum", **OF_RUNS) == 300
    assert figures.of("promises_total", team="data", result="kept") == 1
    assert figures.of("promises_total", team="data", result="broken") == 1
    figures.measure()
    assert figures.of("runs_open", **OF_RUNS, kind="none", state="RUNNING") == 1


def test_a_second_replica_counts_on_and_nothing_twice(hub: Hub, figures: Figures) -> None:
    record(hub, *run(1, 0, 5))
    figures.count()
    other = Figures(hub)
    record(hub, *run(2, 10, 15))
    other.count()
    figures.count()
    told = [
        one.of("runs_ended_total", **OF_RUNS, kind="none", state="COMPLETED")
        for one in (figures, other)
    ]
    assert told == [1, 1]


def test_what_was_before_anybody_counted_is_not_counted(hub: Hub) -> None:
    record(hub, *run(1, 0, 5))
    late = Figures(hub)
    late.count()
    assert late.of("promises_total", team="data", result="kept") is None
    late.measure()
    assert late.of("promises_total", team="data", result="kept") == 0


def test_datasets_that_are_written_and_checks_that_fail_are_counted(
    hub: Hub, figures: Figures
) -> None:
    record(hub, *run(1, 0, 5, outputs=[dataset("orders", **OWNED)]))
    figures.count()
    assert figures.of("dataset_updates_total", team="data") == 1


def test_how_late_a_run_started_is_counted_by_its_slot(hub: Hub, figures: Figures) -> None:
    hourly = {"type": "schedule", "job": {"namespace": "prod", "name": "load"}}
    told = {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC"}
    hub.writer.record([observation(hourly | {"schedule": told, "observed_at": at(-120)}, of="af")])
    judge(hub, -100)
    record(hub, *run(1, 0.5, 5))
    figures.count()
    assert figures.of("start_lateness_seconds_sum", **OF_RUNS) == 30


def test_a_slot_without_a_run_is_overdue_then_missed_and_a_promise_broken(
    hub: Hub, figures: Figures
) -> None:
    hourly = {"type": "schedule", "job": {"namespace": "prod", "name": "load"}}
    told = {"kind": "cron", "expression": "0 * * * *", "timezone": "UTC"}
    hub.writer.record([observation(hourly | {"schedule": told, "observed_at": at(-120)}, of="af")])
    judge(hub, -100)
    record(hub, *run(1, -60, -55))
    judge(hub, -50)
    figures.measure(5)
    assert figures.of("slots_overdue", **OF_RUNS) == 1
    assert figures.of("slot_overdue_seconds", **OF_RUNS) == 300
    judge(hub, 40)
    figures.count()
    assert figures.of("slots_missed_total", **OF_RUNS) == 1
    assert figures.of("promises_total", team="data", result="broken") == 1
    figures.measure(41)
    labels = {"state": "OPEN", "kind": "missed_schedule", "severity": "error", "team": "data"}
    assert figures.of("incidents_open", **labels) == 1
    opened = {"transition": "opened", **labels}
    del opened["state"]
    assert figures.of("incident_transitions_total", **opened) == 1


def test_the_freshness_that_is_left_becomes_negative_when_a_dataset_is_stale(
    hub: Hub, figures: Figures
) -> None:
    policy = {
        "type": "freshness_policy",
        "dataset": {"namespace": "db", "name": "orders"},
        "max_lag_s": 3600,
        "observed_at": at(0),
    }
    record(hub, *run(1, 0, 5, outputs=[dataset("orders", **OWNED)]))
    hub.writer.record([observation(policy, of="af")])
    judge(hub, 10)
    figures.measure(35)
    of = {"team": "data", "rule": "freshness"}
    assert figures.of("freshness_datasets", **of, state="fresh") == 1
    assert figures.of("freshness_lag_seconds", **of) == 30 * 60
    assert figures.of("freshness_budget_left_seconds", **of) == 30 * 60
    judge(hub, 70)
    figures.measure(75)
    assert figures.of("freshness_datasets", **of, state="stale") == 1
    assert figures.of("freshness_datasets", **of, state="fresh") is None
    assert figures.of("freshness_budget_left_seconds", **of) == -10 * 60


def test_the_latest_backlog_of_each_pool_is_told_until_nothing_is_heard_of_it(
    hub: Hub, figures: Figures
) -> None:
    fill(hub.db, orchestrator, {"id": 7, "name": "dag"})
    fill(hub.db, health, {"orchestrator_id": 7, "part": "", "status": "DEGRADED"})
    pool = {"orchestrator_id": 7, "pool": "etl", "running": None, "capacity": 8}
    for minute, queued in ((50, 3), (59, 5)):
        moment = START + timedelta(minutes=minute)
        fill(hub.db, backlog_sample, pool | {"at": moment, "queued": queued, "oldest_wait_s": 90.0})
    figures.measure()
    of = {"orchestrator": "dag", "pool": "etl"}
    assert figures.of("backlog_queued", **of) == 5
    assert figures.of("backlog_oldest_wait_seconds", **of) == 90
    assert figures.of("backlog_running", **of) is None
    assert figures.of("orchestrator_health", orchestrator="dag", status="DEGRADED") == 1
    figures.measure(130)
    assert figures.of("backlog_queued", **of) is None


def test_selected_jobs_are_told_one_by_one_and_the_limit_shows(hub: Hub, figures: Figures) -> None:
    for number, job in enumerate(("load_a", "load_b", "load_c", "other"), 1):
        record(hub, *run(number, 0, number, job=job))
    figures.measure()
    told = {
        job: figures.of("job_last_run_seconds", job_namespace="prod", job_name=job, **OF_RUNS)
        for job in ("load_a", "load_b", "load_c", "other")
    }
    assert told == {"load_a": 60, "load_b": 120, "load_c": None, "other": None}
    assert figures.of("job_series_limit") == 2
    assert figures.of("job_series_left_out") == 1


def test_each_team_has_the_objective_that_was_set_or_the_usual_one(figures: Figures) -> None:
    figures.measure()
    assert figures.of("objective_ratio", team="data") == 0.9
    assert figures.of("objective_ratio", team="none") == 0.99


def test_what_each_reader_has_not_read_is_told(hub: Hub, figures: Figures) -> None:
    record(hub, *run(1, 0, 5))
    figures.count()
    record(hub, *run(2, 10, 15))
    figures.measure()
    assert (figures.of("changes_unread", reader="figures") or 0) >= 2
    figures.count()
    figures.measure()
    assert figures.of("changes_unread", reader="figures") == 0
    assert figures.of("known", noun="jobs") == 1


@pytest.mark.postgres
def test_a_replica_that_lost_the_lease_tells_nothing_of_the_world(postgres_url: str) -> None:
    settings = Settings(database_url=postgres_url, **SETTINGS)
    with writing(settings) as first, writing(settings) as second:
        record(first, *run(1, 0, None))
        holder, other = build_worker(first), build_worker(second)
        labels = {**OF_RUNS, "kind": "none", "state": "RUNNING"}
        holder.run("figures")
        other.run("figures")
        told = [
            h.metrics.registry.get_sample_value("trackside_runs_open", labels)
            for h in (first, second)
        ]
        assert told == [1, None]
        held = [
            h.metrics.registry.get_sample_value("trackside_lease_held", {"loop": "figures"})
            for h in (first, second)
        ]
        assert held == [1, 0]
        holder.stop()
        other.run("figures")
        holder = build_worker(first)
        holder.run("figures")
        told = [
            h.metrics.registry.get_sample_value("trackside_runs_open", labels)
            for h in (first, second)
        ]
        assert told == [None, 1]


def test_a_maintenance_window_is_told_while_it_holds(hub: Hub, figures: Figures) -> None:
    def told(minute: float) -> float | None:
        figures.measure(minute)
        return figures.of("maintenance_active", window="move")

    days = 8 * 24 * 60
    assert [told(days + minute) for minute in (-1, 30, 61)] == [None, 1, None]
