"""Orchestrators that take connections and never answer hold up nobody but themselves."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.api.app import create_app
from hub.main import running
from hub.polling import AT_ONCE
from hub.settings import Settings
from tests.support.orchestrators import KIND, scripted
from tests.support.recording import run_event

PATIENCE_S = 25
MANY = 2 * AT_ONCE + 8  # more than are asked at a time, twice over
STOPS_WITHIN_S = 15


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def polls(client: TestClient, name: str) -> int:
    line = f'trackside_polls_total{{orchestrator="{name}",result="done"}} '
    text = client.get("/metrics").text
    return int(float(next((s[len(line) :] for s in text.splitlines() if s.startswith(line)), "0")))


def test_while_many_hang_the_others_polls_and_the_door_go_on_and_the_hub_stops_in_time(
    tmp_path: Path, silent: str
) -> None:
    healthy = {"name": "well", "kind": KIND, "settings": {"url": "http://x", "poll_every_s": 1}}
    hanging = [
        {"name": f"hangs-{n}", "kind": "airflow", "settings": {"url": silent, "token": "env:HOME"}}
        for n in range(MANY)
    ]
    settings = Settings.model_validate(
        {
            "database_url": f"sqlite:///{tmp_path / 'a.db'}",
            "orchestrators": [*hanging, healthy],
        }
    )
    with scripted(), running(settings) as hub:
        client = TestClient(create_app(hub), base_url="http://127.0.0.1:8080")
        end = time.monotonic() + PATIENCE_S
        while polls(client, "well") < 4:
            assert time.monotonic() < end, "the healthy orchestrator was not asked"
            time.sleep(0.1)
        assert polls(client, "hangs-0") == 0
        began = time.monotonic()
        assert client.post("/api/v1/lineage", json=run_event("START", 0, 1)).status_code == 201
        assert time.monotonic() - began < 2
        leaving = time.monotonic()
    assert time.monotonic() - leaving < STOPS_WITHIN_S
