"""A real Airflow and a real Dagster launched through a hub that is killed: one run for each wish."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support import airflow as of_airflow
from tests.support import dagster as of_dagster
from tests.support.airflow import Airflow
from tests.support.dagster import DagsterSplit
from tests.support.line import Line, until

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


def ask(line: Line, orchestrator: str, job: str, conf: dict[str, Any], key: str) -> dict[str, Any]:
    told = {"namespace": orchestrator, "name": job}
    asked = {"orchestrator": orchestrator, "job": told, "conf": conf, "key": key}
    found: dict[str, Any] = line.call("POST", "/api/v1/launches", json=asked)["launch"]
    again = line.call("POST", "/api/v1/launches", json=asked)["launch"]
    assert again["id"] == found["id"]
    return found


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with ExitStack() as stack:
        line = Line(tmp_path_factory.mktemp("real-launches"), stack)
        line.airflow.post("/pools", {"name": "tiny", "slots": 1})
        yield line


def test_each_wish_is_one_run_that_is_followed_to_its_end(line: Line) -> None:
    asked = [ask(line, *wish, key=f"wish-{wish[0]}") for wish in WISHES]
    line.kill()
    asked += [ask(line, *wish, key=f"other-{wish[0]}") for wish in WISHES]
    time.sleep(0.7)
    line.kill()

    def states() -> list[tuple[str, str | None]]:
        return [(one["state"], one["reason"]) for one in map(line.launch, ids)]

    ids = [one["id"] for one in asked]
    until(lambda: {state for state, _ in states()} == {"completed"}, states)
    for one in map(line.launch, ids):
        assert runs_of(line, one) == [one["naturalId"]]
        causes = line.get(f"jobs/runs/{one['runId']}/causes")
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
    one = ask(line, "af", "resting", {}, "paused")
    until(lambda: line.launch(one["id"])["state"] == "held", lambda: line.launch(one["id"]), 60)
    assert "resting is paused" in line.launch(one["id"])["reason"]
    assert runs_of(line, one | {"orchestrator": "af"}) == []
