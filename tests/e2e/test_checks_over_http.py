"""Results of checks over HTTP: of one's own, and the documents of tools."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from hub.access import Scope
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.api.shell import DOORS
from hub.quality.base import tools
from hub.store import tables as t
from hub.store.access import NewToken
from tests.e2e.conftest import BASE

API = "/api/v1"
FILES = Path(__file__).parents[1] / "answers" / "quality"
ORDERS = {"namespace": "s3://lake", "name": "shop/orders"}

Json = dict[str, Any]


def check(**more: Any) -> Json:
    return {"dataset": ORDERS, "name": "totals", "status": "failed", "at": _ago(1)} | more


def _ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def written(client: TestClient, run: int = 1, partition: str = "") -> None:
    """The dataset (partition), two hours ago."""
    parts = [{"identifier": partition, "dimensions": {}}]
    facet = {"outputCondition": {"type": "partition", "partitions": parts}}
    event = {
        "eventType": "COMPLETE",
        "eventTime": _ago(2),
        "producer": "https://example.org",
        "run": {"runId": f"0190a7c0-5d1e-7000-8000-{run:012x}"},
        "job": {"namespace": "etl", "name": "load"},
        "outputs": [ORDERS | ({"outputFacets": {"subset": facet}} if partition else {})],
    }
    assert client.post(f"{API}/lineage", json=event).status_code == 201


def gate(client: TestClient, name: Json = ORDERS, **query: Any) -> Json:
    """By its checks: when an incident of one opens or is over is another matter."""
    query |= {"incidents": False}
    node = quote(f"{name['namespace']}:{name['name']}", safe="")
    found: Json = client.get(f"{API}/gates/{node}", params=query).json()
    return found


def document(name: str) -> bytes:
    return (FILES / name).read_bytes()


def artifacts() -> Json:
    parts = ("manifest", "run_results", "sources")
    return {part: json.loads(document(f"dbt_{part}.json")) for part in parts}


def letters(hub: Hub) -> list[Any]:
    with hub.db.reading() as connection:
        return [*connection.execute(select(t.dead_letter.c.door, t.dead_letter.c.path))]


def events(hub: Hub) -> int:
    with hub.db.reading() as connection:
        return int(connection.scalar(select(func.count()).select_from(t.lineage_event)) or 0)


# -- checks of one's own -----------------------------------------------------------------------


def test_a_check_closes_the_gate_and_the_next_one_opens_it(client: TestClient) -> None:
    written(client)
    told = check(column="amount", expected=">= 1000", actual=12)
    answer = client.post(f"{API}/checks", json=told)
    assert (answer.status_code, answer.json()) == (201, {"events": 1, "checks": 1, "failed": 1})
    found = gate(client)
    assert found["status"] == "failed"
    assert "check totals of column amount failed: 12 found, >= 1000 expected" in str(found)
    mended = check(column="amount", status="passed", at=_ago(0.5))
    assert client.post(f"{API}/checks", json=[mended]).json()["failed"] == 0
    assert gate(client)["status"] == "passed"


def test_the_same_check_twice_is_recorded_once(client: TestClient, hub: Hub) -> None:
    told = check()
    assert client.post(f"{API}/checks", json=told).status_code == 201
    before = events(hub)
    assert client.post(f"{API}/checks", json=told).status_code == 200
    assert events(hub) == before


def test_a_partition_is_judged_by_its_own_checks(client: TestClient) -> None:
    for number, day in ((1, "2026-11-28"), (2, "2026-11-29")):
        written(client, number, day)
    told = [check(partition="2026-11-28"), check(partition="2026-11-29", status="passed")]
    assert client.post(f"{API}/checks", json=told).json()["checks"] == 2
    found = {part: gate(client, partition=part)["status"] for part in ("2026-11-28", "2026-11-29")}
    assert found == {"2026-11-28": "failed", "2026-11-29": "passed"}


def test_a_mistake_is_answered_with_its_path_and_kept(client: TestClient, hub: Hub) -> None:
    answer = client.post(f"{API}/checks", json=[check(), check(status="red")])
    assert answer.status_code == 400
    assert answer.json()["path"] == "$[1].status"
    assert answer.json()["expected"] == "one of passed, failed, skipped"
    assert letters(hub) == [("checks", "$[1].status")]
    assert events(hub) == 0


def test_a_letter_with_a_check_is_replayed_as_one(operator: TestClient, hub: Hub) -> None:
    operator.post(f"{API}/checks", json=check(status="red"))
    (letter,) = operator.get(f"{API}/dead-letters").json()["deadLetters"]
    answer = operator.post(f"{API}/dead-letters/{letter['id']}/replay")
    assert "$.status" in answer.text
    assert len(letters(hub)) == 1


# -- documents of tools ------------------------------------------------------------------------


def test_every_tool_has_a_door() -> None:
    assert {f"{API}/checks/{name}" for name in tools} < DOORS


def test_the_artifacts_of_dbt(client: TestClient) -> None:
    body = gzip.compress(json.dumps(artifacts()).encode())
    answer = client.post(
        f"{API}/checks/dbt",
        params={"namespace": "duckdb://shop.duckdb"},
        content=body,
        headers={"Content-Encoding": "gzip"},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"events": 20, "checks": 7, "failed": 2}
    name = {"namespace": "duckdb://shop.duckdb", "name": "shop.main.orders"}
    assert "not_null_orders_customer_id" in str(gate(client, name))
    job = client.get(f"{API}/namespaces/dbt/jobs/shop.main.shop.orders.build.run").json()
    assert job["latestRun"]["state"] == "COMPLETED"
    source = {"namespace": "duckdb://shop.duckdb", "name": "shop.main.events"}
    assert "by its policy (at most 1 d old)" in str(gate(client, source))


@pytest.mark.parametrize(
    ("tool", "file", "table"),
    [
        ("great-expectations", "great_expectations_1_checkpoint.json", "orders"),
        ("great-expectations", "great_expectations_018_checkpoint.json", "orders"),
        ("soda", "soda_scan.json", "orders"),
    ],
)
def test_results_of_the_others(client: TestClient, tool: str, file: str, table: str) -> None:
    query = {"namespace": "db", "dataset": "shop.{table}", "jobNamespace": "nightly"}
    answer = client.post(f"{API}/checks/{tool}", params=query, content=document(file))
    assert answer.status_code == 201, answer.text
    assert answer.json()["failed"] > 0
    again = client.post(f"{API}/checks/{tool}", params=query, content=document(file))
    assert (again.status_code, again.json()) == (200, answer.json())
    found = client.get(f"{API}/namespaces/db/datasets/shop.{table}")
    assert found.status_code == 200, found.text
    assert client.get(f"{API}/namespaces/nightly/jobs").json()["totalCount"] == 1


def test_a_document_with_a_mistake_is_refused_whole(client: TestClient, hub: Hub) -> None:
    told = artifacts()
    del told["run_results"]["results"][7]["status"]
    answer = client.post(f"{API}/checks/dbt", params={"namespace": "x"}, json=told)
    assert (answer.status_code, answer.json()["path"]) == (400, "$.run_results.results[7].status")
    assert events(hub) == 0
    assert letters(hub) == []


def test_what_the_document_does_not_say_is_asked_for(client: TestClient) -> None:
    answer = client.post(f"{API}/checks/soda", content=document("soda_scan.json"))
    assert (answer.status_code, answer.json()["path"]) == (400, "namespace")
    query = {"namespace": "db", "updates": "perhaps"}
    answer = client.post(f"{API}/checks/soda", params=query, content=document("soda_scan.json"))
    assert (answer.status_code, answer.json()["path"]) == (400, "updates")


def test_a_tool_that_is_not_known_has_no_door(client: TestClient) -> None:
    assert client.post(f"{API}/checks/other", json={}).status_code == 404


# -- who may -----------------------------------------------------------------------------------


@pytest.fixture
def holder(hub: Hub) -> Any:
    from hub import tokens

    def made(*scopes: Scope, namespaces: tuple[str, ...] = ("*",)) -> TestClient:
        wanted = NewToken(name=f"t{len(scopes)}", scopes=scopes, namespaces=namespaces)
        issued = hub.writer.call(
            lambda c: tokens.issue(c, wanted, actor="test", now=datetime.now(UTC))
        )
        hub.authenticator.forget()
        headers = {"Authorization": f"Bearer {issued.text}"}
        return TestClient(create_app(hub), base_url=BASE, headers=headers)

    return made


def test_reading_is_not_enough(holder: Any) -> None:
    reader = holder(Scope.READ)
    for path in ("/checks", "/checks/soda"):
        assert reader.post(f"{API}{path}", json=check()).status_code == 403


def test_a_check_of_one_s_own_takes_the_right_to_its_dataset(holder: Any, hub: Hub) -> None:
    sender = holder(Scope.INGEST, namespaces=("mine",))
    assert sender.post(f"{API}/checks", json=check()).status_code == 403
    assert events(hub) == 0
    mine = check(dataset={"namespace": "mine", "name": "x"})
    assert sender.post(f"{API}/checks", json=mine).status_code == 201
    assert sender.post(f"{API}/checks", json=[mine, check()]).status_code == 403


def test_a_document_takes_the_right_to_its_jobs(holder: Any, hub: Hub) -> None:
    sender = holder(Scope.INGEST, namespaces=("mine",))
    query = {"namespace": "db"}
    told = document("soda_scan.json")
    assert sender.post(f"{API}/checks/soda", params=query, content=told).status_code == 403
    assert events(hub) == 0
    query["jobNamespace"] = "mine"
    assert sender.post(f"{API}/checks/soda", params=query, content=told).status_code == 201


def test_secrets_in_what_was_found_are_not_kept(client: TestClient, hub: Hub) -> None:
    told = check(actual="postgresql://ann:hunter2@dwh/x is away")
    assert client.post(f"{API}/checks", json=told).status_code == 201
    with hub.db.reading() as connection:
        assert "hunter2" not in str(connection.scalar(select(t.check_result.c.actual)))
