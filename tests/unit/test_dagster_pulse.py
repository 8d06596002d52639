"""Health and backlog of recorded deployments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.dagster.backlog import backlog
from adapters.dagster.health import health, instigator_health
from adapters.dagster.instigators import Instigator
from adapters.dagster.pulse import Pulse
from adapters.dagster.wire import convert
from hub.model import HealthObserved, HealthStatus
from tests.support.fake_dagster import NOW, pulse, recorded

BEAT = datetime.fromtimestamp(1795330560.001262, UTC)  # of the scheduler, the oldest recorded


def recorded_pulse(**other: Any) -> Pulse:
    instance = recorded("instance_queue_pools")["instance"]
    instance |= recorded("daemon_health")["instance"]
    workspace = recorded("workspace")["workspaceOrError"]
    waiting = recorded("backlog_queued_runs")["runsOrError"]
    told = pulse(instance=instance, workspaceOrError=workspace, waiting=waiting) | other
    return convert(told, Pulse, "a test")


def parts(seen: Pulse, now: datetime) -> dict[str, HealthObserved]:
    return {one.part: one for one in health(seen, now, NOW)}


def test_a_daemon_with_a_heartbeat_is_healthy() -> None:
    found = parts(recorded_pulse(), BEAT + timedelta(seconds=60))
    assert found["daemon SENSOR"].status is HealthStatus.HEALTHY


def test_a_silent_daemon_is_down_though_dagster_calls_it_healthy() -> None:
    found = parts(recorded_pulse(), BEAT + timedelta(minutes=5))
    assert found["daemon SCHEDULER"].status is HealthStatus.DOWN
    assert "no heartbeat since 2026-11-22 06:56:00 UTC" in (found["daemon SCHEDULER"].detail or "")
    assert found[""].status is HealthStatus.DOWN


def test_a_daemon_is_silent_soon_enough_to_be_seen_within_three_minutes() -> None:
    found = parts(recorded_pulse(), BEAT + timedelta(seconds=125))
    assert found["daemon SCHEDULER"].status is HealthStatus.DOWN
    assert found[""].status is HealthStatus.DEGRADED


def test_a_daemon_whose_heartbeat_tells_errors_is_degraded() -> None:
    found = parts(recorded_pulse(), BEAT + timedelta(seconds=60))
    assert found["daemon SCHEDULER"].status is HealthStatus.DEGRADED
    assert "failing_sched" in (found["daemon SCHEDULER"].detail or "")


def test_a_code_location_that_can_not_be_loaded_is_down_and_says_why() -> None:
    found = parts(recorded_pulse(), BEAT)
    broken = found["code location broken_loc"]
    assert broken.status is HealthStatus.DOWN
    assert "No module named 'not_a_module_xyz'" in (broken.detail or "")
    assert found["code location hub_demo"].status is HealthStatus.HEALTHY
    assert found[""].status is HealthStatus.DEGRADED


def test_a_deployment_without_trouble_is_healthy() -> None:
    assert parts(convert(pulse(), Pulse, "a test"), NOW)[""].status is HealthStatus.HEALTHY


def test_a_daemon_that_is_not_required_may_be_silent() -> None:
    rows = [{"daemonType": "SENSOR", "required": False, "lastHeartbeatTime": None}]
    seen = convert(pulse(instance={"daemonHealth": {"allDaemonStatuses": rows}}), Pulse, "a test")
    assert list(parts(seen, NOW)) == [""]


def test_a_schedule_that_can_not_be_evaluated_is_degraded_unless_it_is_off() -> None:
    on = Instigator("schedule", "s", "here", ("job",), on=True)
    off = Instigator("schedule", "t", "here", ("job",), on=False)
    assert [one.part for one in instigator_health([on, off], NOW)] == ["schedule here/s"]


def test_the_run_queue_is_told_with_what_runs_and_the_longest_wait() -> None:
    running = {"__typename": "Runs", "count": 3}
    seen = recorded_pulse(running=running)
    queue = next(iter(backlog(seen, NOW, NOW)))
    rows = recorded("backlog_queued_runs")["runsOrError"]["results"]
    starting = sum(row["status"] == "STARTING" for row in rows)
    oldest = min(row["creationTime"] for row in rows if row["status"] != "STARTING")
    assert queue.queued == 13 - starting
    assert queue.running == 3 + starting
    assert queue.capacity == 3
    assert queue.oldest_wait_s == pytest.approx(NOW.timestamp() - oldest)


def test_a_pool_is_told_with_its_slots() -> None:
    limits = [
        {
            "concurrencyKey": "warehouse",
            "slotCount": 2,
            "limit": 2,
            "activeSlotCount": 2,
            "pendingStepCount": 1,
            "pendingSteps": [
                {"enqueuedTimestamp": NOW.timestamp() - 40, "assignedTimestamp": None},
                {"enqueuedTimestamp": NOW.timestamp() - 90, "assignedTimestamp": 1.0},
            ],
        }
    ]
    seen = convert(pulse(instance={"concurrencyLimits": limits}), Pulse, "a test")
    pool = list(backlog(seen, NOW, NOW))[1]
    assert (pool.pool, pool.queued, pool.running, pool.capacity) == ("warehouse", 1, 2, 2)
    assert pool.oldest_wait_s == 40


def test_nothing_that_waits_has_no_longest_wait() -> None:
    queue = next(iter(backlog(convert(pulse(), Pulse, "a test"), NOW, NOW)))
    assert (queue.queued, queue.oldest_wait_s) == (0, None)
