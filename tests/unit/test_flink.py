"""Jobs, failures, checkpoints and slots of Flink. Not tested live: see fake_flink."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from hub.errors import Declined
from hub.model import BacklogObserved, EntityName, HealthObserved, HealthStatus, RunState
from hub.ports import LaunchRequest, RunName
from tests.support.fake_flink import NOW, FakeFlink, checkpoint, failure, job
from tests.support.watching import Watch

Json = dict[str, Any]


def watching(*rows: Json) -> tuple[FakeFlink, Watch]:
    server = FakeFlink(0)
    server.jobs = list(rows)
    return server, Watch(server.adapter(), NOW)


def health(watch: Watch) -> list[HealthObserved]:
    return [one for one in watch.memory.observations if isinstance(one, HealthObserved)]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("INITIALIZING", RunState.NEW),
        ("CREATED", RunState.NEW),
        ("RECONCILING", RunState.NEW),
        ("RUNNING", RunState.RUNNING),
        ("FAILING", RunState.RUNNING),
        ("RESTARTING", RunState.RUNNING),
        ("CANCELLING", RunState.RUNNING),
        ("SUSPENDED", RunState.RUNNING),
        ("FINISHED", RunState.COMPLETED),
        ("FAILED", RunState.FAILED),
        ("CANCELED", RunState.ABORTED),
    ],
)
def test_every_state_is_told_with_flinks_own_word(state: str, expected: RunState) -> None:
    _, watch = watching(job(1, state=state))
    watch.look()
    told = watch.only("orders")
    assert (told.state, told.own_state) == (expected, state)


def test_a_job_that_is_submitted_again_is_another_run_of_the_same_job() -> None:
    server, watch = watching(job(1, state="FINISHED"))
    watch.look()
    server.jobs.append(job(2))
    watch.look()
    assert [name.job.name for name in watch.memory.attempts] == ["orders", "orders"]
    assert watch.event("orders")["run"]["facets"]["trackside_answer"]["url"] == (
        f"http://flink:8081/#/job/running/{server.jobs[1]['jid']}/overview"
    )


def test_a_failure_says_what_the_latest_exception_was() -> None:
    row = job(1, state="FAILED")
    server, watch = watching(row)
    server.exceptions[row["jid"]] = failure("java.io.IOException: disk full")
    watch.look()
    message = watch.facets("orders")["errorMessage"]["message"]
    assert message.startswith("java.io.IOException: disk full\n\tat org.example")


def test_before_its_history_of_failures_flink_told_one_of_them() -> None:
    row = job(1, state="FAILED")
    server, watch = watching(row)
    server.exceptions[row["jid"]] = {"root-exception": "java.lang.Error: old"}
    watch.look()
    assert watch.facets("orders")["errorMessage"]["message"] == "java.lang.Error: old"


def test_a_job_that_restarts_is_a_degraded_part_until_it_runs_again() -> None:
    row = job(1, state="RESTARTING")
    server, watch = watching(row)
    server.exceptions[row["jid"]] = failure("java.io.IOException: disk full")
    watch.look(2)
    server.jobs = [job(1)]
    watch.look(2)
    seen = health(watch)
    assert {one.part for one in seen} == {"job orders"}
    assert seen[0].detail == "RESTARTING: java.io.IOException: disk full"
    assert [seen[0].status, seen[-1].status] == [HealthStatus.DEGRADED, HealthStatus.HEALTHY]
    assert watch.only("orders").state is RunState.RUNNING


def test_a_job_whose_latest_checkpoint_failed_is_a_degraded_part() -> None:
    row = job(1)
    server, watch = watching(row)
    failed = checkpoint(8, failure_message="expired before completing")
    server.checkpoints[row["jid"]] = {"completed": checkpoint(7), "failed": failed}
    watch.look()
    assert health(watch)[-1].detail == "checkpoint 8 failed: expired before completing"
    server.checkpoints[row["jid"]] = {"completed": checkpoint(9), "failed": failed}
    watch.look()
    assert health(watch)[-1].status is HealthStatus.HEALTHY


def test_a_job_that_ended_while_it_did_badly_is_no_part_any_more() -> None:
    server, watch = watching(job(1, state="RESTARTING"))
    watch.look()
    server.jobs = [job(1, state="CANCELED")]
    watch.look()
    assert health(watch)[-1].status is HealthStatus.HEALTHY


def test_a_job_that_flink_has_lost_ends_after_a_while_and_not_at_once() -> None:
    """A JobManager that takes over from another one knows jobs only after a while."""
    server, watch = watching(job(1))
    watch.look()
    server.jobs = []
    watch.look(5)
    assert watch.only("orders").state is RunState.RUNNING
    server.jobs = [job(1)]
    watch.look(2)
    server.jobs = []
    watch.look(9)
    assert watch.only("orders").state is RunState.RUNNING
    watch.look(5)
    assert (watch.only("orders").state, watch.only("orders").own_state) == (
        RunState.ABORTED,
        "lost",
    )


def test_a_job_that_ended_and_is_forgotten_stays_as_it_was() -> None:
    server, watch = watching(job(1, state="FINISHED"))
    watch.look()
    server.jobs = []
    watch.look(15)
    assert watch.only("orders").state is RunState.COMPLETED


def test_why_many_have_failed_is_asked_for_in_several_looks() -> None:
    server, watch = watching(*(job(n, state="FAILED") for n in range(100)))
    watch.look()
    assert watch.more
    watch.look()
    assert not watch.more
    assert len(watch.memory.attempts) == 100
    assert len([path for path in server.paths() if path.endswith("/exceptions")]) == 100


def test_slots_are_a_pool_in_which_tasks_wait() -> None:
    _, watch = watching(job(1, tasks={"total": 4, "running": 1, "scheduled": 3}))
    watch.look()
    (seen,) = [o for o in watch.memory.observations if isinstance(o, BacklogObserved)]
    assert (seen.pool, seen.queued, seen.running, seen.capacity) == ("slots", 3, 6, 8)


def test_times_are_those_of_flink() -> None:
    row = job(1, state="FINISHED")
    _, watch = watching(row)
    watch.look()
    told = watch.only("orders")
    assert told.at is not None
    assert told.started_at is not None
    assert told.at.timestamp() * 1000 == row["end-time"]
    assert told.started_at == datetime.fromisoformat("2026-11-22T11:00:01+00:00")


def test_the_log_of_a_job_is_its_latest_failure() -> None:
    row = job(1, state="FAILED")
    server, watch = watching(row)
    server.exceptions[row["jid"]] = failure("java.io.IOException: disk full")
    tail = watch.adapter.log_tail(RunName(EntityName("space", "orders"), row["jid"]), 1, 1)
    assert tail.lines == ["java.io.IOException: disk full"]
    assert tail.error == "java.io.IOException: disk full"


def test_nothing_can_be_started() -> None:
    with pytest.raises(Declined, match="starts no jobs"):
        FakeFlink().adapter().launch(LaunchRequest("key-1", EntityName("space", "orders")))
