"""Gates over HTTP: pass or fail with reasons, and waiting for one to open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from hub.api.app import create_app
from hub.api.hub import Hub
from hub.store import tables as t
from tests.support.build import Build, at

API = "/api/v1"
BASE = "http://127.0.0.1:8080"
SPACE, NAME = "s3://lake", "shop/orders"
NODE = f"dataset:{SPACE}:{NAME}"
BY_NAME = f"/namespaces/{quote(SPACE, safe='')}/datasets/{quote(NAME, safe='')}/gate"


def told(
    when: datetime, *, run: int = 1, passed: bool | None = None, rows: int | None = None
) -> dict[str, Any]:
    """A run that wrote the dataset, with a check of it."""
    facets: dict[str, Any] = {}
    base = {"_producer": "https://example.org", "_schemaURL": "https://example.org/x.json"}
    if passed is not None:
        checks = [{"assertion": "not_null", "success": passed, "column": "id"}]
        facets["dataQualityAssertions"] = base | {"assertions": checks}
    output: dict[str, Any] = {"namespace": SPACE, "name": NAME, "facets": facets}
    if rows is not None:
        output["outputFacets"] = {"outputStatistics": base | {"rowCount": rows}}
    return {
        "eventType": "COMPLETE",
        "eventTime": when.isoformat(),
        "run": {"runId": f"0190a7c0-5d1e-7000-8000-{run:012x}"},
        "job": {"namespace": "etl", "name": "load"},
        "inputs": [],
        "outputs": [output],
        "producer": "https://example.org",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def send(client: TestClient, *args: Any, **options: Any) -> None:
    assert client.post(API + "/lineage", json=told(*args, **options)).status_code == 201


def gate(client: TestClient, path: str = f"/gates/{quote(NODE, safe='')}", **query: Any) -> Any:
    answer = client.get(API + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.mark.parametrize(
    "path",
    [
        f"/gates/{quote(NODE, safe='')}",
        f"/gates/{quote(f'{SPACE}:{NAME}', safe='')}",
        f"/gates/{SPACE}:{NAME}",
        f"/gates/dataset:{quote(SPACE, safe='')}:{NAME}",
        BY_NAME,
    ],
)
def test_a_dataset_is_named_as_a_node_or_by_namespace_and_name(
    client: TestClient, path: str
) -> None:
    send(client, NOW, passed=True, rows=5)
    found = gate(client, path, rows=3)
    assert found["status"] == "passed"
    assert found["dataset"] == {"namespace": SPACE, "name": NAME}
    assert [part["name"] for part in found["parts"]] == ["update", "checks", "incidents", "rows"]
    assert "1 of 1 checks passed since the update" in found["reasons"]


def test_a_failed_check_is_the_reason_until_it_passes(client: TestClient) -> None:
    send(client, NOW - timedelta(minutes=2), run=1, passed=False)
    closed = gate(client, checkSeverity="ERROR", policy=False)
    assert (closed["status"], closed["passed"]) == ("failed", False)
    assert closed["reasons"][0].startswith("check not_null of column id failed")
    assert gate(client, checks=False, incidents=False)["passed"] is True
    send(client, NOW - timedelta(minutes=1), run=2)
    assert gate(client, incidents=False)["status"] == "unknown"
    send(client, NOW, run=3, passed=True)
    assert gate(client, incidents=False)["passed"] is True
    assert gate(client, check=["not_*", "unheard"], incidents=False)["passed"] is None


def test_a_strict_gate_answers_409_so_that_curl_fails(client: TestClient) -> None:
    send(client, NOW, passed=False)
    answer = client.get(API + BY_NAME, params={"strict": True})
    assert answer.status_code == 409
    assert f"the gate of {NODE} says failed: check not_null" in answer.json()["detail"]
    query = {"strict": True, "checks": False, "incidents": False}
    assert client.get(API + BY_NAME, params=query).status_code == 200


def test_an_unknown_dataset_is_404_with_what_may_have_been_meant(client: TestClient) -> None:
    send(client, NOW)
    answer = client.get(f"{API}/gates/{quote('s3://lake:shop/order', safe='')}")
    assert answer.status_code == 404
    assert f"did you mean {NODE}?" in answer.json()["detail"]
    other = client.get(f"{API}/gates/no:where")
    assert "no event has named it yet" in other.json()["detail"]


@pytest.mark.parametrize(
    "query", [{"wait": 10_000}, {"rows": -1}, {"severity": "huge"}, {"check": "a", "checks": False}]
)
def test_what_makes_no_gate_is_refused(client: TestClient, query: dict[str, Any]) -> None:
    send(client, NOW)
    assert client.get(API + BY_NAME, params=query).status_code in {400, 422}
    assert client.get(f"{API}/gates/nonamespace").status_code == 400


def test_the_dataset_of_a_private_team_has_no_gate_for_others(
    hub: Hub, client: TestClient, make_admin: Callable[[Hub], dict[str, str]]
) -> None:
    with hub.db.writing() as connection:
        build = Build(connection)
        secret = build.dataset("secret", team=build.team("finance"))
        build.update(secret, when=0)
    assert client.get(f"{API}/gates/db:secret").status_code == 404
    assert "secret" not in client.get(f"{API}/gates/db:secre").json()["detail"]
    assert client.get(f"{API}/gates/db:secret", headers=make_admin(hub)).status_code == 200


# -- waiting -----------------------------------------------------------------------------------


def test_who_waits_hears_at_once_that_it_passes(hub: Hub, client: TestClient) -> None:
    send(client, NOW - timedelta(minutes=1), run=1, passed=False)
    other = TestClient(create_app(hub), base_url=BASE)
    with ThreadPoolExecutor() as pool:
        began = time.monotonic()
        waits = pool.submit(gate, other, wait=30, incidents=False)
        _until_somebody_waits(hub)
        send(client, NOW, run=2, passed=True)
        assert waits.result()["passed"] is True
    assert time.monotonic() - began < 25
    assert hub.metrics.gates_waiting._value.get() == 0


def test_who_waits_in_vain_gets_the_answer_as_it_is_then(client: TestClient) -> None:
    send(client, NOW, passed=False)
    began = time.monotonic()
    found = gate(client, wait=1.2)
    assert time.monotonic() - began >= 1.2
    assert found["passed"] is False


def test_what_another_replica_commits_is_noticed(hub: Hub, client: TestClient) -> None:
    """As on PostgreSQL: nothing in this process tells of the commit."""
    with hub.db.writing() as connection:
        build = Build(connection, 10_000)
        orders = build.dataset("orders")
        build.update(orders, when=0)
        held = build.incident("volume", of=orders)
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(gate, client, "/gates/db:orders", wait=30)
        _until_somebody_waits(hub)
        time.sleep(1.5)
        began = time.monotonic()
        with hub.db.writing() as connection:
            over = {"resolved_at": at(5), "state": "RESOLVED"}
            mine = t.incident.update().where(t.incident.c.id == held)
            connection.execute(mine.values(**over))
            words = {"transition": "resolved", "reason": "", "evidence": "{}", "version": 2}
            row = {"id": 77, "incident_id": held, "at": at(5), **words}
            connection.execute(insert(t.incident_transition).values(**row))
        assert waits.result()["passed"] is True
    assert time.monotonic() - began < 25


def test_a_hub_that_stops_sends_those_who_wait_home(hub: Hub, client: TestClient) -> None:
    send(client, NOW, passed=False)
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(gate, client, wait=60, incidents=False)
        _until_somebody_waits(hub)
        hub.watch.close()
        try:
            assert waits.result(timeout=10)["passed"] is False
        finally:
            hub.watch._closed = False


def test_no_thread_is_held_by_those_who_wait(hub: Hub, client: TestClient) -> None:
    send(client, NOW, passed=False)
    app = create_app(hub)
    with TestClient(app, base_url=BASE) as one_loop, ThreadPoolExecutor(60) as pool:
        gate(one_loop)
        waits = [pool.submit(gate, one_loop, wait=60, incidents=False) for _ in range(60)]
        _until_somebody_waits(hub, 60)
        threads = [each.name for each in threading.enumerate() if "asyncio" in each.name]
        assert len(threads) <= 40
        assert one_loop.get(f"{API}/datasets").status_code == 200
        assert hub.metrics.gates_waiting._value.get() == 60
        send(client, NOW + timedelta(seconds=1), run=2, passed=True)
        assert all(one.result()["passed"] for one in waits)


def _until_somebody_waits(hub: Hub, count: int = 1) -> None:
    end = time.monotonic() + 20
    while hub.metrics.gates_waiting._value.get() < count:
        assert time.monotonic() < end
        time.sleep(0.02)
