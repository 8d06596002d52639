"""Our own routes, in the style of Marquez's: pages, runs within runs, history, changes."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.api.hub import Hub
from tests.support.build import Build, at, packed, uuid_of

API = "/api/v1"


@pytest.fixture
def world(hub: Hub) -> Build:
    """dag > dag.load reads raw and writes mart; columns are known; everything has something."""
    with hub.db.writing() as connection:
        build = Build(connection)
        fields: list[list[Any]] = [["id", "INT", None]]
        raw, mart = build.dataset("raw", fields=fields), build.dataset("mart", fields=fields)
        dag = build.job("dag")
        load = build.job("dag.load", parent_job_id=dag, io_at=at(5))
        build.reads(load, raw, last=5)
        build.writes(load, mart, last=5)
        top = build.run(dag, uuid=uuid_of(1), end=6)
        run = build.run(load, uuid=uuid_of(2), start=1, end=5, parent_run_id=top, root_run_id=top)
        build.io(run, "INPUT", raw, when=5)
        build.io(run, "OUTPUT", mart, when=5, rows=3)
        build.update(mart, run, when=5, rows=3)
        build.event({"eventType": "START"}, when=1, run_id=run, job_id=load)
        build.column((mart, "id"), (raw, "id"))
        build.check(mart, "not_null", run, when=5, column="id")
        build.schedule(dag, "0 6 * * *")
        build.warn(load, "$.run", "sloppy")
        build.observe(build.orchestrator("airflow"))
        build.change("run_completed", job_id=load, run_id=run, detail='{"n": 1}')
        return build


def get(client: TestClient, path: str, **params: Any) -> Any:
    answer = client.get(API + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_page_of_a_job_in_one_call(client: TestClient, world: Build) -> None:
    page = get(client, "/namespaces/ns/jobs/dag/overview")
    assert page["schedule"]["expression"] == "0 6 * * *"
    assert [child["simpleName"] for child in page["children"]] == ["load"]
    load = get(client, "/namespaces/ns/jobs/dag.load/overview")
    assert load["warnings"][0]["path"] == "$.run"
    assert load["schedule"] is None
    assert get(client, "/namespaces/ns/jobs/dag.load/warnings")["warnings"] == load["warnings"]
    assert get(client, "/namespaces/ns/jobs/dag/schedule") == page["schedule"]
    assert client.get(API + "/namespaces/ns/jobs/dag.load/schedule").status_code == 404


def test_the_slots_of_a_job_each_with_its_run(client: TestClient, world: Build) -> None:
    day = {"from": at(0).isoformat(), "to": at(1440).isoformat()}
    found = get(client, "/namespaces/ns/jobs/dag/slots", **day)
    assert [slot["run"] for slot in found["slots"]] == [None]
    assert get(client, "/namespaces/ns/jobs/dag.load/slots")["slots"] == []
    assert client.get(API + "/namespaces/ns/jobs/none/slots").status_code == 404


def test_the_page_of_a_dataset_in_one_call(client: TestClient, world: Build) -> None:
    page = get(client, "/namespaces/db/datasets/mart/overview")
    assert page["producers"] == [{"namespace": "ns", "name": "dag.load"}]
    assert page["consumers"] == []
    assert (page["updates"][0]["rows"], page["checks"][0]["status"]) == (3, "PASSED")
    assert page["dataset"]["columnLineage"][0]["inputFields"][0]["field"] == "id"
    assert get(client, "/namespaces/db/datasets/mart/checks")["checks"] == page["checks"]
    assert get(client, "/namespaces/db/datasets/mart/updates")["updates"] == page["updates"]


def test_runs_within_runs(client: TestClient, world: Build) -> None:
    children = get(client, f"/jobs/runs/{uuid_of(1)}/children")
    assert [run["id"] for run in children["runs"]] == [str(uuid_of(2))]
    tree = get(client, f"/jobs/runs/{uuid_of(2)}/hierarchy")
    assert [(each["depth"], each["run"]["id"]) for each in tree["runs"]] == [
        (0, str(uuid_of(1))),
        (1, str(uuid_of(2))),
    ]
    (attempt,) = get(client, f"/jobs/runs/{uuid_of(2)}/attempts")["attempts"]
    assert (attempt["id"], attempt["state"]) == (str(uuid_of(2)), "COMPLETED")
    (event,) = get(client, f"/jobs/runs/{uuid_of(2)}/events")["events"]
    assert event["event"] == {"eventType": "START"}
    assert get(client, f"/events/lineage/{event['id']}") == event


def test_a_run_is_narrowed_to_a_job_by_name(client: TestClient, world: Build) -> None:
    assert get(client, f"/jobs/runs/{uuid_of(2)}", job="ns:dag.load")["job"]["name"] == "dag.load"
    path = f"{API}/jobs/runs/{uuid_of(2)}"
    assert client.get(path, params={"job": "ns:dag"}).status_code == 404
    assert client.get(path, params={"job": "nonsense"}).status_code == 400


def test_the_lineage_of_runs(client: TestClient, world: Build) -> None:
    (run,) = get(client, "/runlineage/upstream", runId=str(uuid_of(2)))["runs"]
    assert run["run"]["status"] == "COMPLETED"
    assert set(run["job"]) == {"namespace", "name", "version"}
    assert run["inputs"][0]["name"] == "raw"
    assert run["inputs"][0]["producedByRunId"] is None
    assert len(get(client, "/runlineage/downstream", runId=str(uuid_of(2)))["runs"]) == 1
    assert client.get(API + "/runlineage/upstream").status_code == 422


def test_lineage_in_one_direction_and_as_of_an_instant(client: TestClient, world: Build) -> None:
    def ids(**params: Any) -> list[str]:
        return [node["id"] for node in get(client, "/lineage", **params)["graph"]]

    assert ids(nodeId="dataset:db:mart", direction="DOWNSTREAM") == ["dataset:db:mart"]
    assert ids(nodeId="dataset:db:mart", direction="UPSTREAM") == [
        "dataset:db:mart",
        "dataset:db:raw",
        "job:ns:dag.load",
    ]
    assert ids(nodeId="job:ns:dag.load", asOf=at(60).isoformat()) == [
        "dataset:db:mart",
        "dataset:db:raw",
        "job:ns:dag.load",
    ]
    assert ids(nodeId="job:ns:dag.load", asOf=at(-60).isoformat()) == ["job:ns:dag.load"]


def test_column_lineage_has_marquez_s_reversed_edges(client: TestClient, world: Build) -> None:
    mart, raw = get(client, "/column-lineage", nodeId="dataset:db:mart")["graph"]
    assert (mart["id"], mart["type"]) == ("datasetField:db:mart:id", "DATASET_FIELD")
    assert mart["inEdges"] == [{"origin": mart["id"], "destination": raw["id"]}]
    assert raw["outEdges"] == [{"origin": raw["id"], "destination": mart["id"]}]
    assert mart["data"]["fieldType"] == "INT"
    (behind,) = mart["data"]["inputFields"]
    assert (behind["transformationType"], behind["transformationSubtype"]) == ("DIRECT", "IDENTITY")
    for node_id in ("datasetField:db:mart:id", "job:ns:dag.load"):
        assert len(get(client, "/column-lineage", nodeId=node_id)["graph"]) == 2
    graph = get(client, "/column-lineage", nodeId="datasetField:db:raw:id", withDownstream=True)
    assert len(graph["graph"]) == 2
    versioned = f"dataset:db:mart#{uuid_of(1)}"
    answer = client.get(
        API + "/column-lineage", params={"nodeId": versioned, "withDownstream": True}
    )
    assert answer.status_code == 400


def test_a_column_that_nobody_told_of_is_not_found(client: TestClient, world: Build) -> None:
    known = "datasetField:db:raw:id"
    assert get(client, "/column-lineage", nodeId=known)["graph"] == []
    answer = client.get(API + "/column-lineage", params={"nodeId": "datasetField:db:raw:no_such"})
    assert answer.status_code == 404
    assert answer.json()["message"] == "Could not find node"


def test_figures_are_bare_arrays(client: TestClient, world: Build) -> None:
    hours = get(client, "/stats/lineage-events", period="DAY")
    days = get(client, "/stats/lineage-events", period="WEEK", timezone="Europe/Zurich")
    assert (len(hours), len(days)) == (24, 7)
    assert set(hours[0]) == {
        "startInterval",
        "endInterval",
        "fail",
        "start",
        "complete",
        "abort",
    }
    for what, count in (("jobs", 2), ("datasets", 2), ("sources", 0)):
        rows = get(client, f"/stats/{what}", period="WEEK", timezone="UTC")
        assert rows[-1]["count"] == count
        assert set(rows[0]) == {"startInterval", "endInterval", "count"}
    for zone in ("Mars/Olympus", "../etc/passwd", "\0"):
        answer = client.get(API + "/stats/jobs", params={"period": "WEEK", "timezone": zone})
        assert 400 <= answer.status_code < 500


def test_raw_events_as_marquez_lists_them(client: TestClient, world: Build) -> None:
    found = get(client, "/events/lineage", limit=50, before="2030-01-01T00:00:00.000Z")
    assert found["events"] == [{"eventType": "START"}]
    assert found["totalCount"] == 1
    assert get(client, "/events/lineage", before="2020-01-01T00:00:00.000Z")["events"] == []


def test_changes_are_followed_by_cursor(client: TestClient, world: Build) -> None:
    first = get(client, "/changes")
    (change,) = first["changes"]
    assert (change["kind"], change["runId"], change["detail"]) == (
        "run_completed",
        str(uuid_of(2)),
        {"n": 1},
    )
    again = get(client, "/changes", cursor=first["nextCursor"])
    assert again == {"changes": [], "nextCursor": first["nextCursor"]}
    assert get(client, "/changes", fromNow=True)["nextCursor"] == first["nextCursor"]


def test_orchestrators_and_their_backlog(client: TestClient, world: Build) -> None:
    (shown,) = get(client, "/orchestrators")["orchestrators"]
    assert get(client, "/orchestrators/airflow") == shown
    assert shown["backlog"][0]["queued"] == 7
    samples = get(client, "/orchestrators/airflow/backlog", since=at(0).isoformat())["samples"]
    assert len(samples) == 2
    assert get(client, "/schedules")["schedules"][0]["job"]["name"] == "dag"


def test_a_dead_letter_is_looked_at_and_replayed(operator: TestClient, hub: Hub) -> None:
    sent = operator.post(API + "/lineage", json={"eventTime": "yesterday"})
    assert sent.status_code == 400
    (letter,) = get(operator, "/dead-letters")["deadLetters"]
    shown = get(operator, f"/dead-letters/{letter['id']}")
    assert shown["letter"] == letter
    assert "yesterday" in shown["payload"]
    path = f"{API}/dead-letters/{letter['id']}/replay"
    assert operator.post(path).status_code == 409
    good = {
        "eventTime": "2026-11-02T06:00:00Z",
        "producer": "https://x",
        "eventType": "START",
        "run": {"runId": str(uuid_of(1))},
        "job": {"namespace": "ns", "name": "mended"},
    }
    _mend(hub, letter["id"], good)
    assert operator.post(path).json()["recorded"] is True
    assert get(operator, "/namespaces/ns/jobs/mended")["latestRun"]["state"] == "RUNNING"
    assert get(operator, "/dead-letters", waiting=True)["deadLetters"] == []
    assert operator.get(API + "/dead-letters/999999").status_code == 404


def _mend(hub: Hub, number: int, event: dict[str, Any]) -> None:
    from sqlalchemy import update

    from hub.store.tables import dead_letter

    with hub.db.writing() as connection:
        where = dead_letter.c.id == number
        connection.execute(update(dead_letter).where(where).values(payload=packed(event)))
