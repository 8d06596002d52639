"""Rows of Prefect as events: states, tries and what a pass brings, with recorded answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from adapters.prefect.events import task_of
from adapters.prefect.tries import tries_of
from adapters.prefect.wire import FlowRun, State, TaskRun
from hub.errors import NotReady, Unavailable
from hub.model import BacklogObserved, EntityName, HealthObserved, HealthStatus, RunState
from hub.ports import LaunchRequest, RunName
from tests.support.answers import answer
from tests.support.fake_prefect import NOW, FakePrefect, flow_run, stamp, state, task_run
from tests.support.known import Attempt, Memory


def watch(server: FakePrefect, polls: int = 8, **config: Any) -> Memory:
    adapter, memory, cursor = server.adapter(**config), Memory(), dict[str, Any]()
    for step in range(polls):
        seen = adapter.observe(cursor, NOW + timedelta(seconds=40 * step), memory)
        memory.take(seen)
        cursor = seen.cursor
    return memory


def only(memory: Memory, job: str) -> dict[int, Attempt]:
    (found,) = [tries for name, tries in memory.attempts.items() if name.job.name == job]
    return found


def server_with(row: dict[str, Any]) -> FakePrefect:
    server = FakePrefect(0)
    server.flow_runs = [row]
    return server


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("SCHEDULED", "Late", RunState.NEW),
        ("PENDING", None, RunState.NEW),
        ("RUNNING", None, RunState.RUNNING),
        ("PAUSED", "Suspended", RunState.RUNNING),
        ("CANCELLING", None, RunState.RUNNING),
        ("COMPLETED", "Cached", RunState.COMPLETED),
        ("FAILED", "TimedOut", RunState.FAILED),
        ("CRASHED", None, RunState.FAILED),
        ("CANCELLED", None, RunState.ABORTED),
    ],
)
def test_every_state_is_told_with_prefects_own_word(
    kind: str, name: str | None, expected: RunState
) -> None:
    over = expected not in {RunState.NEW, RunState.RUNNING}
    begun = kind not in {"SCHEDULED", "PENDING"}
    row = flow_run(
        1,
        state=state(kind, stamp(-3000), name),
        run_count=int(begun),
        start_time=stamp(-3100) if begun else None,
        end_time=stamp(-3000) if over else None,
    )
    told = only(watch(server_with(row)), "etl/nightly")[1]
    assert (told.state, told.own_state) == (expected, name or kind.capitalize())


def test_the_tries_of_a_task_are_attempts_with_their_own_times() -> None:
    """As Prefect recorded them of a task without a wait between its tries."""
    (row,) = [one for one in answer("prefect/task_runs") if one["run_count"] == 3]
    history = msgspec.convert(answer("prefect/task_run_states"), list[State])
    first, second, third = tries_of(msgspec.convert(row, TaskRun), history)
    assert (first.number, second.number, third.number) == (1, 2, 3)
    assert first.end
    assert second.end
    assert third.end
    assert first.started is not None
    assert first.end.timestamp == second.started
    assert second.end.timestamp == third.started
    assert third.end.type == "COMPLETED"


def test_a_flow_that_is_tried_again_has_failed_first_with_its_error() -> None:
    (row,) = [one for one in answer("prefect/flow_runs") if one["run_count"] == 2]
    server = server_with(row)
    server.states[row["id"]] = answer("prefect/flow_run_states")
    server.flow_runs[0]["parent_task_run_id"] = None
    memory = watch_at(server, "2026-11-30T17:20:00+00:00")
    tries = only(memory, "restless")
    assert [tries[1].state, tries[2].state] == [RunState.FAILED, RunState.COMPLETED]
    assert tries[1].will_retry
    assert tries[2].started_at is not None
    assert tries[1].at is not None
    assert tries[2].started_at >= tries[1].at


def watch_at(server: FakePrefect, text: str) -> Memory:
    memory = Memory()
    memory.take(server.adapter().observe({}, datetime.fromisoformat(text), memory))
    return memory


def test_a_run_that_was_suspended_goes_on_with_the_same_try() -> None:
    states = [
        state("PENDING", stamp(0)),
        state("RUNNING", stamp(1)),
        state("PAUSED", stamp(2), "Suspended"),
        state("SCHEDULED", stamp(3), "Resuming"),
        state("PENDING", stamp(4)),
        state("RUNNING", stamp(5)),
        state("COMPLETED", stamp(6)),
    ]
    row = msgspec.convert(flow_run(1, run_count=1, state=states[-1]), FlowRun)
    (only_one,) = tries_of(row, msgspec.convert(states, list[State]))
    assert only_one.started == datetime.fromisoformat(stamp(1))
    assert only_one.end is not None
    assert only_one.end.type == "COMPLETED"


def test_a_run_that_waits_for_its_next_try_has_failed_but_not_for_good() -> None:
    waits = state(
        "SCHEDULED", stamp(-3000), "AwaitingRetry", "Flow run encountered an exception: X"
    )
    row = flow_run(1, run_count=1, state=waits, end_time=None)
    server = server_with(row)
    server.states[row["id"]] = [state("RUNNING", stamp(-3100)), waits]
    told = only(watch(server), "etl/nightly")[1]
    assert (told.state, told.own_state, told.will_retry) == (
        RunState.FAILED,
        "AwaitingRetry",
        True,
    )


def test_a_task_that_waits_for_one_that_failed_is_over() -> None:
    server = FakePrefect(1)
    left = state("PENDING", stamp(-3400), "NotReady")
    server.task_runs = [task_run(0, run_count=0, start_time=None, end_time=None, state=left)]
    told = only(watch(server), "etl/nightly.flaky")[1]
    assert (told.state, told.own_state) == (RunState.ABORTED, "NotReady")


def test_a_task_whose_flow_run_ended_without_it_ends_with_it() -> None:
    """But not before its own end could have come."""
    server = FakePrefect(1)
    running = state("RUNNING", stamp(-3598))
    server.task_runs = [task_run(0, run_count=1, end_time=None, state=running)]
    memory = watch(server)
    told = only(memory, "etl/nightly.flaky")[1]
    assert (told.state, told.own_state) == (RunState.ABORTED, "Running")
    assert told.at == datetime.fromisoformat(server.flow_runs[0]["end_time"])


def test_a_run_that_was_deleted_while_it_ran_ends() -> None:
    running = flow_run(1, state=state("RUNNING", stamp(-3000)), end_time=None)
    server = server_with(running)
    adapter, memory = server.adapter(), Memory()
    seen = adapter.observe({}, NOW, memory)
    memory.take(seen)
    server.flow_runs = []
    for step in range(1, 9):
        seen = adapter.observe(seen.cursor, NOW + timedelta(seconds=40 * step), memory)
        memory.take(seen)
    told = only(memory, "etl/nightly")[1]
    assert (told.state, told.own_state) == (RunState.ABORTED, "deleted")


def test_rows_that_come_and_go_between_pages_hide_no_others() -> None:
    """Each page is asked for by time, so that neither a new end nor a deletion moves it."""

    def between(server: FakePrefect) -> None:
        asked = sum(path.endswith("/flow_runs/filter") for path in server.paths())
        if asked == 2:
            server.flow_runs.append(flow_run(900))
            server.flow_runs = [row for row in server.flow_runs if row["name"] != "run-129"]

    server = FakePrefect(130, cap=25, between=between)
    memory = watch(server, polls=12)
    seen = {name.natural_id for name in memory.attempts if name.job.name == "etl/nightly"}
    assert {row["id"] for row in server.flow_runs} <= seen


def test_many_that_ended_in_the_same_instant_are_all_seen() -> None:
    server = FakePrefect(60, cap=25)
    for row in server.flow_runs:
        row["end_time"] = stamp(-3000)
    memory = watch(server, polls=10)
    assert len([name for name in memory.attempts if name.job.name == "etl/nightly"]) == 60


def test_an_end_that_a_person_marked_otherwise_is_told() -> None:
    """Prefect leaves the time of the end as it was: only the feed of events tells."""
    server = FakePrefect(1)
    failed = state(
        "FAILED", stamp(-3500), message="Flow run encountered an exception: KeyError: 'x'"
    )
    server.flow_runs = [flow_run(0, state=failed)]
    adapter, memory = server.adapter(), Memory()
    seen = adapter.observe({}, NOW, memory)
    memory.take(seen)
    assert only(memory, "etl/nightly")[1].state is RunState.FAILED
    server.flow_runs = [flow_run(0, state=state("COMPLETED", stamp(30), "Marked"))]
    (event,) = [e for e in answer("prefect/events_ended")["events"] if "Marked" in e["event"]]
    event["resource"]["prefect.resource.id"] = f"prefect.flow-run.{server.flow_runs[0]['id']}"
    server.events = [event]
    for step in range(1, 6):
        seen = adapter.observe(seen.cursor, NOW + timedelta(seconds=40 * step), memory)
        memory.take(seen)
    told = only(memory, "etl/nightly")[1]
    assert (told.state, told.own_state) == (RunState.COMPLETED, "Marked")


def test_what_waits_in_a_work_pool_is_told_and_that_nobody_takes_it() -> None:
    server = FakePrefect(0)
    server.flow_runs = [{**row} for row in answer("prefect/flow_runs_open")]
    memory = Memory()
    as_of = datetime(2026, 11, 30, 17, 13, tzinfo=UTC)
    memory.take(server.adapter().observe({}, as_of, memory))
    (pool,) = [
        one
        for one in memory.observations
        if isinstance(one, BacklogObserved) and one.pool == "shop"
    ]
    assert (pool.queued, pool.running, pool.capacity) == (3, 0, 5)
    ill = {one.part: one for one in memory.observations if isinstance(one, HealthObserved)}
    assert "work pool shop" in ill


def test_a_pool_without_workers_is_down_only_while_something_waits() -> None:
    now = NOW.replace(microsecond=0)
    server = FakePrefect(0)
    seen = server.adapter().observe({}, now, Memory())
    told = {o.part: o.status for o in seen.observations if isinstance(o, HealthObserved)}
    assert told["work pool shop"] is HealthStatus.HEALTHY
    late = flow_run(1, state=state("SCHEDULED", stamp(-90), "Late"), run_count=0, end_time=None)
    server.flow_runs = [{**late, "expected_start_time": stamp(-90)}]
    seen = server.adapter().observe({}, now, Memory())
    told = {o.part: o.status for o in seen.observations if isinstance(o, HealthObserved)}
    assert told["work pool shop"] is HealthStatus.DOWN
    assert told[""] is HealthStatus.DEGRADED


def test_a_tasks_name_is_its_key_without_the_hash_of_its_code() -> None:
    assert task_of("load-3f2a91bc") == "load"
    assert task_of("load-orders-3f2a91bc") == "load-orders"
    assert task_of("load") == "load"


def test_the_log_ends_with_the_last_lines_and_tells_the_error() -> None:
    server = FakePrefect(1)
    run = RunName(EntityName("space", "failing"), server.flow_runs[0]["id"])
    tail = server.adapter().log_tail(run, 1, 5)
    assert tail.error == "KeyError: 'nothing there'"
    assert len(tail.lines) == 5


def test_a_launch_of_what_is_not_deployed_waits_for_somebody_to_deploy_it() -> None:
    request = LaunchRequest("key-1", EntityName("space", "etl/nobody"))
    with pytest.raises(NotReady, match="etl/nobody"):
        FakePrefect().adapter().launch(request)


def test_a_flow_with_several_deployments_must_be_told_which() -> None:
    request = LaunchRequest("key-1", EntityName("space", "etl"))
    with pytest.raises(Unavailable, match="several deployments") as caught:
        FakePrefect().adapter().launch(request)
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("http://prefect:4200", "http://prefect:4200"),
        ("https://prefect.example.org/api/", "https://prefect.example.org"),
        (
            "https://api.prefect.cloud/api/accounts/a-1/workspaces/w-2",
            "https://app.prefect.cloud/account/a-1/workspace/w-2",
        ),
    ],
)
def test_the_page_of_a_run_is_found_from_the_address_of_the_api(url: str, page: str) -> None:
    server = FakePrefect(1)
    seen = server.adapter(url=url).observe({}, NOW, Memory())
    flow = next(e for e in seen.events if e["job"]["name"] == "etl/nightly" and "run" in e)
    told = flow["run"]["facets"]["trackside_answer"]["url"]
    assert told == f"{page}/runs/flow-run/{server.flow_runs[0]['id']}"
