"""A real Airflow and a real Dagster launched through a hub that is killed: one run for each wish."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import pytest

from tests.support import airflow as of_airflow
from tests.support import dagster as of_dagster
from tests.support.airflow import Airflow
from tests.support.dagster import DagsterSplit
from tests.support.hub_process import HubProcess, trackside
from tests.support.ports import free_port

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        not (Airflow.installed() and DagsterSplit.installed()),
        reason=f"needs {of_airflow.VENV.name} and {of_dagster.VENV.name}",
    ),
]

#: Orchestrator, job, conf; each namespace is called as its orchestrator.
WISHES = [
    ("af", "one_at_a_time", {}),
    ("dg", "sleeping", {"ops": {"sleeper": {"config": {"seconds": 1.0}}}}),
]
RUNS = """{ runsOrError(filter: {tags: [{key: "trackside/launch_key", value: "%s"}]}) {
    ... on Runs { results { runId } } } }"""


class Line:
    """A hub and two orchestrators that it polls."""

    def __init__(
        self, hub: HubProcess, token: str, airflow: Airflow, dagster: DagsterSplit
    ) -> None:
        self.hub, self.airflow, self.dagster = hub, airflow, dagster
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, **options: Any) -> Any:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with suppress(httpx.TransportError):
                answer = httpx.request(
                    method, self.hub.url + path, headers=self._headers, timeout=60, **options
                )
                if answer.status_code < 500:
                    assert answer.is_success, answer.text
                    return answer.json()
            time.sleep(0.5)
        raise TimeoutError("no answer")

    def ask(self, orchestrator: str, job: str, conf: dict[str, Any], key: str) -> dict[str, Any]:
        told = {"namespace": orchestrator, "name": job}
        asked = {"orchestrator": orchestrator, "job": told, "conf": conf, "key": key}
        first = self.call("POST", "/api/v1/launches", json=asked)
        assert (
            self.call("POST", "/api/v1/launches", json=asked)["launch"]["id"]
            == first["launch"]["id"]
        )
        found: dict[str, Any] = first["launch"]
        return found

    def launch(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/api/v1/launches/{number}")["launch"]
        return found

    def kill(self) -> None:
        self.hub.stop(signal.SIGKILL)
        self.hub.start(120)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("real-launches")
    port = free_port()
    with ExitStack() as stack:
        for name in ("af", "dg"):
            (folder / name).mkdir()
        airflow = stack.enter_context(Airflow(folder / "af"))
        airflow.post("/pools", {"name": "tiny", "slots": 1})
        dagster = stack.enter_context(
            DagsterSplit(folder / "dg", TRACKSIDE_URL=f"http://127.0.0.1:{port}")
        )
        told = {
            "version": 1,
            "orchestrators": [
                _declared("af", "airflow", airflow.url),
                _declared("dg", "dagster", dagster.url),
            ],
        }
        (folder / "trackside.yaml").write_text(json.dumps(told))
        trackside("migrate", folder=folder, timeout=200)
        made = trackside("token", "create", "ops", "--scope", "admin", folder=folder, timeout=200)
        hub = HubProcess(folder, "--port", str(port))
        hub.start(120)
        stack.callback(hub.stop, signal.SIGKILL)
        yield Line(hub, made.stdout.strip().splitlines()[-1], airflow, dagster)


def _declared(name: str, kind: str, url: str) -> dict[str, Any]:
    settings = {"url": url, "poll_every_s": 2}
    return {"name": name, "kind": kind, "namespaces": [name], "settings": settings}


def until(holds: Callable[[], bool], what: Callable[[], Any], timeout_s: float = 400) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(1)
    raise TimeoutError(what())


def test_each_wish_is_one_run_that_is_followed_to_its_end(line: Line) -> None:
    asked = [line.ask(*wish, key=f"wish-{wish[0]}") for wish in WISHES]
    line.kill()
    asked += [line.ask(*wish, key=f"other-{wish[0]}") for wish in WISHES]
    time.sleep(0.7)
    line.kill()

    def states() -> list[tuple[str, str | None]]:
        return [(one["state"], one["reason"]) for one in map(line.launch, ids)]

    ids = [one["id"] for one in asked]
    until(lambda: {state for state, _ in states()} == {"completed"}, states)
    for one in map(line.launch, ids):
        assert runs_of(line, one) == [one["naturalId"]]
        causes = line.call("GET", f"/api/v1/jobs/runs/{one['runId']}/causes")
        assert causes["launch"]["id"] == one["id"]


def runs_of(line: Line, one: dict[str, Any]) -> list[str]:
    """The runs that the orchestrator itself has of a launch."""
    if one["orchestrator"] == "af":
        rows = line.airflow.get("/dags/one_at_a_time/dagRuns")["dag_runs"]
        ids = [row["dag_run_id"] for row in rows]
        return [found for found in ids if one["key"] in found]
    told = line.dagster.graphql(RUNS % one["key"])
    return [row["runId"] for row in told["runsOrError"]["results"]]


def test_a_paused_dag_is_held_with_its_reason(line: Line) -> None:
    one = line.ask("af", "resting", {}, "paused")
    until(lambda: line.launch(one["id"])["state"] == "held", lambda: line.launch(one["id"]), 60)
    assert "resting is paused" in line.launch(one["id"])["reason"]
    assert runs_of(line, one | {"orchestrator": "af"}) == []
