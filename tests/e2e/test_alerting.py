"""A hub that tells: from a failed run over HTTP to a message, and back from the channel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from hub.api.hub import Hub
from hub.main import running
from hub.ports import Action, WhatToDo
from hub.settings import Settings
from hub.web.app import create_site
from tests.e2e.conftest import BASE, headers_of_admin
from tests.support.recorder import WORLD
from tests.support.recording import answer, dataset, part_of, uuid


def settings(url: str) -> Settings:
    return Settings.model_validate(
        {
            "database_url": url,
            "public_url": "https://hub.example",
            "teams": [{"name": "sales", "namespaces": ["prod"], "targets": ["chat"]}],
            "targets": [
                {"name": "chat", "kind": "keyed-recorder", "team": "sales"},
                {"name": "mail", "kind": "unkeyed-recorder", "team": "sales"},
            ],
            "routes": [
                {"match": {"namespace": "prod"}, "to": ["chat"], "group_wait_s": 0},
            ],
        }
    )


@pytest.fixture(scope="module")
def telling(module_database_url: str) -> Iterator[Hub]:
    WORLD.clear()
    with running(settings(module_database_url)) as hub:
        yield hub


@pytest.fixture(scope="module")
def client(telling: Hub) -> TestClient:
    headers = headers_of_admin(telling)
    return TestClient(create_site(telling), base_url=BASE, headers=headers)


def until(found: Callable[[], Any], timeout_s: float = 20) -> Any:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.02)
    raise TimeoutError


def event(kind: str, job: str, run: int) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": uuid(run), "facets": {}},
        "job": {"namespace": "prod", "name": job, "facets": {}},
        "inputs": [],
        "outputs": [dataset("orders")],
    }


def fail(client: TestClient, job: str, run: int) -> None:
    for kind in ("START", "FAIL"):
        assert client.post("/api/v1/lineage", json=event(kind, job, run)).is_success


def shown(job: str, target: str = "chat") -> list[Any]:
    return [one for one in WORLD.places[target].sent if f":{job}:" in one.message.title]


def test_a_failed_run_is_told_within_seconds_and_its_end_too(client: TestClient) -> None:
    fail(client, "load", 1)
    (first,) = until(lambda: shown("load"))
    assert first.message.title.startswith("prod:load: run ")
    for link in first.message.links:
        page = client.get(link.url.removeprefix("https://hub.example"))
        assert (page.status_code, "load" in page.text) == (200, True), link
        assert page.headers["content-type"].startswith("text/html")
    assert [link.text for link in first.message.links] == ["Incident", "Run", "Job"]
    assert first.message.trend is not None
    assert client.post("/api/v1/lineage", json=event("COMPLETE", "load", 2)).is_success
    until(lambda: shown("load")[-1].standing == "RESOLVED")
    (one,) = client.get("/api/v1/deliveries", params={"target": "chat"}).json()["deliveries"]
    until(lambda: client.get("/api/v1/deliveries").json()["deliveries"][0]["nextAt"] is None)
    assert one["key"] == first.key
    (incident,) = client.get("/api/v1/incidents").json()["incidents"]
    told = client.get(f"/api/v1/incidents/{incident['id']}/decisions").json()["decisions"]
    assert [each["what"] for each in told][:2] == ["sent", "delivered"]


def test_of_a_run_with_parts_the_first_that_failed_says_why_and_where_to_look(
    client: TestClient,
) -> None:
    """As Airflow has it: the Dag run says nothing, and later tasks fail because of the first."""
    trace = (
        'Traceback (most recent call last):\n  File "load.py", line 88, in copy\n'
        "psycopg.OperationalError: FATAL: no free slots for postgres://etl:hunter2@dwh/db"
    )
    page = "https://airflow.example/dags/dag/runs/r1/tasks/copy?try=1"

    def of(task: str, run: int, **facets: Any) -> dict[str, Any]:
        part = event("FAIL", f"dag.{task}", run)
        part["run"]["facets"] = part_of(70, "dag") | facets
        return part

    said = {"errorMessage": {"message": trace, "programmingLanguage": "python"}}
    first = of("copy", 71, **said, **answer("FAILED", url=page))
    later = of("check", 72, errorMessage={"message": "upstream", "programmingLanguage": "python"})
    for sent in (event("START", "dag", 70), first, later, event("FAIL", "dag", 70)):
        assert client.post("/api/v1/lineage", json=sent).is_success, sent
    (told,) = until(lambda: shown("dag"))
    assert "no free slots" in told.message.error
    assert "hunter2" not in told.message.error
    assert [link.text for link in told.message.links] == [
        "Incident",
        "Run",
        "Job",
        "Run in prod",
    ]
    assert told.message.links[3].url == page
    shown_there = client.get(told.message.links[1].url.removeprefix("https://hub.example"))
    assert "no free slots" in shown_there.text
    assert client.post("/api/v1/lineage", json=event("COMPLETE", "dag", 73)).is_success
    until(lambda: shown("dag")[-1].standing == "RESOLVED")


def test_what_a_person_asks_for_in_a_channel_is_done_once(client: TestClient) -> None:
    fail(client, "etl", 10)
    first = until(lambda: shown("etl"))[0]
    asked = Action("req-1", first.key, WhatToDo.ACKNOWLEDGE, "ada", "on it")
    body = msgspec.json.encode(asked)
    refused = client.post("/api/v1/inbound/chat", content=body)
    assert refused.status_code == 401
    signed = {"X-Signature": "good"}
    assert client.post("/api/v1/inbound/chat", content=body, headers=signed).json() == {
        "incidents": 1
    }
    assert client.post("/api/v1/inbound/chat", content=body, headers=signed).json() == {
        "incidents": 0
    }
    assert client.post("/api/v1/inbound/nobody", content=body, headers=signed).status_code == 404
    (incident,) = client.get("/api/v1/incidents", params={"open": True}).json()["incidents"]
    told = client.get(f"/api/v1/incidents/{incident['id']}").json()
    assert (told["state"], told["history"][-1]["by"]) == ("ACKNOWLEDGED", "ada (chat)")
    until(lambda: shown("etl")[-1].standing == "ACKNOWLEDGED")
    silence = Action("req-2", first.key, WhatToDo.SILENCE, "ada")
    client.post("/api/v1/inbound/chat", content=msgspec.json.encode(silence), headers=signed)
    (made,) = client.get("/api/v1/silences").json()["silences"]
    assert made["match"] == {"rule": "failed-run", "namespace": "prod", "job": "etl"}
    over = Action("req-3", first.key, WhatToDo.RESOLVE, "ada", "done")
    client.post("/api/v1/inbound/chat", content=msgspec.json.encode(over), headers=signed)
    until(lambda: shown("etl")[-1].standing == "RESOLVED")


def test_a_silence_is_made_seen_and_ended_over_the_api(client: TestClient) -> None:
    ends = datetime.now(UTC) + timedelta(hours=1)
    asked = {"match": {"job": "quiet-*"}, "endsAt": ends.isoformat(), "why": "deploy"}
    made = client.post("/api/v1/silences", json=asked)
    assert made.status_code == 201
    fail(client, "quiet-one", 20)
    incident = until(
        lambda: client.get("/api/v1/incidents", params={"text": "quiet-one"}).json()["incidents"]
    )[0]
    told = until(
        lambda: client.get(f"/api/v1/incidents/{incident['id']}/decisions").json()["decisions"]
    )
    assert (told[0]["what"], shown("quiet-one")) == ("muted", [])
    assert client.delete(f"/api/v1/silences/{made.json()['id']}").json()["active"] is False
    until(lambda: shown("quiet-one"))
    wrong = client.post("/api/v1/silences", json={**asked, "match": {"color": "red"}})
    assert (wrong.status_code, "matchers: team" in wrong.json()["detail"]) == (400, True)
    assert client.post("/api/v1/silences", json={**asked, "match": {}}).status_code == 400


def test_targets_are_listed_and_tried(client: TestClient) -> None:
    names = [one["name"] for one in client.get("/api/v1/targets").json()["targets"]]
    assert names == ["chat", "mail"]
    assert client.post("/api/v1/targets/mail/test").json() == {"findings": [], "error": None}
    assert [str(one.standing) for one in WORLD.places["mail"].sent] == ["OPEN", "RESOLVED"]
    assert client.post("/api/v1/targets/pigeon/test").status_code == 404


def test_who_would_hear_is_told_with_reasons(client: TestClient) -> None:
    fail(client, "why", 30)
    told = until(
        lambda: client.get("/api/v1/routes/test", params={"nodeId": "job:prod:why"}).json()
    )
    assert told["targets"] == ["chat"]
    assert told["why"][-1] == "  chat: hears"
