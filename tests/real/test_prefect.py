"""The adapter against a real Prefect server, row by row with what its own database holds."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.prefect import Prefect
from adapters.prefect.config import Config
from adapters.prefect.events import task_of
from hub.errors import Unavailable
from hub.model import (
    BacklogObserved,
    EntityName,
    HealthObserved,
    HealthStatus,
    Schedule,
    ScheduleObserved,
)
from hub.openlineage.decode import decode_event
from hub.ports import Asked, Grade, LaunchRequest, RunName
from hub.schedules.slots import timetable_of
from tests.support.hub_process import HubProcess
from tests.support.known import Attempt, Memory
from tests.support.prefect import USER, VENV, PrefectServer, Row

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not PrefectServer.installed(),
        reason=f"no Prefect in {VENV.name}: make {VENV.name} installs it",
    ),
]

NAMESPACE = "prefect://real"
#: All flow runs but those that are put down for later; and tasks but those that stand for subflows.
FLOW_RUNS = """
    select r.id, f.name as flow, d.name as deployment, r.run_count, r.start_time, r.end_time,
           s.type, s.name as state, s.timestamp, p.flow_run_id as parent
    from flow_run r join flow f on f.id = r.flow_id left join deployment d on d.id = r.deployment_id
    left join flow_run_state s on s.id = r.state_id
    left join task_run p on p.id = r.parent_task_run_id
    where not (s.type = 'SCHEDULED' and r.expected_start_time > '{now}')
"""
TASK_RUNS = """
    select t.id, t.task_key, t.run_count, t.start_time, s.type, s.name as state, s.timestamp,
           t.flow_run_id from task_run t join task_run_state s on s.id = t.state_id
    where t.id not in (select parent_task_run_id from flow_run where parent_task_run_id is not null)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    os.environ["REAL_PREFECT_AUTH"] = USER
    with PrefectServer(tmp_path_factory.mktemp("real-prefect")) as server:
        yield server
    del os.environ["REAL_PREFECT_AUTH"]


def adapter_of(server: PrefectServer, transport: httpx.BaseTransport | None = None) -> Prefect:
    config = Config.model_validate({"url": server.url, "auth": "env:REAL_PREFECT_AUTH"})
    return Prefect(config, Asked("real", NAMESPACE), transport=transport)


class Watch:
    """An adapter that looks, and what it has told."""

    def __init__(self, server: PrefectServer) -> None:
        self.adapter = adapter_of(server)
        self.memory = Memory()
        self.events: dict[str, Row] = {}
        self.cursor: Row = {}
        self._as_of = datetime.now(UTC)

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self._as_of += timedelta(seconds=40)
            seen = self.adapter.observe(self.cursor, self._as_of, self.memory)
            self.memory.take(seen)
            self.events |= {json.dumps(one, sort_keys=True): one for one in seen.events}
            self.cursor = json.loads(json.dumps(seen.cursor))

    def tries(self, run_id: str) -> dict[int, Attempt]:
        """The attempts of a run by number."""
        found = [t for name, t in self.memory.attempts.items() if name.natural_id == run_id]
        assert len(found) == 1, run_id
        return dict(found[0])


@pytest.fixture(scope="module")
def watch(server: PrefectServer) -> Iterator[Watch]:
    watch = Watch(server)
    watch.look(6)
    yield watch
    watch.adapter.close()


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def flow_runs(server: PrefectServer) -> list[Row]:
    return server.database(FLOW_RUNS.format(now=datetime.now(UTC).replace(tzinfo=None)))


def test_every_flow_run_is_told_as_the_database_holds_it(
    server: PrefectServer, watch: Watch
) -> None:
    rows = flow_runs(server)
    assert {"Completed", "Failed", "Cancelled", "Marked"} <= {r["state"] for r in rows}
    for row in rows:
        job = row["flow"] if row["deployment"] is None else f"{row['flow']}/{row['deployment']}"
        tries = watch.memory.attempts[RunName(EntityName(NAMESPACE, job), row["id"])]
        assert sorted(tries) == list(range(1, max(row["run_count"], 1) + 1)), row
        last = tries[max(tries)]
        if row["type"] != "SCHEDULED":  # when it turned late moves no try
            assert (last.own_state, last.at) == (row["state"], moment(row["timestamp"])), row
        if row["run_count"]:
            assert tries[1].started_at == moment(row["start_time"]), row
        assert last.parent == row["parent"], row


def test_every_task_run_is_told_as_the_database_holds_it(
    server: PrefectServer, watch: Watch
) -> None:
    jobs = {name.natural_id: name.job.name for name in watch.memory.attempts}
    rows = server.database(TASK_RUNS)
    assert {"Completed", "Failed", "NotReady"} <= {row["state"] for row in rows}
    for row in rows:
        job = f"{jobs[row['flow_run_id']]}.{task_of(row['task_key'])}"
        tries = watch.memory.attempts[RunName(EntityName(NAMESPACE, job), row["id"])]
        last = tries[max(tries)]
        assert sorted(tries) == list(range(1, max(row["run_count"], 1) + 1)), row
        assert (last.own_state, last.at) == (row["state"], moment(row["timestamp"])), row
        assert last.parent == row["flow_run_id"], row
        assert all(one.will_retry for number, one in tries.items() if number < max(tries))


def test_nothing_else_is_told(server: PrefectServer, watch: Watch) -> None:
    theirs = {row["id"] for row in [*flow_runs(server), *server.database(TASK_RUNS)]}
    assert {name.natural_id for name in watch.memory.attempts} == theirs


def test_all_events_are_understood_and_a_second_reader_tells_the_same(
    server: PrefectServer, watch: Watch
) -> None:
    for event in watch.events:
        assert decode_event(event.encode()).warnings == ()
    other = Watch(server)
    other.look(6)
    other.adapter.close()
    assert settled(other) == settled(watch)


def settled(watch: Watch) -> set[str]:
    """All but what waits, which turns late meanwhile."""
    return {text for text, one in watch.events.items() if one.get("eventType") != "OTHER"}


def test_a_retry_tells_why_the_first_try_failed(watch: Watch) -> None:
    (event,) = [
        one
        for one in watch.events.values()
        if one["job"]["name"] == "restless" and one["eventType"] == "FAIL"
    ]
    assert event["run"]["facets"]["errorMessage"]["message"] == "RuntimeError: not the first time"
    assert event["run"]["facets"]["trackside_answer"]["willRetry"] is True


def test_assets_and_artifacts_are_written_by_whoever_wrote_them(watch: Watch) -> None:
    written = {
        (event["job"]["name"], one["namespace"], one["name"])
        for event in watch.events.values()
        for one in event.get("outputs", ())
    }
    assert ("etl/nightly.write_orders", "s3://lake", "orders") in written
    assert ("etl/nightly", NAMESPACE, "artifacts/sales") in written
    read = {one["name"] for event in watch.events.values() for one in event.get("inputs", ())}
    assert "orders" in read


def declared(watch: Watch) -> dict[str, Schedule]:
    seen = [one for one in watch.memory.observations if isinstance(one, ScheduleObserved)]
    return {one.job.name: one.schedule for one in seen}


def test_schedules_demand_what_prefect_has_put_down(server: PrefectServer, watch: Watch) -> None:
    """Its own scheduler has made the runs of the next days already."""
    told = declared(watch)
    assert told["etl/paused"].paused
    assert told["waits/queued"].kind == "manual"
    assert told["etl/nightly"].max_active_runs == 1
    for name in ("etl/nightly", "child/hourly", "child/weekly"):
        due = until(lambda name=name: put_down(server, name), "scheduled runs")
        timetable = timetable_of(told[name])
        assert timetable is not None
        slots = timetable.between(due[0] - timedelta(seconds=1), due[2])
        assert [slot.due_at for slot in slots] == due[:3], name


def put_down(server: PrefectServer, name: str) -> list[datetime]:
    flow, _, deployment = name.partition("/")
    rows = server.database(
        "select r.expected_start_time as at from flow_run r join flow f on f.id = r.flow_id "
        "join deployment d on d.id = r.deployment_id where r.auto_scheduled and "
        f"f.name = '{flow}' and d.name = '{deployment}' order by 1"
    )
    found = [at for row in rows if (at := moment(row["at"])) is not None]
    return found if len(found) >= 3 else []


def until(there: Any, what: str, timeout_s: float = 120) -> Any:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := there():
            return found
        time.sleep(0.3)
    raise AssertionError(f"no {what} after {timeout_s:g} s")


def test_what_waits_in_a_queue_is_told_and_that_nobody_takes_it(watch: Watch) -> None:
    backlog = [one for one in watch.memory.observations if isinstance(one, BacklogObserved)]
    (shop, *_) = [one for one in backlog if one.pool == "shop"]
    assert (shop.queued, shop.capacity) == (3, 5)
    assert shop.oldest_wait_s is not None
    assert shop.oldest_wait_s >= 180
    health = [one for one in watch.memory.observations if isinstance(one, HealthObserved)]
    assert {o.status for o in health if o.part == "work pool shop"} == {HealthStatus.DOWN}


def test_the_connection_is_good_and_a_wrong_password_is_told(server: PrefectServer) -> None:
    with_all = adapter_of(server)
    assert {f.grade for f in with_all.check_connection()} == {Grade.GOOD}
    with_all.close()
    os.environ["WRONG_PREFECT_AUTH"] = "hub:guessed-in-vain"
    config = Config.model_validate({"url": server.url, "auth": "env:WRONG_PREFECT_AUTH"})
    wrong = Prefect(config, Asked("real", NAMESPACE))
    (bad,) = [f for f in wrong.check_connection() if f.grade is Grade.BAD]
    assert (bad.what, "auth" in bad.mend) == ("credentials", True)
    assert "guessed-in-vain" not in bad.detail
    wrong.close()


def test_the_log_of_a_failed_task_is_given(server: PrefectServer, watch: Watch) -> None:
    (row, *_) = [r for r in server.database(TASK_RUNS) if r["task_key"].startswith("breaks")]
    name = RunName(EntityName(NAMESPACE, "failing.breaks"), row["id"])
    tail = watch.adapter.log_tail(name, 1, 20)
    assert tail.error == "KeyError: 'nothing there'"
    assert any("raise KeyError" in line for line in tail.lines)
    assert tail.url is not None
    assert tail.url.endswith(f"/runs/task-run/{row['id']}")


class LosesAnswers(httpx.HTTPTransport):
    """Passes each request on, and loses the answer of so many that create a run."""

    lost = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if request.url.path.endswith("/create_flow_run") and self.lost < 3:
            self.lost += 1
            answer.read()
            answer.close()
            raise httpx.ReadError("cut")
        return answer


def test_a_launch_starts_one_run_though_its_answer_is_lost(
    server: PrefectServer, watch: Watch
) -> None:
    job = EntityName(NAMESPACE, "etl/nightly")
    request = LaunchRequest("key-real", job, "2026-11-30", {"day": "2026-11-30"}, note="for sales")
    lossy = adapter_of(server, LosesAnswers())
    assert lossy.find_launched(request) is None
    with pytest.raises(Unavailable) as caught:
        lossy.launch(request)
    assert not caught.value.permanent
    again = lossy.launch(request)
    assert again.again
    assert lossy.find_launched(request) == again
    rows = server.database("select id, parameters from flow_run where idempotency_key = 'key-real'")
    assert [row["id"] for row in rows] == [again.natural_id]
    assert json.loads(rows[0]["parameters"]) == {"day": "2026-11-30"}
    watch.look()
    told = watch.tries(again.natural_id)[1]
    assert (told.own_state, told.partition) == ("Scheduled", "2026-11-30")
    lossy.close()
    server.ask("DELETE", f"/flow_runs/{again.natural_id}")
    watch.look(6)
    assert watch.tries(again.natural_id)[1].own_state == "deleted"


def test_a_hub_that_asks_it_holds_the_same_runs(server: PrefectServer, tmp_path: Path) -> None:
    settings = f'{{url: "{server.url}", auth: "env:REAL_PREFECT_AUTH", poll_every_s: 1}}'
    (tmp_path / "trackside.yaml").write_text(
        f"orchestrators: [{{name: pf, kind: prefect, namespaces: ['{NAMESPACE}'], "
        f"settings: {settings}}}]\n"
    )
    with HubProcess(tmp_path) as hub:
        rows = flow_runs(server)
        for row in rows:
            told = until(lambda row=row: run_of(hub, row["id"]), row["id"])
            assert told["state"] == STATES[row["type"]], row
            assert row["type"] == "SCHEDULED" or told["ownState"] == row["state"], row
        job = httpx.get(f"{hub.url}/api/v1/namespaces/{SPACE}/jobs/etl%2Fnightly", timeout=30)
        assert job.json()["name"] == "etl/nightly"


SPACE = "prefect%3A%2F%2Freal"
STATES = {
    "SCHEDULED": "NEW",
    "COMPLETED": "COMPLETED",
    "FAILED": "FAILED",
    "CANCELLED": "ABORTED",
}


def run_of(hub: HubProcess, run_id: str) -> Row | None:
    answer = httpx.get(f"{hub.url}/api/v1/jobs/runs/{run_id}", timeout=30)
    found: Row | None = answer.json() if answer.is_success else None
    return found
