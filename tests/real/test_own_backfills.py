"""Backfills by what a real Airflow and a real Dagster have of their own, through kills of the hub;
and the runs that an asset event has caused.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support import airflow as of_airflow
from tests.support import dagster as of_dagster
from tests.support.airflow import Airflow
from tests.support.dagster import DagsterSplit
from tests.support.line import Line, until

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        not (Airflow.installed() and DagsterSplit.installed()),
        reason=f"needs {of_airflow.VENV.name} and {of_dagster.VENV.name}",
    ),
]

Json = dict[str, Any]
KILLS = 3
RUNS = "{ runsOrError(limit: 500) { ... on Runs { results { runId status tags { key value } } } } }"
BEGIN = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


class Filling(Airflow):
    dags: ClassVar[Path] = Path(__file__).parent / "dags_filling"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The last day of each dataset is there."""
    with ExitStack() as stack:
        line = Line(tmp_path_factory.mktemp("filling"), stack, Filling)
        selector = {
            "repositoryLocationName": "shop",
            "repositoryName": "__repository__",
            "jobName": "orders_job",
        }
        tags = {"tags": [{"key": "dagster/partition", "value": "2026-11-20"}]}
        params = {"selector": selector, "mode": "default", "executionMetadata": tags}
        line.dagster.graphql(BEGIN, params=params)
        yield line


def written(line: Line, namespace: str, name: str) -> list[str]:
    """The days of a dataset that are complete."""
    path = f"namespaces/{namespace}/datasets/{name.replace('/', '%2F')}"
    try:
        told = line.get(f"{path}/partitions?every=day&status=complete")
    except AssertionError:  # nobody has told of it yet
        return []
    return [one["partition"] for one in told["partitions"]]


def fill(line: Line, namespace: str, name: str, **more: Any) -> int:
    until(lambda: bool(written(line, namespace, name)), lambda: f"no update of {name}")
    dataset = {"namespace": namespace, "name": name}
    body = {"dataset": dataset, "every": "day", "levels": 0, "concurrency": 20, "perJob": 4}
    found: int = line.call("POST", "/api/v1/backfills", json=body | more)["id"]
    return found


def stands(line: Line, number: int) -> Json:
    found: Json = line.get(f"backfills/{number}?limit=200")
    return found


def until_over(line: Line, number: int, timeout_s: float = 500) -> Json:
    until(
        lambda: stands(line, number)["backfill"]["endedAt"] is not None,
        lambda: stands(line, number),
        timeout_s,
    )
    return stands(line, number)


def kill_meanwhile(line: Line) -> None:
    for pause in (1.5, 4.0, 2.5)[:KILLS]:
        time.sleep(pause)
        line.kill()


def launched_with(line: Line, told: Json) -> list[Json]:
    numbers = dict.fromkeys(step["launchId"] for step in told["steps"])
    return [line.get(f"launches/{number}") for number in numbers]


def test_airflow_fills_a_range_itself_each_day_once(line: Line) -> None:
    days = [f"2026-11-{day:02}" for day in range(3, 15)]
    number = fill(line, "file", "/filling/daily", **{"from": days[0], "to": days[-1]})
    kill_meanwhile(line)
    told = until_over(line, number)
    assert (told["backfill"]["state"], told["backfill"]["done"]) == ("completed", 1.0)
    (detail,) = launched_with(line, told)
    assert (detail["launch"]["kind"], detail["launch"]["state"]) == ("backfill", "completed")
    rows = line.airflow.get("/dags/daily/dagRuns?run_type=backfill&limit=100")["dag_runs"]
    assert Counter(row["logical_date"][:10] for row in rows) == dict.fromkeys(days, 1)
    assert len(line.airflow.get("/backfills?dag_id=daily")["backfills"]) == 1
    assert {one["naturalId"] for one in detail["runs"]} == {row["dag_run_id"] for row in rows}
    for one in detail["runs"]:
        causes = line.get(f"jobs/runs/{one['runId']}/causes")
        assert causes["launch"]["id"] == detail["launch"]["id"]


def test_what_is_there_is_made_anew_when_it_is_asked_for(line: Line) -> None:
    """By a clear, as Airflow's backfill does: the run keeps its id."""
    days = ["2026-11-16", "2026-11-17"]
    asked = {"from": days[0], "to": days[-1]}
    until_over(line, fill(line, "file", "/filling/daily", **asked))
    told = until_over(line, fill(line, "file", "/filling/daily", rerun=True, **asked))
    assert told["backfill"]["counts"]["completed"] == 2
    rows = line.airflow.get("/dags/daily/dagRuns?run_type=backfill&limit=100")["dag_runs"]
    days_made = Counter(row["logical_date"][:10] for row in rows)
    assert [days_made[day] for day in days] == [1, 1]


def test_dagster_fills_partitions_itself_each_once(line: Line) -> None:
    days = [f"2026-11-{day:02}" for day in range(2, 6)]
    number = fill(line, "dg", "raw/orders", **{"from": days[0], "to": days[-1]})
    kill_meanwhile(line)
    told = until_over(line, number)
    assert (told["backfill"]["state"], told["backfill"]["done"]) == ("completed", 1.0)
    (detail,) = launched_with(line, told)
    assert (detail["launch"]["kind"], detail["launch"]["state"]) == ("backfill", "completed")
    runs = [
        {tag["key"]: tag["value"] for tag in run["tags"]}
        for run in line.dagster.graphql(RUNS)["runsOrError"]["results"]
    ]
    made = [tags for tags in runs if "dagster/backfill" in tags]
    assert Counter(tags["dagster/partition"] for tags in made) == dict.fromkeys(days, 1)
    assert len({tags["dagster/backfill"] for tags in made}) == 1


def test_one_that_is_cancelled_is_cancelled_in_airflow_too(line: Line) -> None:
    number = fill(
        line, "file", "/filling/slow", **{"from": "2026-11-02", "to": "2026-11-20", "perJob": 1}
    )
    until(
        lambda: any(one["naturalId"] for one in runs_of(line, number)),
        lambda: stands(line, number),
    )
    line.call("POST", f"/api/v1/backfills/{number}/cancel", json={})
    line.kill()
    told = until_over(line, number)
    assert told["backfill"]["state"] == "cancelled"
    assert told["backfill"]["counts"]["cancelled"] > 10
    (held,) = line.airflow.get("/backfills?dag_id=slow")["backfills"]
    assert held["completed_at"] is not None


def runs_of(line: Line, number: int) -> list[Json]:
    numbers = {step["launchId"] for step in stands(line, number)["steps"]} - {None}
    return [run for one in numbers for run in line.get(f"launches/{one}")["runs"]]


def test_an_asset_event_tells_the_runs_that_it_has_caused(line: Line) -> None:
    asset = {"namespace": "af", "name": "file:///filling/told"}
    asked = {"orchestrator": "af", "job": asset, "kind": "asset_event", "key": "told-1"}
    number = line.call("POST", "/api/v1/launches", json=asked)["launch"]["id"]

    def runs() -> list[Json]:
        found: list[Json] = line.get(f"launches/{number}")["runs"]
        return found

    until(lambda: any(one["runId"] for one in runs()), runs)
    (one,) = runs()
    rows = line.airflow.get("/dags/heard/dagRuns")["dag_runs"]
    assert [row["dag_run_id"] for row in rows] == [one["naturalId"]]
    assert one["job"]["name"] == "heard"
    causes = line.get(f"jobs/runs/{one['runId']}/causes")
    assert causes["launch"]["id"] == number
