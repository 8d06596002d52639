"""A hub whose file declares heartbeats: they can be pinged, and only the file changes them."""

from __future__ import annotations

from starlette.testclient import TestClient

from hub.api.app import create_app
from hub.main import running
from hub.settings import Settings
from tests.e2e.conftest import BASE
from tests.support.pages import eventually

SYNC = {"name": "sync", "namespace": "web1", "team": "ops", "interval": "PT2H", "grace": "PT5M"}


def test_they_can_be_pinged_and_only_the_file_changes_them(database_url: str) -> None:
    with running(Settings(database_url=database_url, heartbeats=[SYNC])) as hub:
        client = TestClient(create_app(hub), base_url=BASE)
        (one,) = eventually(lambda: client.get("/api/v1/heartbeats").json()["heartbeats"])
        assert (one["managedBy"], one["team"], one["periodS"]) == ("trackside.yaml", "ops", 7200)
        place = f"/api/v1/heartbeats/{one['id']}"
        for refused in (client.put(place, json={"periodS": 60}), client.delete(place)):
            assert refused.status_code == 409
            assert "managed by trackside.yaml" in refused.text
        key = client.post("/api/v1/ping-keys", json={"namespace": "web1"}).json()["key"]
        assert client.get(f"/ping/{key}/sync").status_code == 200
        url = client.post(f"{place}/renew").json()["url"]
        assert client.get(f"{url}/fail").status_code == 200
        runs = client.get("/api/v1/namespaces/web1/jobs/sync/runs").json()["runs"]
        assert [run["state"] for run in runs] == ["FAILED", "COMPLETED"]
