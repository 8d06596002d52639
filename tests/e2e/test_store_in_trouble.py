"""A store that takes nothing: senders hear it at once, probes say why, nothing is pretended."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from tests.support.hub_process import HubProcess, event
from tests.support.postgres import PostgresServer


def test_a_hub_whose_file_was_removed_takes_nothing(tmp_path: Path) -> None:
    with HubProcess(tmp_path) as hub:
        assert hub.post(event("before")).status_code == httpx.codes.CREATED
        (tmp_path / "data" / "trackside.db").unlink()
        refused = hub.post(event("after"))
        assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert "removed or replaced" in refused.json()["detail"]
        ready = httpx.get(f"{hub.url}/readyz")
        assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert "removed or replaced" in ready.json()["checks"]["writer"]


@pytest.mark.postgres
def test_probes_answer_while_postgresql_is_away(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    own_postgres.create_database("hub")
    environment = {"TRACKSIDE_DATABASE_URL": own_postgres.url("hub")}
    with HubProcess(tmp_path, environment=environment) as hub:
        assert hub.post(event("before")).status_code == httpx.codes.CREATED
        own_postgres.stop()
        assert hub.post(event("during")).status_code == httpx.codes.SERVICE_UNAVAILABLE
        started = time.monotonic()
        assert hub.post(event("again")).status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert time.monotonic() - started < 20
        assert httpx.get(f"{hub.url}/healthz").status_code == httpx.codes.OK
        assert httpx.get(f"{hub.url}/metrics").status_code == httpx.codes.OK
        ready = httpx.get(f"{hub.url}/readyz")
        assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert ready.json()["checks"]["writer"] != "ok"
        own_postgres.start()
        assert hub.post(event("after")).status_code == httpx.codes.CREATED
        assert httpx.get(f"{hub.url}/readyz").status_code == httpx.codes.OK
