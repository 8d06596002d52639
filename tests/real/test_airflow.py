"""A real Airflow 3 with its OpenLineage provider writes to a real hub."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.airflow import VENV, Airflow
from tests.support.hub_process import HubProcess
from tests.support.tokens import make_token

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not Airflow.installed(), reason=f"no Airflow in {VENV.name}: make {VENV.name} installs it"
    ),
]

NAMESPACE = "af-tests"


class Seen:
    """What the hub saw of an Airflow whose Dags have run."""

    def __init__(self, hub: HubProcess, token: str, run_id: str) -> None:
        self._hub = hub
        self._headers = {"Authorization": f"Bearer {token}"}
        self.run_id = run_id

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self._hub.url}/api/v1{path}", headers=self._headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def job(self, name: str) -> Any:
        return self.get(f"/namespaces/{NAMESPACE}/jobs/{quote(name, safe='')}")

    def runs(self, name: str) -> Any:
        return self.get(f"/namespaces/{NAMESPACE}/jobs/{quote(name, safe='')}/runs")["runs"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("real-airflow")
    token = make_token(folder, "airflow", "ingest", "read", "operate")
    with HubProcess(folder) as hub, Airflow(folder, hub.url, token, NAMESPACE) as airflow:
        airflow.trigger("shop_orders", "hub-test-1")
        airflow.await_runs("shop_orders")
        airflow.await_runs("shop_report")
        time.sleep(5)  # the last task's event may come after its Dag's
        yield Seen(hub, token, "hub-test-1")


def test_dags_and_tasks_are_jobs_with_a_parent(seen: Seen) -> None:
    dag, task = seen.job("shop_orders"), seen.job("shop_orders.extract")
    assert dag["description"] == "Orders of the shop"
    assert task["parentJobName"] == "shop_orders"
    assert task["simpleName"] == "extract"


def test_the_dag_run_is_one_run_that_completed(seen: Seen) -> None:
    runs = seen.runs("shop_orders")
    mine = [r for r in runs if r["state"] == "COMPLETED"]
    assert mine
    assert mine[0]["durationMs"] > 0


def test_a_retried_task_is_one_run_with_two_attempts(seen: Seen) -> None:
    runs = seen.runs("shop_orders.flaky")
    assert len(runs) == len(seen.runs("shop_orders"))
    run = runs[0]
    assert run["state"] == "COMPLETED"
    attempts = seen.get(f"/jobs/runs/{run['id']}/attempts")["attempts"]
    assert [a["state"] for a in attempts] == ["COMPLETED", "FAILED"]
    assert attempts[1]["errorClass"] == "ValueError"


def test_mapped_tasks_are_runs_of_their_own(seen: Seen) -> None:
    runs = seen.runs("shop_orders.part")
    assert {r["state"] for r in runs} == {"COMPLETED"}
    assert len(runs) == 2 * len(seen.runs("shop_orders"))


def test_the_asset_joins_the_two_dags(seen: Seen) -> None:
    answer = seen.get(f"/lineage?nodeId=job:{NAMESPACE}:shop_orders.extract&depth=5")
    nodes = {node["id"] for node in answer["graph"]}
    assert "dataset:file:/shop/orders.parquet" in nodes or any("orders.parquet" in n for n in nodes)
    assert f"job:{NAMESPACE}:shop_report.report" in nodes


def test_a_failed_task_fails_its_dag_run(seen: Seen) -> None:
    assert seen.runs("shop_report.report")[0]["state"] == "FAILED"
    assert seen.runs("shop_report")[0]["state"] == "FAILED"


def test_the_schedule_is_declared_with_its_time_zone(seen: Seen) -> None:
    overview = seen.get(f"/namespaces/{NAMESPACE}/jobs/shop_orders/overview")
    assert overview["schedule"]["expression"] == "0 6 * * *"
    assert overview["schedule"]["timezone"] == "UTC"


def test_nothing_was_refused(seen: Seen) -> None:
    assert seen.get("/dead-letters")["deadLetters"] == []
