"""What Marquez's clients and web UI change: tags, hiding, and calls that become lineage events."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from hub.api.hub import Hub
from tests.support.build import Build

API = "/api/v1"
DATASET = f"{API}/namespaces/db/datasets/orders"
JOB = f"{API}/namespaces/ns/jobs/load"


@pytest.fixture
def world(hub: Hub) -> Build:
    with hub.db.writing() as connection:
        build = Build(connection, first_id=1_000_000)
        orders = build.dataset("orders", fields=[["id", "INT", None]])
        build.reads(build.job("load"), orders)
        return build


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_namespace_is_made_changed_and_shown(operator: TestClient) -> None:
    body = {"ownerName": "ann", "description": "ours"}
    made = ok(operator.put(f"{API}/namespaces/my%2Fns", json=body))
    assert (made["name"], made["ownerName"], made["isHidden"]) == ("my/ns", "ann", False)
    ok(operator.put(f"{API}/namespaces/my%2Fns", json={"ownerName": "bob"}))
    assert ok(operator.get(f"{API}/namespaces/my%2Fns"))["ownerName"] == "bob"
    assert operator.put(f"{API}/namespaces/x", json={}).status_code == 422


def test_a_source_is_made_and_listed(operator: TestClient) -> None:
    body = {"type": "POSTGRESQL", "connectionUrl": "jdbc:postgresql://db/x"}
    made = ok(operator.put(f"{API}/sources/pg", json=body))
    assert set(made) == {"type", "name", "createdAt", "updatedAt", "connectionUrl", "description"}
    assert ok(operator.get(f"{API}/sources"))["sources"] == [made]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("postgresql://app:hunter2@db:5432/x", "postgresql://app:***@db:5432/x"),
        ("jdbc:postgresql://db/x?user=app&password=hunter2", "jdbc:postgresql://db/x?user=app&"),
        ("jdbc:sqlserver://db:1433;user=app;password=hunter2", "jdbc:sqlserver://db:1433;user=app"),
    ],
)
def test_a_sources_password_is_not_kept(operator: TestClient, url: str, kept: str) -> None:
    body = {"type": "POSTGRESQL", "connectionUrl": url, "description": f"see {url}"}
    ok(operator.put(f"{API}/sources/pg", json=body))
    shown = ok(operator.get(f"{API}/sources/pg"))
    assert shown["connectionUrl"].startswith(kept)
    assert "hunter2" not in str(shown)


def test_a_secret_in_a_namespaces_description_is_not_kept(operator: TestClient) -> None:
    body = {"ownerName": "ann", "description": "at https://app:hunter2@host/"}
    shown = ok(operator.put(f"{API}/namespaces/n", json=body))
    assert shown["description"] == "at https://app:***@host/"


def test_tags_are_put_on_and_taken_off_and_the_object_is_answered(
    operator: TestClient, world: Build
) -> None:
    ok(operator.put(f"{API}/tags/gold", json={"description": "the best"}))
    assert ok(operator.post(f"{DATASET}/tags/gold"))["tags"] == ["gold"]
    tagged = ok(operator.post(f"{DATASET}/fields/id/tags/pii"))
    assert tagged["fields"][0]["tags"] == ["PII"]
    assert ok(operator.post(f"{JOB}/tags/nightly"))["tags"] == ["nightly"]
    names = [tag["name"] for tag in ok(operator.get(f"{API}/tags"))["tags"]]
    assert names == sorted(["PII", "gold", "nightly"])
    found = ok(operator.get(f"{API}/search", params={"q": "night"}))["results"]
    assert [(hit["name"], hit["foundIn"]) for hit in found] == [("load", ["tag"])]
    assert ok(operator.delete(f"{DATASET}/tags/gold"))["tags"] == []
    assert ok(operator.delete(f"{DATASET}/fields/id/tags/PII"))["fields"][0]["tags"] == []
    assert ok(operator.delete(f"{JOB}/tags/nightly"))["tags"] == []
    assert ok(operator.get(f"{API}/search", params={"q": "nightly"}))["results"] == []
    assert operator.post(f"{DATASET}/fields/nope/tags/x").status_code == 404


def test_what_is_hidden_comes_back_with_its_next_event(operator: TestClient) -> None:
    job = {"namespace": "ns", "name": "load"}
    event = {
        "eventTime": "2026-11-02T06:00:00Z",
        "producer": "https://x",
        "eventType": "START",
        "run": {"runId": str(uuid4())},
        "job": job,
    }
    assert operator.post(f"{API}/lineage", json=event).status_code == 201
    assert ok(operator.delete(JOB))["name"] == "load"
    assert operator.get(JOB).status_code == 404
    assert ok(operator.get(f"{API}/jobs"))["totalCount"] == 0
    event |= {"eventTime": "2026-11-02T06:05:00Z", "eventType": "COMPLETE"}
    assert operator.post(f"{API}/lineage", json=event).status_code == 201
    assert ok(operator.get(JOB))["latestRun"]["state"] == "COMPLETED"


def test_a_hidden_namespace_hides_what_is_in_it(operator: TestClient, world: Build) -> None:
    assert ok(operator.delete(f"{API}/namespaces/db"))["isHidden"] is True
    assert operator.get(DATASET).status_code == 404
    assert ok(operator.get(f"{API}/namespaces/db/datasets"))["datasets"] == []
    assert operator.get(JOB).status_code == 200


def test_a_dataset_that_is_put_is_shown_with_its_columns_and_tags(operator: TestClient) -> None:
    body = {
        "type": "DB_TABLE",
        "physicalName": "public.orders",
        "sourceName": "pg",
        "description": "all of them",
        "tags": ["gold"],
        "fields": [{"name": "id", "type": "INT", "tags": ["PII"]}, {"name": "total"}],
    }
    shown = ok(operator.put(DATASET, json=body))
    assert (shown["description"], shown["sourceName"]) == ("all of them", "pg")
    assert [field["name"] for field in shown["fields"]] == ["id", "total"]
    assert shown["tags"] == ["gold"]
    assert shown["fields"][0]["tags"] == ["PII"]
    assert operator.put(DATASET, json={"type": "VIEW"}).status_code == 422


def test_a_job_is_put_run_and_marked(operator: TestClient) -> None:
    body = {
        "type": "BATCH",
        "location": "https://git/x",
        "description": "loads",
        "inputs": [{"namespace": "db", "name": "raw"}],
        "outputs": [{"namespace": "db", "name": "orders"}],
    }
    job = ok(operator.put(JOB, json=body))
    assert (job["description"], job["location"]) == ("loads", "https://git/x")
    assert job["inputs"] == body["inputs"]
    run_id = str(uuid4())
    asked = {"id": run_id, "nominalStartTime": "2026-11-02T06:00:00.000Z", "args": {"a": "b"}}
    run = ok(operator.post(f"{JOB}/runs", json=asked), 201)
    assert (run["id"], run["state"]) == (run_id, "NEW")
    assert run["nominalStartTime"] == "2026-11-02T06:00:00Z"
    marks = f"{API}/jobs/runs/{run_id}"
    started = ok(operator.post(f"{marks}/start", params={"at": "2026-11-02T06:00:01.000Z"}))
    assert (started["state"], started["startedAt"]) == ("RUNNING", "2026-11-02T06:00:01Z")
    ended = ok(operator.post(f"{marks}/complete", params={"at": "2026-11-02T06:00:03Z"}))
    assert (ended["state"], ended["durationMs"]) == ("COMPLETED", 2000)
    assert operator.post(f"{marks}/explode").status_code == 422
    assert operator.post(f"{API}/jobs/runs/{uuid4()}/start").status_code == 404


def test_a_dataset_put_with_a_run_is_an_output_of_it(operator: TestClient) -> None:
    ok(operator.put(JOB, json={"type": "BATCH"}))
    run_id = ok(operator.post(f"{JOB}/runs", json={}), 201)["id"]
    ok(operator.post(f"{API}/jobs/runs/{run_id}/start"))
    body = {"type": "DB_TABLE", "sourceName": "pg", "runId": run_id}
    ok(operator.put(DATASET, json=body))
    done = ok(operator.post(f"{API}/jobs/runs/{run_id}/complete"))
    (output,) = done["outputDatasetVersions"]
    assert output["datasetVersionId"]["name"] == "orders"
    (version,) = ok(operator.get(f"{DATASET}/versions"))["versions"]
    assert version["createdByRun"]["id"] == run_id
    assert ok(operator.get(f"{DATASET}/versions/{version['version']}")) == version


def test_without_a_token_an_open_hub_lets_nobody_change_things(
    client: TestClient, world: Build
) -> None:
    for answer in (
        client.post(f"{DATASET}/tags/gold"),
        client.delete(JOB),
        client.put(f"{API}/namespaces/x", json={"ownerName": "me"}),
        client.put(f"{API}/tags/x", json={}),
        client.get(f"{API}/dead-letters"),
    ):
        assert answer.status_code == 401


def test_a_name_too_long_for_an_index_is_refused_in_time(
    operator: TestClient, world: Build
) -> None:
    # What doesn't compress: a key of PostgreSQL's indexes holds 2,704 bytes.
    name = "".join(chr(0x4E00 + 7919 * i % 20_000) for i in range(400))
    for path, body in (
        (f"namespaces/{name}", {"ownerName": "ann"}),
        (f"sources/{name}", {"type": "X", "connectionUrl": "x://y"}),
        (f"tags/{name}", {}),
    ):
        assert operator.put(f"{API}/{path}", json=body).status_code == 422
    assert operator.post(f"{JOB}/tags/{name}").status_code == 422
    assert operator.get(f"{API}/namespaces/{name}").status_code == 404


def test_changes_are_noted_in_the_audit_log(operator: TestClient, world: Build) -> None:
    ok(operator.post(f"{JOB}/tags/nightly"))
    ok(operator.delete(JOB))
    actions = [each["action"] for each in ok(operator.get(f"{API}/audit"))["actions"]]
    assert actions[:2] == ["job_hidden", "job_tagged"]
