"""Targets, routes and what teams hear by are declared over the API while a hub runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub import tokens
from hub.access import Scope
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.access import NewToken
from hub.telling import desk_of
from tests.e2e.conftest import BASE, headers_of_admin
from tests.support.recorder import WORLD
from tests.support.recording import dataset, uuid

PARTS = "/api/v1/alerting/parts"
CHAT = {"kind": "keyed-recorder", "team": "sales"}
HOOK = {"kind": "webhook", "team": "sales",
        "settings": {"url": "env:SALES_HOOK", "secrets": ["env:SALES_KEY"]}}  # fmt: skip
FILE = {
    "teams": [
        {"name": "sales", "namespaces": ["prod"], "secrets": ["env:SALES_*"]},
        {"name": "ops", "targets": ["pager"]},
    ],
    "targets": [{"name": "pager", "kind": "keyed-recorder", "team": "ops"}],
    "routes": [{"name": "alarms", "match": {"tag": "alarm"}, "to": ["pager"]}],
}


@pytest.fixture(scope="module")
def telling(module_database_url: str) -> Iterator[Hub]:
    WORLD.clear()
    settings = Settings.model_validate(FILE | {"database_url": module_database_url})
    with running(settings) as hub:
        yield hub


@pytest.fixture(scope="module")
def app(telling: Hub) -> TestClient:
    return TestClient(create_app(telling), base_url=BASE, headers=headers_of_admin(telling))


@pytest.fixture(scope="module")
def member(app: TestClient, telling: Hub) -> TestClient:
    """Of the team sales, with the scope operate."""
    wanted = NewToken("ann", (Scope.OPERATE, Scope.READ), team="sales", namespaces=("prod",))
    made = telling.writer.call(
        lambda it: tokens.issue(it, wanted, actor="test", now=datetime.now(UTC))
    )
    headers = {"Authorization": f"Bearer {made.text}"}
    telling.authenticator.forget()
    return TestClient(app.app, base_url=BASE, headers=headers)


@pytest.fixture
def client(app: TestClient) -> Iterator[TestClient]:
    """To a hub that knows a job called early."""
    tell(app, "COMPLETE", "early", 100)
    yield app
    for part in ("routes", "teams", "targets"):
        for one in app.get(PARTS, params={"part": part}).json()["parts"]:
            if one["managedBy"] is None:
                assert app.delete(f"{PARTS}/{part}/{one['name']}").status_code == 204


def put(client: TestClient, path: str, told: dict[str, Any], **more: Any) -> Any:
    return client.put(f"{PARTS}/{path}", json={"told": told, **more})


def until(found: Callable[[], Any], timeout_s: float = 60) -> Any:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise TimeoutError


def tell(client: TestClient, kind: str, job: str, run: int) -> None:
    event = {
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": uuid(run), "facets": {}},
        "job": {"namespace": "prod", "name": job, "facets": {}},
        "inputs": [],
        "outputs": [dataset("orders")],
    }
    assert client.post("/api/v1/lineage", json=event).is_success


def test_what_is_declared_is_told_of_what_was_open_already(client: TestClient) -> None:
    tell(client, "FAIL", "early", 1)
    assert put(client, "targets/chat", CHAT).status_code == 200
    assert put(client, "routes/all", {"to": ["chat"], "group_wait_s": 0}).status_code == 200
    until(lambda: any(":early: " in one.message.title for one in WORLD.places["chat"].sent))


def test_a_teams_members_declare_what_it_hears_by_and_nothing_else(
    client: TestClient, member: TestClient
) -> None:
    assert put(member, "targets/chat", CHAT).status_code == 200
    assert put(member, "teams/sales", {"targets": ["chat"]}).status_code == 200
    why = client.get("/api/v1/routes/test", params={"nodeId": "job:prod:early"}).json()
    assert why["targets"] == ["chat"] or "chat: hears" in " ".join(why["why"])
    for path, told in (
        ("targets/other", {"kind": "keyed-recorder", "team": "ops"}),
        ("targets/other", {"kind": "keyed-recorder"}),
        ("teams/ops", {"targets": ["chat"]}),
        ("routes/mine", {"to": ["chat"]}),
    ):
        refused = put(member, path, told)
        assert refused.status_code == 403, path
        assert "only targets with its own team" in refused.json()["detail"]
    assert put(client, "targets/ours", {"kind": "keyed-recorder", "team": "ops"}).is_success
    assert put(member, "targets/ours", CHAT).status_code == 403  # it would take it from ops
    seen = {one["name"] for one in member.get(PARTS).json()["parts"]}
    assert seen == {"chat", "sales"}


@pytest.mark.parametrize(
    ("path", "told", "wrong"),
    [
        ("targets/x", {"kind": "pigeon"}, "target 'x': target 'x' (pigeon): "),
        ("targets/x", {"kind": "webhook", "settings": {}}, "target 'x' (webhook): url: "),
        ("targets/x", CHAT | {"sort": 1}, "sort: no such setting"),
        ("routes/x", {"to": ["nobody"]}, "there is no target 'nobody'; declared: pager"),
        ("routes/x", {"match": {"colour": "red"}}, "match.colour: no such setting"),
        ("teams/sales", {"targets": ["nobody"]}, "team 'sales' names the target 'nobody'"),
        ("teams/sales", {"hears": []}, "hears: no such setting"),
        ("teams/sales", {"digest": {"at": "late"}}, "digest.at"),
    ],
)
def test_what_is_wrong_is_refused_with_the_field(
    client: TestClient, path: str, told: dict[str, Any], wrong: str
) -> None:
    refused = put(client, path, told)
    assert refused.status_code == 422
    assert wrong in refused.json()["detail"]


def test_a_secret_must_be_declared_for_the_team_and_never_be_pasted(client: TestClient) -> None:
    assert put(client, "targets/hook", HOOK).status_code == 200
    other = {"kind": "webhook", "team": "sales",
             "settings": {"url": "env:TRACKSIDE_DATABASE_URL", "secrets": ["env:SALES_KEY"]}}  # fmt: skip
    refused = put(client, "targets/hook", other)
    assert refused.status_code == 403
    assert "env:TRACKSIDE_DATABASE_URL was not declared for this team" in refused.json()["detail"]
    assert put(client, "targets/hook", HOOK | {"team": "ops"}).status_code == 403
    pasted = {"url": "https://example.org/hooks/GeHeIm", "secrets": ["env:SALES_KEY"]}
    refused = put(client, "targets/hook", HOOK | {"settings": pasted})
    assert refused.status_code == 422
    assert "GeHeIm" not in refused.text


def test_what_the_file_manages_is_read_only_and_says_so(client: TestClient) -> None:
    told = client.get(PARTS).json()
    assert told["problem"] is None
    of_file = {(p["part"], p["name"]) for p in told["parts"] if p["managedBy"] == "trackside.yaml"}
    assert of_file == {("targets", "pager"), ("routes", "alarms"), ("teams", "ops")}
    for path, part in (("targets/pager", CHAT), ("routes/alarms", {}), ("teams/ops", {})):
        refused = put(client, path, part)
        assert refused.status_code == 409
        assert "is managed by trackside.yaml; change it there" in refused.json()["detail"]
    assert client.delete(f"{PARTS}/targets/pager").status_code == 404


def test_what_something_names_can_not_be_taken_back(client: TestClient) -> None:
    put(client, "targets/chat", CHAT)
    put(client, "routes/gold", {"to": ["chat"]})
    refused = client.delete(f"{PARTS}/targets/chat")
    assert refused.status_code == 422
    assert "there is no target 'chat'" in refused.json()["detail"]
    assert [
        one["name"] for one in client.get(PARTS, params={"part": "routes"}).json()["parts"]
    ] == [
        "alarms",
        "gold",
    ]


def test_routes_are_looked_at_by_their_place_after_the_files(client: TestClient) -> None:
    put(client, "targets/chat", CHAT)
    put(client, "routes/late", {"to": ["chat"]}, place=20)
    put(client, "routes/early", {"match": {"severity": "critical"}, "to": ["chat"]}, place=10)
    why = client.get("/api/v1/routes/test", params={"nodeId": "job:prod:early"}).json()["why"]
    told = [line.split()[1] for line in why if line.startswith("route ")]
    assert told == ["alarms", "early", "late"]


def test_every_replica_follows(client: TestClient, telling: Hub) -> None:
    with closing(desk_of(telling.settings, telling.db, telling.writer, telling.metrics)) as other:
        assert {one.name for one in other.targets()} == {"pager"}
        put(client, "targets/chat", CHAT)
        other.refresh()
        assert {one.name for one in other.targets()} == {"pager", "chat"}
        client.delete(f"{PARTS}/targets/chat")
        other.refresh()
        assert {one.name for one in other.targets()} == {"pager"}


def test_a_file_that_no_longer_fits_leaves_the_hub_with_the_file_alone(
    client: TestClient, telling: Hub
) -> None:
    put(client, "routes/gold", {"to": ["pager"]})
    file = Settings.model_validate({"database_url": telling.settings.database_url})
    with closing(desk_of(file, telling.db, telling.writer, telling.metrics)) as other:
        assert other.targets() == []
        assert "there is no target 'pager'" in str(other.problem())


def test_who_did_what_is_in_the_audit(client: TestClient) -> None:
    put(client, "targets/chat", CHAT)
    client.delete(f"{PARTS}/targets/chat")
    told = [one["action"] for one in client.get("/api/v1/audit").json()["actions"]]
    assert "target_declared" in told
    assert "target_taken_back" in told
