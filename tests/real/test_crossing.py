"""Airflow to Dagster to Airflow and an own engine, by subscriptions alone, through a hub that is
killed, lines that say everything twice, and targets that fail after they have done what was asked.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from adapters.airflow.events import PRODUCER
from tests.support import airflow as of_airflow
from tests.support import dagster as of_dagster
from tests.support.airflow import Airflow
from tests.support.dagster import DagsterSplit
from tests.support.engine import FakeEngine
from tests.support.faulty_line import FaultyLine, Mishap
from tests.support.hub_process import HubProcess, trackside
from tests.support.kills import kills
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        not (Airflow.installed() and DagsterSplit.installed()),
        reason=f"needs {of_airflow.VENV.name} and {of_dagster.VENV.name}",
    ),
]

#: Kills of the hub for each day of orders that is written.
KILLS_PER_DAY = 2
#: Days whose launches meet each mishap.
ENOUGH = 5
FIRST_DAY = datetime(2026, 11, 2, tzinfo=UTC)
SUBSCRIPTIONS = [
    {
        "name": "lake",
        "when": "file//crossing/orders",
        "partitions": "identity",
        "launch": {"orchestrator": "dg", "job": "orders_job"},
    },
    {
        "name": "reports",
        "when": "dg/raw/orders",
        "partitions": "identity",
        "launch": {
            "orchestrator": "af",
            "job": "report",
            "partition": "",
            "conf": {"day": "{partition}"},
        },
    },
    {
        "name": "marts",
        "when": "dg/raw/orders",
        "partitions": "identity",
        "launch": {"orchestrator": "house", "job": "mart"},
    },
]
#: In turn, of what starts runs; each before the days are over, as few as they may be.
MISHAPS = [Mishap.LATE, Mishap.AFTER, Mishap.LOST, Mishap.BEFORE, Mishap.NONE] * 20
SOAK = [pytest.mark.soak, pytest.mark.timeout(7200)]
WAYS = {"push", "poll", "asset event"}
RUNS = "{ runsOrError(limit: 500) { ... on Runs { results { runId jobName status } } } }"
Json = dict[str, Any]


class Crossing(Airflow):
    dags: ClassVar[Path] = Path(__file__).parent / "dags_crossing"


class Line:
    """A hub, two orchestrators that push to it and are polled by it, and an engine."""

    def __init__(self, folder: Path, stack: ExitStack, database: str) -> None:
        """database: a URL, or "" for the file that a hub has if nobody says otherwise."""
        port = free_port()
        self.engine = stack.enter_context(FakeEngine())
        self._environment = self.engine.secrets()
        if database:
            self._environment["TRACKSIDE_DATABASE_URL"] = database
        self.token = self._prepare(folder)
        push = stack.enter_context(FaultyLine(f"http://127.0.0.1:{port}", copies=2))
        for name in ("af", "dg"):
            (folder / name).mkdir()
        self.airflow = stack.enter_context(Crossing(folder / "af", push.url, self.token, "af"))
        told = {"TRACKSIDE_URL": push.url, "TRACKSIDE_TOKEN": self.token}
        self.dagster = stack.enter_context(
            DagsterSplit(folder / "dg", TRACKSIDE_NAMESPACE="dg", **told)
        )
        self.to_airflow = stack.enter_context(FaultyLine(self.airflow.url, starts_dag, MISHAPS))
        self.to_dagster = stack.enter_context(FaultyLine(self.dagster.url, starts_run, MISHAPS))
        # It is asked again, not whether it has begun: what went wrong once goes well then.
        mishaps = [each for one in MISHAPS for each in (one, Mishap.NONE)]
        self.to_engine = stack.enter_context(FaultyLine(self.engine.url, starts_own, mishaps))
        self.push = push
        declared = [
            _declared("af", "airflow", self.to_airflow.url),
            _declared("dg", "dagster", self.to_dagster.url),
            _engine(self.engine, self.to_engine.url),
        ]
        given = {
            "version": 1,
            "allowed_networks": ["127.0.0.1"],
            "launches_per_hour": 0,
            "orchestrators": declared,
            "subscriptions": SUBSCRIPTIONS,
        }
        (folder / "trackside.yaml").write_text(json.dumps(given))
        self.hub = HubProcess(folder, "--port", str(port), environment=self._environment)
        self.hub.start()
        stack.callback(self.hub.stop, signal.SIGKILL)

    def _prepare(self, folder: Path) -> str:
        asked: Json = {"folder": folder, "environment": self._environment, "timeout": 200}
        trackside("migrate", **asked)
        made = trackside("token", "create", "ops", "--scope", "admin", **asked)
        return made.stdout.strip().splitlines()[-1]

    def kill(self) -> None:
        self.hub.stop(signal.SIGKILL)
        self.hub.start()

    def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.get(f"{self.hub.url}/api/v1/{path}", headers=headers, timeout=60)
        assert answer.is_success, (path, answer.text)
        return answer.json()

    def post(self, event: Json) -> None:
        """Twice, as a sender does that has not heard the answer."""
        for _ in range(2):
            headers = {"Authorization": f"Bearer {self.token}"}
            self.hub.post(event, headers=headers).raise_for_status()

    def write_orders(self, day: datetime) -> None:
        """A run of Airflow's whose data interval is that day."""
        end = day + timedelta(days=1)
        body = {
            "dag_run_id": f"orders-{day:%Y-%m-%d}",
            "logical_date": day.isoformat(),
            "data_interval_start": day.isoformat(),
            "data_interval_end": end.isoformat(),
        }
        self.airflow.post("/dags/orders/dagRuns", body)

    def launches(self, subscription: str) -> list[Json]:
        found: list[Json] = self.get(f"subscriptions/{subscription}/launches?limit=200")["launches"]
        return found

    def by_partition(self, subscription: str) -> dict[str, Json]:
        """One launch for each day, or it fails."""
        launches = self.launches(subscription)
        found = {one["cause"]["partition"]: one for one in launches}
        assert len(found) == len(launches), launches
        return found


def starts_dag(method: str, path: str, _: bytes) -> bool:
    return method == "POST" and path.endswith("/dagRuns")


def starts_run(_: str, __: str, body: bytes) -> bool:
    return b"launchRun(" in body


def starts_own(method: str, _: str, __: bytes) -> bool:
    return method == "POST"


def _declared(name: str, kind: str, url: str) -> Json:
    settings = {"url": url, "poll_every_s": 2}
    return {"name": name, "kind": kind, "namespaces": [name], "settings": settings}


def _engine(engine: FakeEngine, url: str) -> Json:
    settings = engine.settings() | {"url": f"{url}/launch", "timeout_s": 5}
    return {"name": "house", "kind": "engine", "namespaces": ["house"], "settings": settings}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((10, "sqlite"), id="ten kills"),
        pytest.param((50, "sqlite"), id="fifty on SQLite", marks=SOAK),
        pytest.param((50, "postgres"), id="fifty on PostgreSQL", marks=SOAK),
    ],
)
def crossed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Line, list[str]]]:
    """After all that happened: the line, and the days whose orders were written."""
    draw = random.Random(20261130)
    asked, engine = request.param
    with ExitStack() as stack:
        line = Line(tmp_path_factory.mktemp("crossing"), stack, database_of(engine, stack))
        days: list[datetime] = []
        for number in range(kills(asked)):
            if number % KILLS_PER_DAY == 0:
                days.append(FIRST_DAY + timedelta(days=len(days)))
                line.write_orders(days[-1])
            time.sleep(draw.uniform(0.5, 5))
            line.kill()
        ran: set[str] = set()
        names = [one["name"] for one in SUBSCRIPTIONS]

        def stands() -> dict[str, list[tuple[str, str | None]]]:
            return {
                str(name): [(one["state"], one["reason"]) for one in line.launches(str(name))]
                for name in names
            }

        def over() -> bool:
            run_engine(line, ran)
            return all(
                [state for state, _ in found] == ["completed"] * len(days)
                for found in stands().values()
            )

        until(over, lambda: (stands(), line.hub.said[-2000:]))
        yield line, [f"{day:%Y-%m-%d}" for day in days]


def database_of(engine: str, stack: ExitStack) -> str:
    if engine == "sqlite":
        return ""
    return stack.enter_context(PostgresServer()).create_database("hub")


def run_engine(line: Line, ran: set[str]) -> None:
    """What the engine was asked for it does, and tells."""
    for body in list(line.engine.bodies):
        run = body["data"]["runId"]
        if run not in ran:
            for kind in ("START", "COMPLETE"):
                line.post(_event(kind, run, body["data"]["partition"]))
            ran.add(run)


def _event(kind: str, run: str, day: str) -> Json:
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    schema = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    nominal = {
        "_producer": "https://example.org/tests",
        "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/NominalTimeRunFacet.json",
        "nominalStartTime": begin.isoformat(),
        "nominalEndTime": (begin + timedelta(days=1)).isoformat(),
    }
    return {
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": "https://example.org/tests",
        "schemaURL": schema,
        "run": {"runId": run, "facets": {"nominalTime": nominal}},
        "job": {"namespace": "house", "name": "mart"},
        "outputs": [{"namespace": "db", "name": "mart"}],
    }


def until(holds: Callable[[], bool], what: Callable[[], Any], timeout_s: float = 600) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        with suppress(httpx.TransportError):
            if holds():
                return
        time.sleep(1)
    raise TimeoutError(what())


def test_each_day_has_one_run_of_every_job(crossed: tuple[Line, list[str]]) -> None:
    line, days = crossed
    for subscription in ("lake", "reports", "marts"):
        assert sorted(line.by_partition(subscription)) == days
    mine = {one["naturalId"] for one in line.launches("reports")}
    rows = line.airflow.get("/dags/report/dagRuns?limit=500")["dag_runs"]
    assert {row["dag_run_id"] for row in rows} == mine
    assert sorted(row["conf"]["day"] for row in rows) == days
    runs = line.dagster.graphql(RUNS)["runsOrError"]["results"]
    made = [one["runId"] for one in runs if one["jobName"] == "orders_job"]
    assert sorted(made) == sorted(one["naturalId"] for one in line.launches("lake"))
    assert sorted(line.engine.runs) == sorted(one["key"] for one in line.launches("marts"))
    assert set(line.engine.runs.values()) == {1}


def test_every_run_is_linked_to_what_caused_it(crossed: tuple[Line, list[str]]) -> None:
    """From an own engine's update back to Airflow's first run, and through each launch."""
    line, days = crossed
    first = line.by_partition("lake")
    for name, effect in (("reports", "/crossing/report"), ("marts", "mart")):
        for day, one in line.by_partition(name).items():
            told = line.get(f"jobs/runs/{one['runId']}/causes")
            assert told["launch"]["id"] == one["id"]
            assert [each["dataset"]["name"] for each in told["effects"]] == [effect]
            (cause,) = told["causes"]
            assert (cause["dataset"]["name"], cause["partition"]) == ("raw/orders", day)
            before = line.get(f"jobs/runs/{first[day]['runId']}/causes")
            assert before["launch"]["id"] == first[day]["id"]
            made = [(each["dataset"]["name"], each["partition"]) for each in before["effects"]]
            assert made == [("raw/orders", day)]
            (root,) = before["causes"]
            assert root["dataset"]["name"] == "/crossing/orders"
            assert root["job"]["name"] == "orders.extract"
    assert len(first) == len(days)


def test_every_update_tells_the_launch_that_it_caused(crossed: tuple[Line, list[str]]) -> None:
    line, days = crossed
    for subscription in ("lake", "reports", "marts"):
        told = line.get(f"subscriptions/{subscription}/arrivals?limit=200")["arrivals"]
        assert [one["fate"] for one in told] == ["launched"] * len(days)
        ids = {one["id"] for one in line.launches(subscription)}
        assert {one["launch"] for one in told} == ids


def test_what_is_told_in_three_ways_is_one_update_and_one_cause(
    crossed: tuple[Line, list[str]],
) -> None:
    """Airflow sends that the orders were written, its run is polled, and so is its asset event."""
    line, days = crossed
    orders = "namespaces/file/datasets/%2Fcrossing%2Forders/updates?limit=200"
    written = line.get(orders)["updates"]
    assert len(written) == len(days)
    runs = []
    for one in line.by_partition("lake").values():
        (cause,) = line.get(f"jobs/runs/{one['runId']}/causes")["causes"]
        runs.append(cause["runId"])
    assert sorted(runs) == sorted(one["runId"] for one in written)

    def told() -> list[Counter[str]]:
        return [ways(line, run) for run in runs]

    until(lambda: all(found.keys() == WAYS for found in told()), told, 60)


def ways(line: Line, run: str) -> Counter[str]:
    """In which ways the end of a run of Airflow's was told, and how often each is kept."""
    found: Counter[str] = Counter()
    for one in line.get(f"jobs/runs/{run}/events?limit=100")["events"]:
        event = one["event"]
        if event["eventType"] == "COMPLETE":
            polled = event["producer"].startswith(PRODUCER)
            way = "asset event" if event.get("outputs") else "poll"
            found[way if polled else "push"] += 1
    return found


def test_the_mishaps_have_happened(crossed: tuple[Line, list[str]]) -> None:
    """Else it would show nothing."""
    line, days = crossed
    if len(days) < ENOUGH:
        pytest.skip("too few kills were asked for to meet each mishap")
    for to in (line.to_airflow, line.to_dagster, line.to_engine):
        assert all(to.met[mishap] for mishap in Mishap), to.met
    assert line.push.met["copies"] > 20
