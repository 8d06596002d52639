"""A whole Dagster with daemon and schedules: polled, pushing to a hub, and asked to start runs."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
    PartitionsObserved,
    ScheduleObserved,
)
from hub.ports import Asked, BackfillPlan, LaunchKind, LaunchRequest, Observed, Span
from hub.store.types import to_micros
from tests.support import dagster_tables
from tests.support.cut_line import CutLine
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
STATES = {"SUCCESS": "COMPLETED", "FAILURE": "FAILED", "CANCELED": "ABORTED", "SKIPPED": "ABORTED"}
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
ATTEMPTS = """SELECT j.name, r.natural_id, a.no, a.own_state, a.state, a.ended_at
    FROM attempt a JOIN run r ON r.id = a.run_id JOIN job j ON j.id = r.job_id
    ORDER BY j.name, r.natural_id, a.no DESC"""
Json = dict[str, Any]


class World:
    """A hub, a Dagster that reports to it, and the adapter that asks it.

    push, pull: the lines between them, the reporter's and the hub's own.
    """

    def __init__(
        self, hub: HubProcess, token: str, dagster: DagsterSplit, push: CutLine, pull: CutLine
    ) -> None:
        self.hub, self.dagster = hub, dagster
        self._push, self._pull = push, pull
        self._headers = {"Authorization": f"Bearer {token}"}
        self.adapter = Dagster(DagsterConfig(url=dagster.url), Asked("real", NAMESPACE))

    def look(self) -> Observed:
        return self.adapter.observe({}, datetime.now(UTC), FakeKnown())

    def mishap(self, what: str, seconds: float) -> None:
        """The hub is killed and comes back, or a line is cut for so long."""
        if what == "kill":
            self.hub.stop(signal.SIGKILL)
            self.hub.start()
        else:
            (self._push if what == "push" else self._pull).cut(seconds)

    def events(self, run_id: str) -> list[Json]:
        """What the hub was told of a run."""
        url = f"{self.hub.url}/api/v1/jobs/runs/{run_id}/events"
        answer = httpx.get(url, headers=self._headers, timeout=30)
        events: list[Json] = answer.json()["events"] if answer.is_success else []
        return events

    def settle(self, timeout_s: float = 120) -> None:
        """Returns when nothing runs and a whole poll has begun since."""
        until(lambda: not self.running(), "end of all runs", 300)
        asked = datetime.now(UTC)

        def polled() -> bool:
            url = f"{self.hub.url}/api/v1/orchestrators/dg"
            poll = httpx.get(url, headers=self._headers, timeout=30).json().get("poll") or {}
            done = str(poll.get("completeAt") or asked)
            return (datetime.fromisoformat(done) - asked).total_seconds() > 15

        until(polled, "poll", timeout_s)

    def running(self) -> list[str]:
        return [row["runId"] for row in self.theirs() if row["status"] not in ENDED]

    def get(self, path: str) -> Json:
        """What the hub answers."""
        url = f"{self.hub.url}/api/v1/{path}"
        answer = httpx.get(url, headers=self._headers, timeout=30)
        found: Json = answer.json()
        return found

    def theirs(self) -> list[Json]:
        """All runs with their steps, as Dagster holds them."""
        told = self.dagster.graphql(
            "{ runsOrError(limit: 500) { ... on Runs { results { runId jobName status startTime "
            "endTime stepStats { stepKey status endTime attempts { startTime } } } } } }"
        )
        rows: list[Json] = told["runsOrError"]["results"]
        return rows

    def ours(self) -> dict[tuple[str, str], list[Any]]:
        """The attempts of each run by job and natural id, the last first, as the hub holds them."""
        database = self.hub.folder / "data" / "trackside.db"
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
        try:
            rows = connection.execute(ATTEMPTS).fetchall()
        finally:
            connection.close()
        found: dict[tuple[str, str], list[Any]] = {}
        for job, natural_id, *attempt in rows:
            found.setdefault((job, natural_id), []).append(tuple(attempt))
        return found

    def stop_schedules(self) -> None:
        selector = {"repositoryLocationName": "shop", "repositoryName": "__repository__"}
        told = self.dagster.graphql(
            "query($s: RepositorySelector!) { schedulesOrError(repositorySelector: $s) { "
            "... on Schedules { results { scheduleState { id } } } } }",
            s=selector,
        )
        for row in told["schedulesOrError"]["results"]:
            self.dagster.graphql(
                "mutation($i: String!) { stopRunningSchedule(id: $i) { __typename } }",
                i=row["scheduleState"]["id"],
            )

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
    port = free_port()  # the same when it comes back
    push = CutLine(port)
    environment = {
        "TRACKSIDE_URL": push.url,
        "TRACKSIDE_TOKEN": token,
        "TRACKSIDE_NAMESPACE": NAMESPACE,
    }
    dagster = DagsterSplit(home, **environment)
    pull = CutLine(dagster.port)
    (folder / "trackside.yaml").write_text(
        f"orchestrators: [{{name: dg, kind: dagster, namespaces: [{NAMESPACE}], "
        f'settings: {{url: "{pull.url}", poll_every_s: 2}}}}]\n'
    )
    with push, pull, HubProcess(folder, "--port", str(port)) as hub, dagster:
        world = World(hub, token, dagster, push, pull)
        yield world
        world.adapter.close()


def until(there: Callable[[], Any], what: str, timeout_s: float = 150) -> Any:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := there():
            return found
        time.sleep(1)
    raise AssertionError(f"no {what} after {timeout_s:g} s")


def micros(seconds: float | None) -> int | None:
    return None if seconds is None else to_micros(datetime.fromtimestamp(seconds, UTC))


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
        [Span("2026-11-05"), Span("2026-11-06")],
    )
    first, second = world.adapter.backfill(plan), world.adapter.backfill(plan)
    assert (first.natural_id, first.again, second.again) == (second.natural_id, False, True)
    told = world.dagster.graphql(
        "query($b: String!) { partitionBackfillOrError(backfillId: $b) { "
        "... on PartitionBackfill { partitionNames } } }",
        b=first.natural_id,
    )
    assert told["partitionBackfillOrError"]["partitionNames"] == ["2026-11-05", "2026-11-06"]


@pytest.fixture(scope="module")
def partitioned(world: World) -> Path:
    """Partitions were written, and one failed; a backfill is over. Where Dagster keeps its tables."""
    home = world.dagster.home
    spans = [Span("2026-11-05"), Span("2026-11-06")]
    world.adapter.backfill(BackfillPlan("backfill-2", EntityName(NAMESPACE, "orders_job"), spans))
    south = world.adapter.launch(request("south-1", "__ASSET_JOB.stations", partition="south"))
    for number, (asset, key) in enumerate(
        [("stations", "north"), ("sales", "de|2026-11-03"), ("sales", "fr|2026-11-04")]
    ):
        wanted = request(f"part-{number}", asset, kind=LaunchKind.ASSET_EVENT, partition=key)
        world.adapter.launch(wanted)
    until(lambda: world.status(south.natural_id) == "FAILURE", "failure of the partition", 300)
    over = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "COMPLETED"}
    until(lambda: set(dagster_tables.backfills(home).values()) <= over, "ends of backfills", 300)
    return home


def test_partitions_stand_as_in_dagsters_own_tables(world: World, partitioned: Path) -> None:
    """Written, failed and missing ones; of time, of words, and of both."""
    told = {
        one.dataset.name: {
            key: status
            for status in ("complete", "failed", "running")
            for key in getattr(one, status)
        }
        for one in world.look().observations
        if isinstance(one, PartitionsObserved)
    }
    own = dagster_tables.partitions(partitioned)
    assert told == {asset: own.get(asset, {}) for asset in ("raw/orders", "sales", "stations")}
    assert told["stations"] == {"north": "complete", "south": "failed"}
    assert told["raw/orders"].keys() >= {"2026-11-05", "2026-11-06"}
    missing = {
        one.dataset.name: set(one.missing)
        for one in world.look().observations
        if isinstance(one, PartitionsObserved)
    }
    days = dagster_tables.days_since("2026-11-01", "Europe/Berlin")
    assert missing == {
        "raw/orders": days - told["raw/orders"].keys(),
        "sales": {f"{c}|{day}" for day in days for c in ("de", "fr")} - told["sales"].keys(),
        "stations": {"west"},
    }


def test_the_hub_shows_partitions_and_backfills_as_dagsters_own_tables_have_them(
    world: World, partitioned: Path
) -> None:
    own = dagster_tables.partitions(partitioned)["stations"] | {"west": "missing"}

    def stand() -> dict[str, str]:
        found = world.get(f"namespaces/{NAMESPACE}/datasets/stations/partitions")
        return {one["partition"]: one["status"] for one in found["partitions"]}

    until(lambda: stand() == own, "partitions as Dagster has them", 150)
    theirs = dagster_tables.backfills(partitioned)
    assert theirs

    def backfills() -> dict[str, str]:
        found = world.get("orchestrators/dg")["backfills"]
        return {one["naturalId"]: one["state"] for one in found}

    until(lambda: backfills() == dagster_tables.backfills(partitioned), "backfills", 150)
    tagged = dagster_tables.runs_of_backfills(partitioned)
    assert set(tagged.values()) == set(theirs)
    for run_id, backfill in tagged.items():
        shown = world.get(f"jobs/runs/{run_id}")
        assert (shown["backfill"], shown["backfillState"]) == (backfill, backfills()[backfill])


def test_an_asset_that_others_have_written_is_told_to_dagster_once(world: World) -> None:
    wanted = request("event-1", "ext_source", kind=LaunchKind.ASSET_EVENT, note="it is there")
    first, second = world.adapter.launch(wanted), world.adapter.launch(wanted)
    assert (first.again, second.again) == (False, True)
    told = world.dagster.graphql(
        'query { assetOrError(assetKey: {path: ["ext_source"]}) { ... on Asset { '
        "assetMaterializations { description } } } }"
    )
    assert told["assetOrError"]["assetMaterializations"] == [
        {"description": "it is there trackside_key=event-1"}
    ]


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


def test_the_reporter_loses_nothing_while_the_hub_is_down(world: World) -> None:
    world.hub.stop()
    for job in ("dynamic", "failing", "__ASSET_JOB.report"):  # a retry, a failure, checks
        world.adapter.launch(request(f"{job}-while-down", job))
    launched = world.adapter.launch(request("while-down", "sleeping"))
    until(lambda: world.status(launched.natural_id) == "SUCCESS", "success while down", 300)
    time.sleep(12)  # a tick of the reporter that can't deliver
    world.hub.start()

    def pushed() -> bool:
        told = [json.dumps(event) for event in world.events(launched.natural_id)]
        return any("examples/dagster" in event for event in told)

    until(pushed, "events that the reporter held back")


def test_runs_go_on_while_the_hub_is_killed_and_both_lines_are_cut(world: World) -> None:
    """What became of them the next test tells."""
    chance = random.Random(20261130)
    mishaps = [*("kill", "push", "pull") * 2]
    chance.shuffle(mishaps)
    for number, what in enumerate(mishaps):
        job = ("dynamic", "failing", "__ASSET_JOB.report")[number % 3]
        launched = world.adapter.launch(request(f"{what}-{number}", job))
        time.sleep(chance.uniform(0.5, 3))
        world.mishap(what, chance.uniform(0.5, 4))
    until(lambda: world.status(launched.natural_id) in ENDED, "end of the last run", 300)


def test_every_run_and_step_is_one_run_with_dagsters_own_state_and_times(world: World) -> None:
    """Pushed and pulled, through a hub that was away."""
    world.stop_schedules()
    world.settle()
    ours = world.ours()
    theirs = world.theirs()
    assert {"dynamic", "failing", "sleeping", "__ASSET_JOB"} <= {r["jobName"] for r in theirs}
    expected = set()
    for row in theirs:
        key = (row["jobName"], row["runId"])
        expected.add(key)
        (attempt,) = ours[key]
        assert attempt == (0, row["status"], STATES[row["status"]], micros(row["endTime"])), key
        for step in row["stepStats"]:
            key = (f"{row['jobName']}.{step['stepKey']}", f"{row['runId']}/{step['stepKey']}")
            expected.add(key)
            tries = len(step["attempts"]) or 1
            assert [one[0] for one in ours[key]] == list(range(tries, 0, -1)), key
            last = (tries, step["status"], STATES[step["status"]], micros(step["endTime"]))
            assert ours[key][0] == last, key
    skipped = {key for key, (attempt, *_) in ours.items() if attempt[1] == "skipped"}
    assert set(ours) - skipped == expected
