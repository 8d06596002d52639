"""How the Airflow adapter reads runs: page by page, nothing lost, nothing twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.airflow import Airflow
from adapters.airflow.config import Config
from adapters.airflow.open_runs import splits_of
from hub.errors import Unavailable
from hub.model import EntityName, HealthObserved, RunState, WatermarkObserved
from hub.ports import Asked, Observed, RunName
from tests.support.fake_airflow import NOW, FakeAirflow, dag_run, stamp, task
from tests.support.known import Attempt, Memory

SPACE = "af"


class Polls:
    """An adapter over a fake Airflow, polled every 20 seconds."""

    def __init__(self, server: FakeAirflow, **settings: Any) -> None:
        self.server = server
        config = Config.model_validate({"url": "http://airflow", **settings})
        transport = httpx.MockTransport(server)
        self.adapter = Airflow(
            config, Asked("orch", SPACE), transport=transport, sleep=lambda _: None
        )
        self.memory = Memory()
        self.cursor: dict[str, Any] = {}
        self.at = NOW

    def poll(self) -> Observed:
        seen = self.adapter.observe(self.cursor, self.at, self.memory)
        self.memory.take(seen)
        self.cursor = json.loads(json.dumps(seen.cursor))
        self.at += timedelta(seconds=20)
        return seen

    def quiet(self) -> None:
        """Until there is no more to read at once, and every part was looked at."""
        for _ in range(12):
            self.poll()

    def attempt(self, job: str, run: str, map_index: int = -1) -> Any:
        return self.memory.latest(RunName(EntityName(SPACE, job), run, map_index))


def since(server: FakeAirflow, path: str) -> list[str]:
    return [
        request.url.params["updated_at_gte"]
        for request in server.asked
        if request.url.path.endswith(path) and "updated_at_gte" in request.url.params
    ]


def test_the_first_read_goes_back_as_far_as_it_is_told() -> None:
    polls = Polls(FakeAirflow(), history_days=2)
    polls.poll()
    assert since(polls.server, "dagRuns") == ["2026-11-20T12:00:00.000000Z"]


def test_a_pass_goes_on_where_the_server_was_when_the_last_one_began_less_an_overlap() -> None:
    polls = Polls(FakeAirflow())
    polls.poll()
    polls.poll()
    assert since(polls.server, "dagRuns")[1:] == ["2026-11-22T11:59:00.000000Z"]
    assert since(polls.server, "taskInstances")[1:] == ["2026-11-22T11:59:00.000000Z"]


def test_a_long_first_read_is_bounded_and_says_how_far_it_is() -> None:
    polls = Polls(FakeAirflow(runs=950))
    first = polls.poll()
    assert first.more
    assert len([event for event in first.events if "run" in event]) <= 400
    assert first.progress.startswith("400 of 950 Dag runs")
    assert not [seen for seen in first.observations if isinstance(seen, WatermarkObserved)]
    for _ in range(8):
        polls.poll()
    marks = [seen for seen in polls.memory.observations if isinstance(seen, WatermarkObserved)]
    assert marks
    assert marks[0].complete_to == datetime(2026, 11, 22, 11, 59, tzinfo=UTC)
    assert len(polls.memory.attempts) == 2 * 950


def test_the_cursor_does_not_grow_with_the_runs() -> None:
    polls = Polls(FakeAirflow(runs=950))
    polls.quiet()
    assert len(json.dumps(polls.cursor)) < 1500


def test_rows_that_move_up_between_two_pages_are_not_lost() -> None:
    """Without cursors a deleted row moves all others one up, past the reader."""
    server = FakeAirflow(runs=150, cursors=False)

    def delete_one(fake: FakeAirflow) -> None:
        pages = [r for r in fake.asked if r.url.path.endswith("dagRuns")]
        if len(pages) == 1 and len(fake.runs) == 150:
            del fake.runs[0]

    server._between = delete_one
    polls = Polls(server)
    polls.quiet()
    seen = {name.natural_id for name in polls.memory.attempts}
    assert {row["dag_run_id"] for row in server.runs} <= seen


def test_a_cursor_the_server_forgot_begins_the_pass_anew() -> None:
    server = FakeAirflow(runs=250)
    polls = Polls(server)
    route = server._route

    def forgetful(request: httpx.Request, path: str) -> httpx.Response:
        if request.url.params.get("cursor") == "200" and not hasattr(server, "forgot"):
            server.forgot = True  # type: ignore[attr-defined]
            return httpx.Response(400, json={"detail": "Invalid cursor"})
        return route(request, path)

    server._route = forgetful  # type: ignore[method-assign]
    polls.quiet()
    assert len(polls.memory.attempts) == 500


def test_a_task_that_was_tried_again_brings_its_earlier_tries() -> None:
    server = FakeAirflow(runs=1)
    server.tasks[0] |= {"try_number": 3, "max_tries": 2, "state": "failed"}
    tries = [
        {**server.tasks[0], "try_number": n, "end_date": stamp(-600 + n), "run_after": None}
        for n in (1, 2, 3)
    ]
    path = "/dags/etl/dagRuns/run-00000/taskInstances/load/tries"
    server.tries = {path: tries}
    polls = Polls(server)
    polls.poll()
    attempts = polls.memory.attempts[RunName(EntityName(SPACE, "etl.load"), "run-00000")]
    assert {n: a.will_retry for n, a in attempts.items()} == {1: True, 2: True, 3: False}
    polls.poll()
    asked = [path for path in server.paths() if path.endswith("tries")]
    assert len(asked) == 1  # known, and nothing new began


def test_the_tries_of_a_mapped_task_are_asked_for_by_its_index() -> None:
    server = FakeAirflow(runs=1)
    server.tasks[0] |= {"try_number": 2, "map_index": 4}
    Polls(server).poll()
    assert "GET /api/v2/dags/etl/dagRuns/run-00000/taskInstances/load/4/tries" in server.paths()


def test_the_placeholder_of_a_task_that_will_be_mapped_is_no_run() -> None:
    server = FakeAirflow(runs=1)
    server.tasks[0] |= {"state": None, "try_number": 0}
    polls = Polls(server)
    polls.poll()
    assert polls.attempt("etl.load", "run-00000") is None


def test_tasks_are_below_the_attempt_of_their_dag_run() -> None:
    polls = Polls(FakeAirflow(runs=1))
    polls.poll()
    assert polls.attempt("etl.load", "run-00000").parent == str(
        polls.attempt("etl", "run-00000").run_id
    )


def test_a_cleared_run_is_a_new_attempt_and_the_old_one_ends() -> None:
    server = FakeAirflow(runs=1)
    server.runs[0] |= {"state": "running", "end_date": None}
    polls = Polls(server)
    polls.poll()
    server.runs[0] |= {"queued_at": stamp(5), "start_date": stamp(6)}
    polls.poll()
    attempts = polls.memory.attempts[RunName(EntityName(SPACE, "etl"), "run-00000")]
    assert {n: a.own_state for n, a in attempts.items()} == {1: "cleared", 2: "running"}
    polls.quiet()
    assert len(attempts) == 2


# -- open runs -------------------------------------------------------------------------------------


def test_a_run_that_was_deleted_is_aborted() -> None:
    server = FakeAirflow(runs=2)
    server.runs[0] |= {"state": "running", "end_date": None}
    server.tasks[0] |= {"state": "running", "end_date": None}
    polls = Polls(server)
    polls.quiet()
    del server.runs[0], server.tasks[0]
    polls.quiet()
    for job in ("etl", "etl.load"):
        attempt = polls.attempt(job, "run-00000")
        assert (attempt.state.value, attempt.own_state) == ("ABORTED", "deleted")


def test_an_end_that_no_pass_brought_is_found_by_name() -> None:
    """As when it was committed long after it was stamped: the fake filters nothing, so we do."""
    server = FakeAirflow(runs=1)
    server.runs[0] |= {"state": "running", "end_date": None}
    server.tasks[0] |= {"state": "running", "end_date": None}
    polls = Polls(server)
    polls.quiet()
    hidden_runs, hidden_tasks = server.runs, server.tasks
    server._page = lambda request, name, rows: server._json(  # type: ignore[method-assign]
        {name: [], "total_entries": 0}
    )
    hidden_runs[0] |= {"state": "success", "end_date": stamp(60)}
    hidden_tasks[0] |= {"state": "success", "end_date": stamp(59)}
    polls.quiet()
    assert polls.attempt("etl", "run-00000").own_state == "success"
    assert polls.attempt("etl.load", "run-00000").own_state == "success"


def test_a_run_that_waits_for_hours_is_not_taken_for_deleted() -> None:
    server = FakeAirflow(runs=1)
    server.runs[0] |= {"state": "queued", "start_date": None, "end_date": None}
    server.tasks[0] |= {"state": None, "try_number": 0}
    polls = Polls(server)
    polls.quiet()
    polls.quiet()
    assert polls.attempt("etl", "run-00000").own_state == "queued"


def test_every_open_run_has_its_turn_though_nothing_new_is_heard_of_the_others() -> None:
    server = FakeAirflow(runs=250)
    for row in server.runs:
        row |= {"state": "queued", "start_date": None, "end_date": None}
    server.tasks = []
    polls = Polls(server)
    polls.quiet()
    deleted = server.runs.pop()["dag_run_id"]
    for _ in range(3):
        polls.quiet()
    assert polls.attempt("etl", deleted).own_state == "deleted"
    assert polls.attempt("etl", "run-00000").own_state == "queued"


@pytest.mark.parametrize(
    ("namespace", "natural_id"),
    [(SPACE, UUID(int=9).hex), (SPACE, str(UUID(int=9))), ("elsewhere", "run-00009")],
)
def test_a_run_of_somebody_else_is_not_taken_for_deleted(namespace: str, natural_id: str) -> None:
    """As a Spark application that a task started, which sends under the same orchestrator."""
    polls = Polls(FakeAirflow(runs=1))
    name = RunName(EntityName(namespace, "spark.orders"), natural_id)
    polls.memory.attempts[name] = {0: Attempt(0, UUID(int=9), RunState.RUNNING)}
    polls.quiet()
    assert polls.memory.attempts[name][0].state is RunState.RUNNING


def test_a_run_of_a_dag_that_we_may_not_read_is_not_taken_for_deleted() -> None:
    server = FakeAirflow(runs=1)
    polls = Polls(server)
    name = RunName(EntityName(SPACE, "secret"), "run-00009")
    polls.memory.attempts[name] = {1: Attempt(1, UUID(int=9), RunState.RUNNING)}
    server._one = lambda path: httpx.Response(403)  # type: ignore[method-assign]
    polls.quiet()
    assert polls.memory.attempts[name][1].state is RunState.RUNNING


def test_a_jobs_name_may_be_split_at_every_dot() -> None:
    assert splits_of("a.b.c") == [("a", "b.c"), ("a.b", "c")]
    assert splits_of("dag") == []


def test_a_dag_with_dots_in_its_name_is_found() -> None:
    server = FakeAirflow(runs=0)
    server.runs = [dag_run(0, dag_id="my.dag", state="running", end_date=None)]
    server.tasks = [task(0, dag_id="my.dag", task_id="group.load", state="scheduled")]
    polls = Polls(server)
    polls.quiet()
    assert polls.attempt("my.dag", "run-00000").own_state == "running"
    assert polls.attempt("my.dag.group.load", "run-00000").own_state == "scheduled"


# -- one part that fails ---------------------------------------------------------------------------


def test_a_part_that_may_not_be_read_keeps_nobody_from_seeing_the_others() -> None:
    server = FakeAirflow(runs=1)
    polls = Polls(server)
    fixed = server._fixed
    allowed = False

    def no_assets(request: httpx.Request, path: str) -> httpx.Response:
        if path == "/assets" and not allowed:
            return httpx.Response(403, json={"detail": "Forbidden"})
        return fixed(request, path)

    server._fixed = no_assets  # type: ignore[method-assign]
    polls.quiet()
    assert polls.attempt("etl", "run-00000").own_state == "success"
    told = [s for s in polls.memory.observations if getattr(s, "part", "") == "read assets"]
    assert told[0].status.value == "DEGRADED"
    assert "role Viewer" in (told[0].detail or "")
    allowed = True
    polls.at += timedelta(minutes=10)
    polls.quiet()
    told = [s for s in polls.memory.observations if getattr(s, "part", "") == "read assets"]
    assert told[-1].status.value == "HEALTHY"


def test_runs_that_may_not_be_read_are_a_failure_of_the_whole() -> None:
    server = FakeAirflow()
    route = server._route

    def no_runs(request: httpx.Request, path: str) -> httpx.Response:
        if path == "/dags/~/dagRuns":
            return httpx.Response(403, json={"detail": "Forbidden"})
        return route(request, path)

    server._route = no_runs  # type: ignore[method-assign]
    with pytest.raises(Unavailable) as caught:
        Polls(server).poll()
    assert caught.value.permanent
    assert "role Viewer" in str(caught.value)


def test_run_ids_of_pulled_runs_are_uuids() -> None:
    polls = Polls(FakeAirflow(runs=1))
    seen = polls.poll()
    assert {UUID(event["run"]["runId"]).version for event in seen.events if "run" in event} == {7}


def test_health_of_the_whole_is_told_by_the_parts() -> None:
    polls = Polls(FakeAirflow(runs=1))
    polls.quiet()
    parts = {
        s.part: s.status.value for s in polls.memory.observations if isinstance(s, HealthObserved)
    }
    assert parts[""] == parts["scheduler"] == parts["triggerer"] == "HEALTHY"
