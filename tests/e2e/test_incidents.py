"""Incidents over HTTP: lineage events in, the hub's own loop, what people say to it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.api.hub import Hub
from tests.e2e.conftest import headers_of_admin
from tests.support.recording import run_event

API = "/api/v1"


@pytest.fixture
def incident(hub: Hub, client: TestClient) -> dict[str, Any]:
    """The incident of a run that was sent as failed."""
    for event in (run_event("START", 0), run_event("FAIL", 1)):
        assert client.post(f"{API}/lineage", json=event).status_code == 201
    return until_there(client)


def until_there(client: TestClient, timeout_s: float = 30) -> dict[str, Any]:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = client.get(f"{API}/incidents").json()["incidents"]
        if found:
            (one,) = found
            return dict(one)
        time.sleep(0.1)
    raise TimeoutError("no incident")


def test_a_failed_run_is_an_incident_with_its_history(
    client: TestClient, incident: dict[str, Any]
) -> None:
    assert incident["job"] == {"namespace": "prod", "name": "load"}
    assert (incident["rule"], incident["state"], incident["severity"]) == (
        "failed-run",
        "OPEN",
        "error",
    )
    whole = client.get(f"{API}/incidents/{incident['id']}").json()
    assert [one["transition"] for one in whole["history"]] == ["opened"]
    impact = whole["impact"]
    assert (impact["jobs"], impact["datasets"], impact["truncated"]) == ([], [], False)


def test_incidents_are_found_by_what_they_are(client: TestClient, incident: dict[str, Any]) -> None:
    def count(**asked: Any) -> int:
        answer = client.get(f"{API}/incidents", params=asked)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["incidents"])

    assert count(open=True, roots=True, rule="failed-run", nodeId="job:prod:load") == 1
    assert count(open=False) == 0
    assert count(rule="overrun") == 0
    assert count(team="nobody") == 0
    assert client.get(f"{API}/incidents", params={"nodeId": "job:prod:no"}).status_code == 404
    assert client.get(f"{API}/incidents", params={"nodeId": "run:x"}).status_code in (400, 422)


def test_who_may_operate_acknowledges_and_is_named(
    hub: Hub, client: TestClient, incident: dict[str, Any]
) -> None:
    path = f"{API}/incidents/{incident['id']}/acknowledge"
    assert client.post(path).status_code in (401, 403)
    by = headers_of_admin(hub)
    answer = client.post(path, json={"reason": "I look"}, headers=by)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "ACKNOWLEDGED"
    last = answer.json()["history"][-1]
    assert (last["by"], last["reason"]) == ("admin", "I look")
    again = client.post(path, headers=by)
    assert again.status_code == 200
    assert again.json()["history"] == answer.json()["history"]


def test_what_is_expected_is_over_and_opens_no_more(
    hub: Hub, client: TestClient, incident: dict[str, Any]
) -> None:
    path = f"{API}/incidents/{incident['id']}/expected"
    by = headers_of_admin(hub)
    answer = client.post(path, headers=by)
    assert (answer.json()["state"], answer.json()["resolution"]) == ("RESOLVED", "expected")
    again = client.post(path, headers=by)
    assert again.status_code == 200
    assert again.json()["history"] == answer.json()["history"]
    late = client.post(path.replace("expected", "acknowledge"), headers=by)
    assert late.status_code == 409
    assert "it is over since" in late.json()["detail"]


def test_an_incident_that_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get(f"{API}/incidents/99").status_code == 404


def test_the_rules_in_force_are_shown(client: TestClient) -> None:
    rules = client.get(f"{API}/rules").json()["rules"]
    assert {"failed-run", "overrun", "freshness"} <= {rule["name"] for rule in rules}
