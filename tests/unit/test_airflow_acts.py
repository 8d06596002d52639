"""What the Airflow adapter does when it is told to: launches, backfills, logs, checks, setup."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest

from adapters.airflow import Airflow
from adapters.airflow.config import Config
from adapters.airflow.events import stamp
from adapters.airflow.launch import run_id_of
from adapters.airflow.logs import error_in, lines_of
from hub.errors import Conflict, Declined, NotFound, NotReady, Unavailable
from hub.model import EntityName
from hub.ports import (
    Asked,
    BackfillPlan,
    Capability,
    CauseRun,
    FailedRun,
    Grade,
    LaunchKind,
    LaunchRequest,
    RunName,
    Span,
    Wish,
    adapters,
)
from tests.support.answers import answer
from tests.support.fake_airflow import FakeAirflow, task

JOB = EntityName("af", "etl")
Handler = Callable[[httpx.Request], httpx.Response]


def made(handler: Handler) -> Airflow:
    transport = httpx.MockTransport(handler)
    config = Config(url="http://airflow")
    return Airflow(config, Asked("orch", "af"), transport=transport, sleep=lambda _: None)


class Launching(FakeAirflow):
    """Takes runs; the second with the same id is a conflict, told as the real one tells it."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.answers: list[httpx.Response] = []
        self.backfills: list[dict[str, Any]] = []
        self.dry: list[str | None] | Literal["usual"] | None = "usual"
        self.steered: list[str] = []
        self.cleared = 0
        self.failed_tasks = ["load"]
        self.dag: dict[str, Any] = {"dag_id": "etl", "is_paused": False}
        self.events: list[dict[str, Any]] = []

    def _route(self, request: httpx.Request, path: str) -> httpx.Response:
        if request.method == "POST" and path.endswith("/dagRuns"):
            return self._launch(path.split("/")[2], json.loads(request.content))
        if path == "/dags/etl/clearTaskInstances":
            return self._clear()
        if path.startswith("/backfills"):
            return self._backfill(request, path)
        if path == "/dags/etl/dagRuns":
            return self._page(request, "dag_runs", self.runs)
        if path == "/dags/etl":
            return self._json(self.dag, 200 if self.dag else 404)
        if path in {"/assets/events", "/datasets/events"}:
            return self._event(request, path)
        return super()._route(request, path)

    def _launch(self, dag: str, body: dict[str, Any]) -> httpx.Response:
        if any(row["dag_run_id"] == body["dag_run_id"] for row in self.runs):
            return self._json(answer("airflow/v2/10_trigger_dup_run_id"), 409)
        lost = self.answers.pop() if self.answers else None
        if lost is None or lost.status_code >= 500:  # it may be there in spite of a 500
            self.runs.append({**answer("airflow/v2/10_trigger_minimal"), "dag_id": dag, **body})
        return lost or self._json(self.runs[-1])

    def _event(self, request: httpx.Request, path: str) -> httpx.Response:
        """Each post is one more event, and its answer may be lost."""
        if request.method == "GET":
            name = "asset_events" if path.startswith("/assets") else "dataset_events"
            return self._json({name: self.events, "total_entries": len(self.events)})
        told = {"id": len(self.events) + 1, "timestamp": "2026-11-22T12:00:00Z"}
        self.events.append(told | json.loads(request.content))
        return self.answers.pop() if self.answers else self._json(self.events[-1])

    def _clear(self) -> httpx.Response:
        self.cleared += 1
        if self.failed_tasks:
            self.runs[0] |= {"state": "queued", "end_date": None}
        rows = [{"dag_id": "etl", "dag_run_id": "x", "task_id": one} for one in self.failed_tasks]
        return self._json({"task_instances": rows, "total_entries": len(rows)})

    def _backfill(self, request: httpx.Request, path: str) -> httpx.Response:
        if path == "/backfills/dry_run":
            return self._dry(json.loads(request.content))
        if request.method == "PUT" or path != "/backfills":
            return self._one_backfill(request, path.split("/")[2:])
        if request.method == "POST":
            body = json.loads(request.content)
            self.backfills.append({"id": len(self.backfills) + 1, **body})
            return self._json(self.backfills[-1])
        return self._json({"backfills": self.backfills, "total_entries": len(self.backfills)})

    def _dry(self, body: dict[str, Any]) -> httpx.Response:
        """One a day at five, unless the test has said otherwise."""
        if self.dry is None:
            return self._json({"detail": "etl has a non-periodic schedule"}, 422)
        first, last = (datetime.fromisoformat(body[name]) for name in ("from_date", "to_date"))
        usual = [stamp(first + timedelta(days=n, hours=5)) for n in range(1 + (last - first).days)]
        rows = [{"logical_date": date} for date in (usual if self.dry == "usual" else self.dry)]
        return self._json({"backfills": rows, "total_entries": len(rows)})

    def _one_backfill(self, request: httpx.Request, parts: list[str]) -> httpx.Response:
        held = {str(one["id"]): one for one in self.backfills}.get(parts[0])
        if held is None:
            return self._json({"detail": "Backfill not found"}, 404)
        if request.method == "PUT":
            self.steered.append(parts[1])
            over = self.steered.count("cancel") > 1
            return self._json({"detail": "completed"} if over else held, 409 if over else 200)
        return self._json(held)


def sent(server: FakeAirflow) -> dict[str, Any]:
    posts = [request for request in server.asked if request.method == "POST"]
    body: dict[str, Any] = json.loads(posts[-1].content)
    return body


# -- launches --------------------------------------------------------------------------------------


def test_a_launch_has_no_logical_date_and_its_key_in_the_run_id() -> None:
    server = Launching(runs=0)
    launched = made(server).launch(LaunchRequest("abc-1", JOB, conf={"a": 1}, note="by the hub"))
    assert sent(server) == {
        "dag_run_id": "trackside__abc-1",
        "logical_date": None,
        "conf": {"a": 1},
        "note": "by the hub",
    }
    assert (launched.natural_id, launched.again) == ("trackside__abc-1", False)
    assert launched.url == "http://airflow/dags/etl/runs/trackside__abc-1"


def test_airflow_2_wants_no_logical_date_at_all() -> None:
    server = Launching(runs=0, old=True)
    settings = {"url": "http://airflow", "token": "env:HOME"}
    config = Config.model_validate(settings)
    server._known = lambda request: True  # type: ignore[method-assign]
    adapter = Airflow(config, Asked("orch", "af"), transport=httpx.MockTransport(server))
    adapter.launch(LaunchRequest("abc-1", JOB))
    assert sent(server) == {"dag_run_id": "trackside__abc-1", "conf": {}}


def test_the_second_launch_with_a_key_finds_the_first() -> None:
    server = Launching(runs=0)
    adapter, request = made(server), LaunchRequest("abc-1", JOB, conf={"a": 1})
    assert adapter.find_launched(request) is None
    assert not adapter.launch(request).again
    assert adapter.launch(request).again
    found = adapter.find_launched(request)
    assert found is not None
    assert len(server.runs) == 1


def test_the_same_key_with_another_conf_is_a_contradiction() -> None:
    adapter = made(Launching(runs=0))
    adapter.launch(LaunchRequest("abc-1", JOB, conf={"a": 1}))
    with pytest.raises(Conflict, match="another conf"):
        adapter.launch(LaunchRequest("abc-1", JOB, conf={"a": 2}))


def test_a_launch_whose_answer_was_lost_is_made_once() -> None:
    server = Launching(runs=0)
    server.answers = [httpx.Response(500, text="database is locked")]
    launched = made(server).launch(LaunchRequest("abc-1", JOB))
    assert launched.natural_id == "trackside__abc-1"
    assert len(server.runs) == 1


@pytest.mark.parametrize(
    ("status", "mend"), [(404, "no Dag etl"), (403, "the role User"), (400, "answered 400")]
)
def test_a_launch_that_is_refused_says_what_to_change(status: int, mend: str) -> None:
    server = Launching(runs=0)
    server.answers = [httpx.Response(status, json={"detail": "no"})]
    with pytest.raises(Unavailable, match=mend) as caught:
        made(server).launch(LaunchRequest("abc-1", JOB))
    assert caught.value.permanent == (status != 404)


@pytest.mark.parametrize(
    ("dag", "told"),
    [
        ({"dag_id": "etl", "is_paused": True}, "etl is paused"),
        ({"dag_id": "etl", "is_stale": True}, "no Dag etl"),
        ({}, "no Dag etl"),
    ],
)
def test_a_dag_that_can_not_run_is_told_and_left_alone(dag: dict[str, Any], told: str) -> None:
    server = Launching(runs=0)
    server.dag = dag
    with pytest.raises(NotReady, match=told):
        made(server).launch(LaunchRequest("abc-1", JOB))
    assert server.runs == []


def test_a_launched_run_names_its_cause_as_the_openlineage_provider_reads_it() -> None:
    server = Launching(runs=0)
    cause = CauseRun("0190a7c0-5d1e-7000-8000-000000000001", EntityName("dagster", "orders"))
    adapter, request = made(server), LaunchRequest("abc-1", JOB, conf={"a": 1}, cause=cause)
    adapter.launch(request)
    told = {"RunId": cause.run_id, "JobNamespace": "dagster", "JobName": "orders"}
    assert sent(server)["conf"] == {
        "a": 1,
        "openlineage": {
            **{f"parent{name}": value for name, value in told.items()},
            **{f"rootParent{name}": value for name, value in told.items()},
        },
    }
    assert adapter.launch(request).again


@pytest.mark.parametrize("old", [False, True])
def test_an_asset_event_is_written_once_for_a_key(old: bool) -> None:
    server = Launching(runs=0, old=old)
    server._known = lambda request: True  # type: ignore[method-assign]
    asset = EntityName("af", "s3://lake/raw/orders.parquet")
    request = LaunchRequest("abc-1", asset, conf={"a": 1}, kind=LaunchKind.ASSET_EVENT)
    server.answers = [httpx.Response(500, text="database is locked")]
    adapter = made(server)
    with pytest.raises(Unavailable):
        adapter.launch(request)
    found = adapter.find_launched(request)
    assert found is not None
    assert (found.natural_id, found.followed) == ("asset_event/1", False)
    assert adapter.launch(request).again
    assert [event["extra"] for event in server.events] == [{"a": 1, "trackside_key": "abc-1"}]
    where = {"dataset_uri": asset.name} if old else {"asset_id": 2}
    assert server.events[0].items() >= where.items()


@pytest.mark.parametrize("key", ["abc-1", "a key / with ä", "x" * 5000, "scheduled__x"])
def test_every_key_is_an_id_that_airflow_takes(key: str) -> None:
    run = run_id_of(key)
    assert re.fullmatch(r"[A-Za-z0-9_.~:+-]{1,250}", run)
    assert not run.startswith("scheduled__")
    assert run == run_id_of(key) != run_id_of(key + "2")


# -- backfills -------------------------------------------------------------------------------------

DAY = datetime(2026, 2, 1, tzinfo=UTC)


def fill(first: int = 1, count: int = 3, **told: Any) -> BackfillPlan:
    days = [DAY + timedelta(days=n) for n in range(first - 1, first - 1 + count)]
    spans = [Span(f"{day:%Y-%m-%d}", day, day + timedelta(days=1)) for day in days]
    return BackfillPlan("fill-1", JOB, spans, at_once=2, **told)


def test_a_backfill_is_made_once_per_key() -> None:
    server = Launching(runs=0)
    adapter = made(server)
    first, second = adapter.backfill(fill()), adapter.backfill(fill())
    assert sent(server) == {
        "dag_id": "etl",
        "from_date": "2026-02-01T00:00:00Z",
        "to_date": "2026-02-03T23:59:59.999999Z",
        "reprocess_behavior": "completed",
        "dag_run_conf": {"trackside_key": "fill-1"},
        "max_active_runs": 2,
    }
    assert (first.natural_id, first.again, second.again) == ("1", False, True)
    assert len(server.backfills) == 1


@pytest.mark.parametrize("hours", [(5, 29), (5, 29, 53, 77), (5, 29, 30), ()])
def test_one_that_airflow_would_fill_otherwise_is_declined(hours: tuple[int, ...]) -> None:
    """Too few, too many, two of one day, none."""
    server = Launching(runs=0)
    server.dry = [stamp(DAY + timedelta(hours=hour)) for hour in hours]
    with pytest.raises(Declined, match="not one for each"):
        made(server).backfill(fill())
    assert server.backfills == []


def test_partitions_by_name_and_an_old_airflow_and_a_dag_without_a_clock_are_declined() -> None:
    with pytest.raises(Declined, match="a stretch of time"):
        made(Launching(runs=0)).backfill(BackfillPlan("fill-1", JOB, [Span("a"), Span("b")]))
    with pytest.raises(Declined, match="Airflow 2"):
        made(Launching(runs=0, old=True)).backfill(fill())
    server = Launching(runs=0)
    server.dry = None
    with pytest.raises(Declined, match="422"):
        made(server).backfill(fill())


def test_a_backfill_of_a_dag_that_is_paused_has_to_wait() -> None:
    server = Launching(runs=0)
    server.dag["is_paused"] = True
    with pytest.raises(NotReady, match="is paused"):
        made(server).backfill(fill())


def test_what_a_backfill_has_come_to_is_told_by_its_runs() -> None:
    server = Launching(runs=0)
    adapter = made(server)
    plan = fill()
    number = adapter.backfill(plan).natural_id
    for day, state, key in ((0, "success", "fill-1"), (1, "queued", "fill-1"), (2, "failed", "b")):
        date = stamp(DAY + timedelta(days=day, hours=5))
        row = {**answer("airflow/v2/10_trigger_minimal"), "dag_id": "etl", "state": state}
        row |= {"dag_run_id": f"backfill__{day}", "logical_date": date}
        server.runs.append(row | {"conf": {"trackside_key": key}, "partition_key": None})
    found = adapter.backfilled(plan, number)
    assert [(run.partition, run.natural_id, run.state) for run in found.runs] == [
        ("2026-02-01", "backfill__0", "COMPLETED"),
        ("2026-02-02", "backfill__1", "NEW"),
    ]
    assert not found.over
    server.backfills[0]["completed_at"] = "2026-03-01T00:00:00Z"
    assert adapter.backfilled(plan, number).over
    with pytest.raises(NotFound, match="no backfill 7"):
        adapter.backfilled(plan, "7")


def test_a_backfill_is_paused_goes_on_and_is_cancelled_even_if_it_is_over() -> None:
    server = Launching(runs=0)
    adapter = made(server)
    number = adapter.backfill(fill()).natural_id
    for wish in (Wish.PAUSE, Wish.GO, Wish.CANCEL, Wish.CANCEL):
        adapter.steer(number, wish)
    assert server.steered == ["pause", "unpause", "cancel", "cancel"]
    with pytest.raises(NotFound):
        adapter.steer("7", Wish.PAUSE)


def test_an_asset_event_tells_the_runs_it_counts_for() -> None:
    server = Launching(runs=0)
    server._known = lambda request: True  # type: ignore[method-assign]
    asset = EntityName("af", "s3://lake/raw/orders.parquet")
    request = LaunchRequest("abc-1", asset, kind=LaunchKind.ASSET_EVENT)
    adapter = made(server)
    assert adapter.caused(request).runs == ()
    adapter.launch(request)
    server.events[0]["created_dagruns"] = [
        {"dag_id": "mart", "run_id": "asset_triggered__1", "state": "running", "end_date": None}
    ]
    (one,) = adapter.caused(request).runs
    assert (one.job, one.natural_id) == (EntityName("af", "mart"), "asset_triggered__1")
    assert one.state == "RUNNING"


# -- running once more -----------------------------------------------------------------------------

FAILED_AT = datetime(2026, 11, 22, 6, 50, tzinfo=UTC)
AGAIN = LaunchRequest(
    "rerun-1", JOB, kind=LaunchKind.RERUN, failed=FailedRun("scheduled__1", FAILED_AT)
)


def failed_run(**other: Any) -> Launching:
    server = Launching(runs=0)
    row = {**answer("airflow/v2/10_trigger_minimal"), "dag_id": "etl", "state": "failed"}
    row |= {"dag_run_id": "scheduled__1", "end_date": stamp(FAILED_AT - timedelta(seconds=0.2))}
    server.runs.append(row | other)
    return server


def test_a_failed_run_is_cleared_once_for_what_failed_of_it() -> None:
    server = failed_run()
    adapter = made(server)
    first = adapter.launch(AGAIN)
    body = {"dry_run": False, "dag_run_id": "scheduled__1", "only_failed": True}
    assert sent(server) == body | {"reset_dag_runs": True}
    second, found = adapter.launch(AGAIN), adapter.find_launched(AGAIN)
    assert (first.natural_id, first.again, second.again) == ("scheduled__1", False, True)
    assert found is not None
    assert found.again
    assert server.cleared == 1


def test_a_run_that_has_failed_again_since_is_left() -> None:
    server = failed_run(end_date=stamp(FAILED_AT + timedelta(minutes=5)))
    assert made(server).launch(AGAIN).again
    assert server.cleared == 0


def test_what_can_not_be_cleared_is_declined() -> None:
    with pytest.raises(Declined, match="is gone"):
        made(Launching(runs=0)).launch(AGAIN)
    server = failed_run()
    server.failed_tasks = []
    with pytest.raises(Declined, match="nothing to clear"):
        made(server).launch(AGAIN)


# -- logs ------------------------------------------------------------------------------------------

STRUCTURED = [
    {"event": "::group::Log message source details"},
    {"timestamp": "2026-11-22T06:46:20Z", "level": "info", "event": "starting"},
    {
        "timestamp": "2026-11-22T06:46:21Z",
        "level": "error",
        "event": "Task failed with exception",
        "error_detail": [{"exc_type": "ValueError", "exc_value": "boom", "frames": []}],
    },
]


class Logging(FakeAirflow):
    def __init__(self, content: Any) -> None:
        super().__init__(runs=1)
        self.content = content

    def _route(self, request: httpx.Request, path: str) -> httpx.Response:
        if "/logs/" in path:
            return self._json({"content": self.content, "continuation_token": None})
        return super()._route(request, path)


def test_the_log_of_a_try_ends_with_its_last_lines_and_the_exception() -> None:
    server = Logging(STRUCTURED)
    tail = made(server).log_tail(RunName(EntityName("af", "etl.load"), "run-00000"), 1, 2)
    assert tail.lines == [
        "2026-11-22T06:46:20Z info starting",
        "2026-11-22T06:46:21Z error Task failed with exception",
    ]
    assert tail.error == "ValueError: boom"
    assert server.paths()[-1].endswith("/dags/etl/dagRuns/run-00000/taskInstances/load/logs/1")


def test_the_log_of_a_dag_run_is_that_of_a_task_which_failed() -> None:
    server = Logging(STRUCTURED)
    server.tasks.append(task(0, task_id="boom", state="failed", try_number=3))
    made(server).log_tail(RunName(JOB, "run-00000"), 1, 10)
    assert server.paths()[-1].endswith("/taskInstances/boom/logs/3")


def test_a_run_without_any_log_has_no_lines() -> None:
    assert made(Logging([])).log_tail(RunName(JOB, "run-00000"), 1, 10).lines == ()


def test_text_of_airflow_2_is_read_too() -> None:
    content = "[('worker-1', '[2026] INFO - go\\nTraceback:\\nKeyError: 7\\n[2026] INFO - bye')]"
    lines = lines_of(content)
    assert lines[0] == "[2026] INFO - go"
    assert error_in(content, lines) == "KeyError: 7"


def test_a_log_without_an_error_has_none() -> None:
    assert error_in(["all", "went well"], ["all", "went well"]) is None


# -- check and setup -------------------------------------------------------------------------------


def test_a_missing_permission_is_named_with_the_role_that_has_it() -> None:
    server = Launching()
    fixed = server._fixed

    def no_pools(request: httpx.Request, path: str) -> httpx.Response:
        if path == "/pools":
            return httpx.Response(403, json={"detail": "Forbidden"})
        return fixed(request, path)

    server._fixed = no_pools  # type: ignore[method-assign]
    server.answers = [httpx.Response(403, json={"detail": "Forbidden"})]
    launching = server._launch
    server._launch = lambda dag, body: launching(dag, {"dag_run_id": "x"})  # type: ignore[method-assign]
    found = {finding.what: finding for finding in made(server).check_connection()}
    assert found["read Dags"].grade is Grade.GOOD
    assert found["read pools"].grade is Grade.BAD
    assert "Viewer" in found["read pools"].mend
    assert found["launch"].grade is Grade.WARNING
    assert "User" in found["launch"].mend


def test_an_address_where_nobody_answers_is_the_only_finding() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    found = made(nobody).check_connection()
    assert [(one.what, one.grade) for one in found] == [("address", Grade.BAD)]


def test_the_setup_is_lines_for_a_shell() -> None:
    text = made(FakeAirflow()).openlineage_setup("https://hub.example.com/")
    words = shlex.split(text, comments=True)
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    transport = json.loads(settings["AIRFLOW__OPENLINEAGE__TRANSPORT"])
    assert transport["url"] == "https://hub.example.com"
    assert settings["AIRFLOW__OPENLINEAGE__NAMESPACE"] == "af"


def test_it_is_registered_and_can_all_there_is() -> None:
    assert adapters.get("airflow") is Airflow
    assert Airflow.capabilities == set(Capability)
