"""The adapter against a real MLflow server, row by row with what its own database holds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.mlflow import MLflow
from adapters.mlflow.config import Config
from hub.openlineage.decode import decode_event
from hub.ports import Asked, Grade
from tests.support.hub_process import HubProcess
from tests.support.known import Attempt, Memory
from tests.support.mlflow import VENV, MLflowServer, Row

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not MLflowServer.installed(),
        reason=f"no MLflow in {VENV.name}: make {VENV.name} installs it",
    ),
]

NAMESPACE = "mlflow-real"
RUNS = """
    select r.run_uuid, r.status, r.start_time, r.end_time, e.name as experiment,
           (select value from tags t where t.run_uuid = r.run_uuid and key = 'mlflow.parentRunId')
           as parent
    from runs r join experiments e on e.experiment_id = r.experiment_id
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MLflowServer]:
    with MLflowServer(tmp_path_factory.mktemp("real-mlflow")) as server:
        yield server


class Watch:
    """An adapter that looks, and what it has told."""

    def __init__(self, server: MLflowServer) -> None:
        self.adapter = MLflow(Config(url=server.url), Asked("real", NAMESPACE))
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

    def runs(self) -> dict[str, tuple[str, Attempt]]:
        """Job and attempt of each run, but those of the registry."""
        return {
            name.natural_id: (name.job.name, tries[1])
            for name, tries in self.memory.attempts.items()
            if not name.job.name.startswith("models/")
        }

    def outputs(self, dataset: str) -> list[Row]:
        return [
            one
            for event in self.events.values()
            for one in event.get("outputs", ())
            if one["name"] == dataset
        ]


@pytest.fixture(scope="module")
def watch(server: MLflowServer) -> Iterator[Watch]:
    watch = Watch(server)
    watch.look(4)
    yield watch
    watch.adapter.close()


def moment(millis: int | None) -> datetime | None:
    return datetime.fromtimestamp(millis / 1000, UTC) if millis else None


def test_every_run_is_told_as_the_database_holds_it(server: MLflowServer, watch: Watch) -> None:
    rows = server.database(RUNS)
    assert {row["status"] for row in rows} == {"FINISHED", "FAILED", "KILLED", "RUNNING"}
    ours = watch.runs()
    assert set(ours) == {row["run_uuid"] for row in rows}
    for row in rows:
        job, told = ours[row["run_uuid"]]
        assert (job, told.own_state) == (row["experiment"], row["status"])
        assert told.started_at == moment(row["start_time"]), row
        assert told.at == moment(row["end_time"] or row["start_time"]), row
        assert told.parent == (str(UUID(row["parent"])) if row["parent"] else None), row


def test_params_metrics_and_read_datasets_are_told(server: MLflowServer, watch: Watch) -> None:
    for row in server.database("select run_uuid, key, value from latest_metrics"):
        told = [
            event
            for event in watch.events.values()
            if event.get("run", {}).get("runId") == str(UUID(row["run_uuid"]))
        ]
        assert {one["run"]["facets"]["mlflow_run"]["metrics"][row["key"]] for one in told} == {
            row["value"]
        }
        assert {one["name"] for event in told for one in event["inputs"]} == {"customers.parquet"}


def test_all_events_are_understood_and_a_second_reader_tells_the_same(
    server: MLflowServer, watch: Watch
) -> None:
    for event in watch.events:
        assert decode_event(event.encode()).warnings == ()
    other = Watch(server)
    other.look(4)
    other.adapter.close()
    assert set(other.events) == set(watch.events)


def test_each_version_is_an_update_of_its_model(server: MLflowServer, watch: Watch) -> None:
    rows = server.database("select name, version from model_versions")
    told = {one["facets"]["version"]["datasetVersion"] for one in watch.outputs("models/churn")}
    assert told == {str(row["version"]) for row in rows} == {"1", "2"}


def test_an_alias_and_a_stage_are_updates_when_they_are_moved(
    server: MLflowServer, watch: Watch
) -> None:
    assert len(watch.outputs("models/churn@champion")) == 1
    assert len(watch.outputs("models/churn/Production")) == 1
    server.post("/registered-models/alias", name="churn", alias="champion", version="2")
    watch.look(2)
    champions = watch.outputs("models/churn@champion")
    scores = [
        one["outputFacets"]["dataQualityAssertions"]["assertions"][0]["actual"] for one in champions
    ]
    assert scores == ["0.71", "0.78"]
    server.post(
        "/model-versions/transition-stage",
        name="churn",
        version="2",
        stage="Production",
        archive_existing_versions=True,
    )
    watch.look(2)
    assert [_version(one) for one in watch.outputs("models/churn/Production")] == ["1", "2"]
    assert [_version(one) for one in watch.outputs("models/churn/Archived")] == ["1"]


def _version(output: dict[str, Any]) -> str:
    return str(output["facets"]["version"]["datasetVersion"])


def test_a_run_that_ends_and_one_that_is_deleted_are_seen(
    server: MLflowServer, watch: Watch
) -> None:
    ids = server.post("/experiments/search", max_results=10)["experiments"]
    (prices,) = [one["experiment_id"] for one in ids if one["name"] == "prices/daily"]
    begun = int(time.time() * 1000)
    made = [
        server.post("/runs/create", experiment_id=prices, start_time=begun)["run"]["info"]["run_id"]
        for _ in range(2)
    ]
    watch.look()
    assert {watch.runs()[run_id][1].own_state for run_id in made} == {"RUNNING"}
    server.post("/runs/update", run_id=made[0], status="FINISHED", end_time=begun + 500)
    server.post("/runs/delete", run_id=made[1])
    watch.look()
    assert [watch.runs()[run_id][1].own_state for run_id in made] == ["FINISHED", "deleted"]


def test_the_connection_is_good(watch: Watch) -> None:
    assert {found.grade for found in watch.adapter.check_connection()} == {Grade.GOOD}


def register(server: MLflowServer, score: float) -> str:
    """One more version of `churn`, of a run that measured so much; its number."""
    experiments = server.post("/experiments/search", max_results=10)["experiments"]
    (churn,) = [one["experiment_id"] for one in experiments if one["name"] == "churn"]
    now = int(time.time() * 1000)
    begun = server.post("/runs/create", experiment_id=churn, start_time=now)
    run_id = begun["run"]["info"]["run_id"]
    server.post("/runs/log-metric", run_id=run_id, key="score", value=score, timestamp=now)
    server.post("/runs/update", run_id=run_id, status="FINISHED", end_time=now + 1)
    source = f"runs:/{run_id}/model"
    made = server.post("/model-versions/create", name="churn", source=source, run_id=run_id)
    return str(made["model_version"]["version"])


def test_a_model_that_beats_the_one_in_production_is_launched_for(
    server: MLflowServer, tmp_path: Path
) -> None:
    """The whole way: the hub asks MLflow, and a condition compares what was measured."""
    production = f"{NAMESPACE}/models/churn/Production"
    when = f"{NAMESPACE}/models/churn where score > score of {production}"
    told = {
        "version": 1,
        "orchestrators": [
            {
                "name": "ml",
                "kind": "mlflow",
                "namespaces": [NAMESPACE],
                "settings": {"url": server.url, "poll_every_s": 1},
            },
            {"name": "house", "kind": "engine", "settings": {"launch": "pull"}},
        ],
        "subscriptions": [
            {"name": "deploy", "when": when, "launch": {"orchestrator": "house", "job": "deploy"}}
        ],
    }
    (tmp_path / "trackside.yaml").write_text(json.dumps(told))
    with HubProcess(tmp_path) as hub:
        until(
            lambda: get(
                hub, f"namespaces/{NAMESPACE}/datasets/models%2Fchurn%2FProduction/updates"
            ),
            "poll",
        )
        worse, better = register(server, 0.5), register(server, 0.9)
        fates = until(lambda: fates_of(hub, {worse, better}), "launch")
        assert fates == {worse: "ignored", better: "launched"}


def fates_of(hub: HubProcess, versions: set[str]) -> dict[str, str] | None:
    """What became of each version, once it is known of all."""
    told = get(hub, "subscriptions/deploy/arrivals?limit=100") or {"arrivals": []}
    found = {one["partition"]: one["fate"] for one in told["arrivals"]}
    mine = {version: found[version] for version in versions & found.keys()}
    return mine if len(mine) == len(versions) else None


def get(hub: HubProcess, path: str) -> Any:
    answer = httpx.get(f"{hub.url}/api/v1/{path}", timeout=30)
    return answer.json() if answer.is_success else None


def until(there: Callable[[], Any], what: str, timeout_s: float = 120) -> Any:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if found := there():
            return found
        time.sleep(0.3)
    raise AssertionError(f"no {what} after {timeout_s:g} s")
