"""Pages that show what changes hear of it over the stream, and ask anew."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from hub.access import Scope
from hub.api.hub import Hub
from hub.web.app import create_site
from tests.support.pages import send, shown, signed_in, wrote

HEARING = (
    "", "incidents", "jobs", "job?namespace=jobs&name=load", "datasets",
    "dataset?namespace=db&name=orders", "orchestrators", "orchestrator?name=jobs", "triggers",
    "launches", "backfills",
)  # fmt: skip


@pytest.fixture
def client(hub: Hub) -> TestClient:
    client = signed_in(hub, create_site(hub), Scope.ADMIN)
    send(client, *wrote(1, "orders", job="load", namespace="jobs"))
    return client


def test_each_asks_anew_when_it_hears_news(client: TestClient) -> None:
    for place in HEARING:
        text = shown(client, place)
        assert f'hx-get="{place or "."}" hx-select="#main"' in text, place
        assert 'hx-trigger="news, every' in text, place


def test_a_run_that_is_over_asks_no_more(client: TestClient) -> None:
    run = client.get("/api/v1/namespaces/jobs/jobs/load").json()["latestRun"]["id"]
    assert "hx-trigger" not in shown(client, f"run?id={run}")
