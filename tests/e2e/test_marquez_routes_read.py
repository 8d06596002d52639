"""The read routes as Marquez's clients and web UI expect them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from hub.api.hub import Hub
from tests.support.build import Build, uuid_of

JOB_KEYS = {
    "id",
    "type",
    "name",
    "simpleName",
    "parentJobName",
    "parentJobUuid",
    "createdAt",
    "updatedAt",
    "namespace",
    "inputs",
    "outputs",
    "location",
    "description",
    "latestRun",
    "latestRuns",
    "facets",
    "currentVersion",
    "labels",
    "tags",
}
RUN_KEYS = {
    "id",
    "createdAt",
    "updatedAt",
    "nominalStartTime",
    "nominalEndTime",
    "state",
    "startedAt",
    "endedAt",
    "durationMs",
    "args",
    "jobVersion",
    "inputDatasetVersions",
    "outputDatasetVersions",
    "facets",
}
DATASET_KEYS = {
    "id",
    "type",
    "name",
    "physicalName",
    "createdAt",
    "updatedAt",
    "namespace",
    "sourceName",
    "fields",
    "tags",
    "lastModifiedAt",
    "lastLifecycleState",
    "description",
    "currentVersion",
    "columnLineage",
    "facets",
    "deleted",
}


@pytest.fixture
def world(hub: Hub) -> Build:
    with hub.db.writing() as connection:
        build = Build(connection)
        raw = build.dataset("a/raw.csv", "s3://lake", fields=[["id", "INT", None]])
        mart = build.dataset("public.mart", "postgres://db:5432")
        job = build.job("etl/load it", "my/ns")
        build.reads(job, raw)
        build.writes(job, mart)
        run = build.run(job, end=5, uuid=uuid_of(1))
        build.event({"run": {"facets": {"nominalTime": {"x": 1}}}}, run_id=run, when=1)
        return build


def get(client: TestClient, path: str, **params: Any) -> Any:
    answer = client.get("/api/v1" + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_namespaces_are_never_none(client: TestClient) -> None:
    (default,) = get(client, "/namespaces")["namespaces"]
    assert set(default) == {
        "name",
        "createdAt",
        "updatedAt",
        "ownerName",
        "description",
        "isHidden",
    }
    assert get(client, "/namespaces/default")["name"] == "default"
    assert get(client, "/namespaces/default/jobs") == {
        "jobs": [],
        "totalCount": 0,
        "nextCursor": None,
    }


def test_a_job_has_every_field_of_marquez_null_ones_too(client: TestClient, world: Build) -> None:
    job = get(client, "/namespaces/my%2Fns/jobs/etl%2Fload%20it")
    assert set(job) >= JOB_KEYS
    assert job["id"] == {"namespace": "my/ns", "name": "etl/load it"}
    assert job["inputs"] == [{"namespace": "s3://lake", "name": "a/raw.csv"}]
    assert job["parentJobName"] is None
    assert set(job["latestRun"]) >= RUN_KEYS
    assert job["latestRun"]["facets"] == {"nominalTime": {"x": 1}}
    assert job["latestRun"]["durationMs"] == 300_000
    assert job["createdAt"].endswith("Z")


def test_latest_runs_is_null_where_there_are_none(client: TestClient, hub: Hub) -> None:
    with hub.db.writing() as connection:
        Build(connection).job("idle")
    (job,) = get(client, "/jobs")["jobs"]
    assert job["latestRuns"] is None


def test_a_dataset_has_every_field_of_marquez(client: TestClient, world: Build) -> None:
    name = f"/namespaces/{quote('s3://lake', safe='')}/datasets/{quote('a/raw.csv', safe='')}"
    dataset = get(client, name)
    assert set(dataset) >= DATASET_KEYS
    assert dataset["fields"] == [{"name": "id", "type": "INT", "tags": [], "description": None}]
    assert dataset["columnLineage"] is None
    assert get(client, name + "/versions")["totalCount"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/namespaces/s3%3A%2F%2Flake/datasets/a%2Fraw.csv",
        "/namespaces/s3://lake/datasets/a/raw.csv",  # a proxy has decoded
        "/namespaces/s3:/lake/datasets/a/raw.csv",  # and merged slashes
        "/namespaces/s3://lake/datasets/a%2Fraw.csv",
    ],
)
def test_names_with_slashes_are_found_however_a_proxy_treated_them(
    client: TestClient, world: Build, path: str
) -> None:
    for ending in ("", "/versions"):
        assert client.get("/api/v1" + path + ending).status_code == 200
    assert get(client, path)["name"] == "a/raw.csv"


def test_unknown_things_are_404_with_marquez_s_words(client: TestClient, world: Build) -> None:
    for path in (
        "/namespaces/nope",
        "/namespaces/nope/jobs",
        "/namespaces/nope/jobs/x",
        "/namespaces/my%2Fns/jobs/nope",
        "/namespaces/my%2Fns/datasets/nope",
        "/sources/nope",
        f"/jobs/runs/{uuid_of(99)}",
        f"/namespaces/my%2Fns/jobs/nope/versions/{uuid_of(1)}",
    ):
        answer = client.get("/api/v1" + path)
        assert answer.status_code == 404, path
        assert answer.json()["code"] == 404
        assert answer.json()["message"]


def test_a_run_and_its_facets(client: TestClient, world: Build) -> None:
    run = get(client, f"/jobs/runs/{uuid_of(1)}")
    assert run["state"] == "COMPLETED"
    facets = get(client, f"/jobs/runs/{uuid_of(1)}/facets", type="RUN")
    assert facets == {"runId": str(uuid_of(1)), "facets": {"nominalTime": {"x": 1}}}
    assert get(client, f"/jobs/runs/{uuid_of(1)}/facets", type="job")["facets"] == {}
    assert client.get(f"/api/v1/jobs/runs/{uuid_of(1)}/facets").status_code == 422


def test_the_runs_of_a_job(client: TestClient, world: Build) -> None:
    found = get(client, "/namespaces/my%2Fns/jobs/etl%2Fload%20it/runs", limit=14)
    assert (found["totalCount"], len(found["runs"])) == (1, 1)


@pytest.mark.parametrize(
    "node_id",
    [
        "dataset:s3://lake:a/raw.csv",
        "dataset:s3%3A%2F%2Flake:a%2Fraw.csv",  # as the web UI sends it since 0.51
        "dataset:postgres://db:5432:public.mart",
        "job:my/ns:etl/load it",
        f"run:{uuid_of(1)}",
    ],
)
def test_lineage_is_found_by_any_form_of_node_id(
    client: TestClient, world: Build, node_id: str
) -> None:
    graph = get(client, "/lineage", nodeId=node_id)["graph"]
    assert [node["id"] for node in graph] == [
        "dataset:postgres://db:5432:public.mart",
        "dataset:s3://lake:a/raw.csv",
        "job:my/ns:etl/load it",
    ]


def test_nodes_of_the_graph_have_marquez_s_shape(client: TestClient, world: Build) -> None:
    mart, raw, job = get(client, "/lineage", nodeId="job:my/ns:etl/load it")["graph"]
    assert (raw["type"], job["type"]) == ("DATASET", "JOB")
    assert mart["data"]["fields"] == []
    into = {"origin": raw["id"], "destination": job["id"]}
    out = {"origin": job["id"], "destination": mart["id"]}
    assert (raw["inEdges"], raw["outEdges"]) == ([], [into])
    assert (job["inEdges"], job["outEdges"]) == ([into], [out])
    assert (mart["inEdges"], mart["outEdges"]) == ([out], [])
    assert job["data"]["latestRun"]["state"] == "COMPLETED"


def test_a_node_id_that_is_none_is_400_and_one_of_nothing_404(client: TestClient) -> None:
    for node_id in ("nonsense", "table:a:b", "job:a", "run:x", "datasetField:a:b"):
        assert client.get("/api/v1/lineage", params={"nodeId": node_id}).status_code == 400
    assert client.get("/api/v1/lineage", params={"nodeId": "job:a:b"}).status_code == 404
    assert client.get("/api/v1/lineage").status_code == 422


def test_search_answers_in_marquez_s_shape(client: TestClient, world: Build) -> None:
    found = get(client, "/search", q="raw")
    (hit,) = found["results"]
    assert found["totalCount"] == 1
    assert hit["nodeId"] == "dataset:s3://lake:a/raw.csv"
    assert {"type", "name", "updatedAt", "namespace", "nodeId"} <= set(hit)
    assert get(client, "/search", q="raw", filter="JOB")["results"] == []
    assert get(client, "/search", q="etl/load", before="2026-11-03")["totalCount"] == 1
    assert client.get("/api/v1/search").status_code == 422


def test_advanced_search_answers_in_marquez_s_shape(client: TestClient, world: Build) -> None:
    def found(kind: str, q: str) -> Any:
        answer = client.get(f"/api/v2beta/search/{kind}", params={"q": q})
        assert answer.status_code == 200
        return answer.json()

    jobs = found("jobs", "load")
    (job,) = jobs["hits"]
    assert (job["namespace"], job["name"], job["type"]) == ("my/ns", "etl/load it", "BATCH")
    latest = get(client, "/namespaces/my%2Fns/jobs/etl%2Fload%20it")["latestRun"]
    assert job["run_id"] == latest["id"]
    assert jobs["highlights"] == [{"name": ["etl/<em>load</em> it"]}]
    (raw,) = found("datasets", "RAW")["hits"]
    assert raw["facets"]["schema"]["fields"][0]["name"]
    assert found("datasets", "RAW")["highlights"] == [{"name": ["a/<em>raw</em>.csv"]}]
    nothing: Any = {"hits": [], "highlights": []}
    assert found("jobs", "raw") == found("datasets", "") == nothing


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/jobs", {"limit": -1}),
        ("/jobs", {"limit": 1001}),
        ("/jobs", {"offset": 10**30}),
        ("/jobs", {"lastRunStates": "HAPPY"}),
        ("/jobs", {"cursor": "x"}),
        ("/jobs/runs/no-uuid", {}),
        ("/search", {"q": "a\0b"}),
        ("/search", {"q": "a", "before": "yesterday"}),
        ("/lineage", {"nodeId": "job:a:b", "asOf": "yesterday"}),
        ("/lineage", {"nodeId": "job:a:b", "nodeLimit": 10_001}),
        ("/lineage", {"nodeId": "job:a\0:b"}),
    ],
)
def test_parameters_out_of_bounds_are_the_caller_s_fault(
    client: TestClient, path: str, params: dict[str, Any]
) -> None:
    answer = client.get("/api/v1" + path, params=params)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_limit_of_zero_is_an_empty_page(client: TestClient, world: Build) -> None:
    assert get(client, "/jobs", limit=0)["jobs"] == []
