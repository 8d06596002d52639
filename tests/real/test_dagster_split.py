"""A whole Dagster with daemon and schedules: polled, pushing to a hub, and asked to start runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from adapters.dagster import Dagster
from adapters.dagster.config import DagsterConfig
from hub.model import (
    BacklogObserved,
    EntityName,
    FreshnessPolicyObserved,
    HealthObserved,
    HealthStatus,
    ScheduleObserved,
)
from hub.ports import Asked, BackfillPlan, LaunchRequest, Observed
from tests.support.dagster import VENV, DagsterSplit
from tests.support.fake_dagster import FakeKnown
from tests.support.hub_process import HubProcess
from tests.support.ports import free_port
from tests.support.tokens import make_token

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not DagsterSplit.installed(),
        reason=f"no Dagster in {VENV.name}: make {VENV.name} installs it",
    ),
]

NAMESPACE = "dagster-real"
Json = dict[str, Any]


class World:
    """A hub, a Dagster that reports to it, and the adapter that asks it."""

    def __init__(self, hub: HubProcess, token: str, dagster: DagsterSplit) -> None:
        self.hub, self.dagster = hub, dagster
        self._headers = {"Authorization": f"Bearer {token}"}
        self.adapter = Dagster(DagsterConfig(url=dagster.url), Asked("real", NAMESPACE))

    def look(self) -> Observed:
        return self.adapter.observe({}, datetime.now(UTC), FakeKnown())

    def runs_seen(self, job: str) -> list[Json]:
        path = f"/api/v1/namespaces/{NAMESPACE}/jobs/{quote(job, safe='')}/runs"
        answer = httpx.get(self.hub.url + path, headers=self._headers, timeout=30)
        runs: list[Json] = answer.json()["runs"] if answer.is_success else []
        return runs

    def attempts(self, run_id: str) -> list[Json]:
        path = f"/api/v1/jobs/runs/{run_id}/attempts"
        answer = httpx.get(self.hub.url + path, headers=self._headers, timeout=30)
        attempts: list[Json] = answer.raise_for_status().json()["attempts"]
        return attempts

    def post(self, events: list[Json]) -> Json:
        url = f"{self.hub.url}/api/v1/lineage/batch"
        told = httpx.post(url, json=events, headers=self._headers, timeout=60)
        answer: Json = told.raise_for_status().json()
        return answer

    def status(self, run_id: str) -> str:
        told = self.dagster.graphql(
            "query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }", r=run_id
        )
        status: str = told["runOrError"]["status"]
        return status


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("hub")
    token = make_token(folder, "dagster", "ingest", "read")
    home = tmp_path_factory.mktemp("dagster")
    with HubProcess(folder, "--port", str(free_port())) as hub:  # the same when it comes back
        environment = {
            "TRACKSIDE_URL": hub.url,
            "TRACKSIDE_TOKEN": token,
            "TRACKSIDE_NAMESPACE": NAMESPACE,
        }
        with DagsterSplit(home, **environment) as dagster:
            yield World(hub, token, dagster)


def until(there: Callable[[], Any], what: str, timeout_s: float = 150) -> Any:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := there():
            return found
        time.sleep(1)
    raise AssertionError(f"no {what} after {timeout_s:g} s")


def request(key: str, job: str, **other: Any) -> LaunchRequest:
    return LaunchRequest(key, EntityName(NAMESPACE, job), **other)


def test_schedules_are_declared_as_dagster_has_them(world: World) -> None:
    seen = world.look().observations
    found = {one.job.name: one.schedule for one in seen if isinstance(one, ScheduleObserved)}
    sleeping = found["sleeping"]
    assert (sleeping.kind, sleeping.expression) == ("cron", "* * * * *")
    assert (sleeping.timezone, sleeping.paused) == ("America/New_York", False)
    assert found["dynamic"].expression == "* * * * *"  # the one of its two that is on
    assert found["orders_job"].kind == "manual"


def test_assets_are_declared_with_policies_owners_and_lineage(world: World) -> None:
    seen = world.look()
    policies = {
        one.dataset.name: one
        for one in seen.observations
        if isinstance(one, FreshnessPolicyObserved)
    }
    assert policies["report"].max_lag_s == 120
    assert policies["raw/orders"].cron == "0 9 * * *"
    assert policies["raw/orders"].max_lag_s == 9 * 3600
    datasets = {e["dataset"]["name"]: e["dataset"]["facets"] for e in seen.events if "dataset" in e}
    assert [one["name"] for one in datasets["raw/orders"]["ownership"]["owners"]] == [
        "team:data-eng",
        "alice@example.com",
    ]
    jobs = {e["job"]["name"]: e for e in seen.events if "job" in e and "run" not in e}
    assert [one["name"] for one in jobs["__ASSET_JOB.report"]["inputs"]] == ["raw/orders"]
    assert [one["name"] for one in jobs["orders_job.raw__orders"]["outputs"]] == ["raw/orders"]


def test_the_daemon_is_healthy_once_it_beats(world: World) -> None:
    def beats() -> bool:
        seen = world.look().observations
        found = {one.part: one.status for one in seen if isinstance(one, HealthObserved)}
        wanted = ("daemon SCHEDULER", "daemon SENSOR", "code location shop")
        # The broken schedule shows among the scheduler's errors once it was evaluated.
        return all(
            found.get(part) in {HealthStatus.HEALTHY, HealthStatus.DEGRADED} for part in wanted
        )

    until(beats, "heartbeat")


def test_a_launch_starts_one_run_however_often_it_is_asked_for(world: World) -> None:
    wanted = request("key-1", "sleeping", conf={"ops": {"sleeper": {"config": {"seconds": 20.0}}}})
    first = world.adapter.launch(wanted)
    second = world.adapter.launch(wanted)
    found = world.adapter.find_launched(wanted)
    assert first.natural_id == second.natural_id
    assert (first.again, second.again) == (False, True)
    assert found
    assert found.natural_id == first.natural_id


def test_what_waits_is_told_while_the_queue_is_full(world: World) -> None:
    for number in range(3):
        world.adapter.launch(request(f"queued-{number}", "sleeping"))

    def waits() -> bool:
        seen = world.look().observations
        (queue,) = [
            one for one in seen if isinstance(one, BacklogObserved) and one.pool == "run queue"
        ]
        return queue.queued >= 2 and queue.capacity == 1 and (queue.oldest_wait_s or 0) > 0

    until(waits, "backlog", 60)


def test_an_asset_is_launched_for_a_partition(world: World) -> None:
    wanted = request("asset-1", "__ASSET_JOB.raw__orders", partition="2026-11-20")
    launched = world.adapter.launch(wanted)
    until(lambda: world.status(launched.natural_id) == "SUCCESS", "success of the asset's run", 300)
    events = {event["run"]["runId"]: event for event in world.look().events if "run" in event}
    answer = events[launched.natural_id]["run"]["facets"]["trackside_answer"]
    assert answer["partition"] == "2026-11-20"
    (step,) = [e for e in events.values() if e["job"]["name"] == "__ASSET_JOB.raw__orders"]
    assert step["outputs"][0]["facets"]["hub_dagster_asset"]["partition"] == "2026-11-20"


def test_a_backfill_starts_its_partitions_once(world: World) -> None:
    plan = BackfillPlan(
        "backfill-1",
        EntityName(NAMESPACE, "orders_job"),
        start=datetime(2026, 11, 5, tzinfo=UTC),
        end=datetime(2026, 11, 6, tzinfo=UTC),
    )
    first, second = world.adapter.backfill(plan), world.adapter.backfill(plan)
    assert (first.natural_id, first.again, second.again) == (second.natural_id, False, True)
    told = world.dagster.graphql(
        "query($b: String!) { partitionBackfillOrError(backfillId: $b) { "
        "... on PartitionBackfill { partitionNames } } }",
        b=first.natural_id,
    )
    assert told["partitionBackfillOrError"]["partitionNames"] == ["2026-11-05", "2026-11-06"]


def test_a_scheduled_run_has_the_slot_of_its_tick(world: World) -> None:
    def slots() -> list[Json]:
        events = [e for e in world.look().events if "run" in e and e["job"]["name"] == "sleeping"]
        return [e for e in events if "nominalTime" in e["run"]["facets"]]

    found = until(slots, "scheduled run")[0]
    slot = found["run"]["facets"]["nominalTime"]["nominalStartTime"]
    assert slot.endswith(":00.000000Z")
    assert datetime.fromisoformat(slot) <= datetime.fromisoformat(found["eventTime"])


def test_a_skipping_schedule_tells_its_slots_and_a_broken_one_its_error(world: World) -> None:
    def told() -> Any:
        seen = world.look()
        skipped = [
            e
            for e in seen.events
            if "run" in e and e["run"]["facets"]["trackside_answer"]["state"] == "skipped"
        ]
        broken = [
            one
            for one in seen.observations
            if isinstance(one, HealthObserved)
            and one.part == "schedule shop/broken_schedule"
            and one.status is HealthStatus.DEGRADED
        ]
        return (skipped, broken) if skipped and broken else None

    skipped, broken = until(told, "tick of each")
    assert skipped[0]["job"]["name"] == "dynamic"
    assert "this schedule is broken" in broken[0].detail


def test_what_was_pushed_and_what_is_pulled_are_the_same_runs(world: World) -> None:
    pushed = until(
        lambda: [r for r in world.runs_seen("sleeping") if r["state"] == "COMPLETED"],
        "completed run that was pushed",
    )
    events = [e for e in world.look().events if "run" in e]
    answer = world.post(events)
    assert answer["summary"]["failed"] == 0, json.dumps(answer)[:2_000]
    pulled = {e["run"]["runId"]: e for e in events}
    both = [run for run in pushed if run["id"] in pulled]
    assert both
    for run in both:
        (attempt,) = world.attempts(run["id"])
        assert attempt["state"] == "COMPLETED"
    jobs = {e["job"]["name"] for e in events}
    for job in ("sleeping", "sleeping.sleeper"):
        assert job in jobs
        ids = [run["id"] for run in world.runs_seen(job)]
        assert len(ids) == len(set(ids))
        assert set(ids) <= set(pulled)


def test_the_reporter_loses_nothing_while_the_hub_is_down(world: World) -> None:
    world.hub.stop()
    launched = world.adapter.launch(request("while-down", "sleeping"))
    until(lambda: world.status(launched.natural_id) == "SUCCESS", "success while down", 300)
    time.sleep(12)  # a tick of the reporter that can't deliver
    world.hub.start()
    seen = until(
        lambda: [
            r
            for r in world.runs_seen("sleeping")
            if r["id"] == launched.natural_id and r["state"] == "COMPLETED"
        ],
        "run that ended while the hub was down",
    )
    assert seen
