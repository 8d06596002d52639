"""`trackside demo`: there is something to see wherever one looks, however often it is played."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from hub.api.app import create_app
from hub.api.hub import Hub
from hub.commands.demo import SIGHTS
from hub.demo.play import Told, play, world
from hub.main import running
from hub.settings import Settings
from tests.support.hub_process import HubProcess

BASE = "http://127.0.0.1:8080"
_TODAY = datetime.now(UTC).replace(hour=13, minute=7, second=31, microsecond=0)
#: A Thursday, so that chance has a week to repeat itself; a recent one, so that nothing is too old.
NOW = _TODAY - timedelta(days=(_TODAY.weekday() - 3) % 7 or 7)
SINCE = (NOW - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
DWH = "postgres%3A%2F%2Fdwh%3A5432"

#: Path, and the key of the list that must not be empty.
LISTS = (
    ("namespaces", "namespaces"),
    ("sources", "sources"),
    ("tags", "tags"),
    ("jobs", "jobs"),
    ("datasets", "datasets"),
    ("namespaces/af-prod/jobs", "jobs"),
    ("namespaces/af-prod/jobs/load_warehouse/runs", "runs"),
    (f"namespaces/{DWH}/datasets", "datasets"),
    (f"namespaces/{DWH}/datasets/dwh.core.orders/versions", "versions"),
    ("namespaces/settlement/jobs/payouts/versions", "versions"),
    ("advice?team=finance&kind=guessed_start", "advice"),
    ("advice?kind=idle_chain", "advice"),
    ("advice?kind=needless_runs", "advice"),
    (f"lineage?nodeId=dataset:{DWH}:dwh.core.orders", "graph"),
    ("search?q=revenue", "results"),
    (f"column-lineage?nodeId=dataset:{DWH}:dwh.mart.revenue_daily", "graph"),
    (f"namespaces/{DWH}/datasets/dwh.core.orders/checks", "checks"),
    (f"namespaces/{DWH}/datasets/dwh.core.orders/updates", "updates"),
    ("namespaces/scripts/jobs/nightly_copy/warnings", "warnings"),
    ("schedules", "schedules"),
    ("orchestrators", "orchestrators"),
    (f"orchestrators/af-prod/backlog?since={SINCE}", "samples"),
    ("changes", "changes"),
    ("events/lineage", "events"),
)


@pytest.fixture(scope="module")
def played(module_database_url: str) -> Iterator[tuple[Hub, Told]]:
    with running(Settings(database_url=module_database_url)) as hub:
        yield hub, play(hub.intake, hub.writer, world(NOW, 2, 1), lambda _: None)


@pytest.fixture
def client(played: tuple[Hub, Told]) -> TestClient:
    return TestClient(create_app(played[0]), base_url=BASE, raise_server_exceptions=False)


def get(client: TestClient, path: str) -> Any:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_everything_is_taken_but_what_is_meant_to_be_refused(played: tuple[Hub, Told]) -> None:
    told = played[1]
    assert told.new > 2_000
    assert (told.again, told.refused) == (0, 1)


@pytest.mark.parametrize(("path", "key"), LISTS, ids=[path.partition("?")[0] for path, _ in LISTS])
def test_a_list_has_something_to_show(client: TestClient, path: str, key: str) -> None:
    assert get(client, path)[key]


@pytest.mark.parametrize(("what", "address"), SIGHTS, ids=[what for what, _ in SIGHTS])
def test_a_sight_is_worth_looking_at(client: TestClient, what: str, address: str) -> None:
    found = get(client, address.removeprefix("{api}/"))
    lists = [value for value in found.values() if isinstance(value, list)]
    assert found.get("name") or any(lists), what


def test_the_run_that_hangs_runs(client: TestClient) -> None:
    run = get(client, "namespaces/af-prod/jobs/export_partners/runs?limit=1")["runs"][0]
    assert run["state"] == "RUNNING"
    assert datetime.fromisoformat(run["startedAt"]) < NOW - timedelta(hours=3)


def test_the_stale_dataset_is_stale(client: TestClient) -> None:
    dataset = get(client, f"namespaces/{DWH}/datasets/dwh.ml.stock_forecast")
    assert datetime.fromisoformat(dataset["lastModifiedAt"]) < NOW - timedelta(days=3)
    runs = get(client, "namespaces/dagster%3A%2F%2Fanalytics/jobs/stock_forecast/runs?limit=4")
    assert "COMPLETED" in {run["state"] for run in runs["runs"]}


def test_columns_are_followed_across_orchestrators(client: TestClient) -> None:
    dataset = get(client, f"namespaces/{DWH}/datasets/dwh.analytics.orders_by_customer")
    columns = {line["name"]: line["inputFields"] for line in dataset["columnLineage"]}
    assert columns["revenue"][0]["dataset"] == "dwh.core.orders"


def test_a_run_has_children_attempts_and_a_past(client: TestClient) -> None:
    runs = get(client, "namespaces/af-prod/jobs/load_warehouse/runs?limit=20")["runs"]
    run = next(each for each in runs if each["state"] == "COMPLETED")["id"]
    assert len(get(client, f"jobs/runs/{run}/children")["runs"]) == 4
    assert get(client, f"jobs/runs/{run}/attempts")["attempts"]
    assert get(client, f"jobs/runs/{run}/events")["events"]
    assert "airflowDagRun" in get(client, f"jobs/runs/{run}/facets?type=run")["facets"]


def test_what_failed_was_tried_again(client: TestClient) -> None:
    jobs = [
        f"namespaces/af-prod/jobs/{job}/runs"
        for job in ("ingest_payments.extract", "fx_rates.fetch")
    ]
    runs = [run for job in jobs for run in get(client, job)["runs"]]
    tries = [get(client, f"jobs/runs/{run['id']}/attempts")["attempts"] for run in runs]
    states = {tuple(attempt["state"] for attempt in reversed(each)) for each in tries}
    assert ("COMPLETED",) in states
    assert ("FAILED", "COMPLETED") in states


def test_a_job_that_changed_has_versions(client: TestClient) -> None:
    versions = get(client, "namespaces/af-prod/jobs/load_warehouse.merge_orders/versions")
    assert len(versions["versions"]) >= 2


def test_played_again_nothing_is_new(played: tuple[Hub, Told]) -> None:
    hub, before = played
    again = play(hub.intake, hub.writer, world(NOW, 2, 1), lambda _: None)
    assert again.new == 0
    assert again.again == before.new - 1  # the mishap that was survived is not played again


def test_played_later_it_goes_on(played: tuple[Hub, Told]) -> None:
    hub, _ = played
    later = play(hub.intake, hub.writer, world(NOW + timedelta(hours=4), 2, 1), lambda _: None)
    assert 10 < later.new < 200


class DemoProcess(HubProcess):
    """`trackside demo` instead of `trackside serve`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "--weeks", "1")
        self._command[self._command.index("serve")] = "demo"


def test_the_command_serves_what_it_says(tmp_path: Path) -> None:
    with DemoProcess(tmp_path) as hub:
        assert httpx.get(f"{hub.url}/readyz").status_code == 200
        lines = re.findall(r"curl -s '(\S+)'", hub.said)
        assert len(lines) == len(SIGHTS)
        assert all(httpx.get(line, timeout=30).status_code == 200 for line in lines)
        assert (tmp_path / "data" / "demo.db").exists()
        assert not (tmp_path / "data" / "trackside.db").exists()
