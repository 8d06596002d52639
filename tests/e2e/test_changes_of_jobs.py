"""Whoever wants to hears of each new version of a job once, and nobody is called for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.job_changes import READER, settle
from hub.store.tables import cursor
from hub.web.app import create_site
from tests.e2e.conftest import BASE, headers_of_admin
from tests.support.channels.pagerduty import FakePagerDuty
from tests.support.recording import run_event


@pytest.fixture(scope="module")
def pager() -> Iterator[FakePagerDuty]:
    with FakePagerDuty() as fake, pytest.MonkeyPatch.context() as patch:
        for name, value in fake.secrets().items():
            patch.setenv(name, value)
        yield fake


@pytest.fixture(scope="module")
def hub(module_database_url: str, pager: FakePagerDuty) -> Iterator[Hub]:
    settings = {
        "database_url": module_database_url,
        "public_url": "https://hub.example",
        "allowed_networks": ["127.0.0.0/8"],
        "teams": [{"name": "sales", "namespaces": ["prod"], "targets": ["pager"]}],
        "targets": [
            {
                "name": "pager",
                "kind": "pagerduty",
                "team": "sales",
                "changes": True,
                "settings": pager.settings(),
            }
        ],
    }
    pager.changes.clear()
    with running(Settings.model_validate(settings)) as hub:
        yield hub


@pytest.fixture(scope="module")
def client(hub: Hub) -> TestClient:
    return TestClient(create_site(hub), base_url=BASE, headers=headers_of_admin(hub))


def until(found: Callable[[], Any]) -> Any:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise TimeoutError


def ran(
    client: TestClient, run: int, *outputs: str, job: str = "load", space: str = "prod"
) -> None:
    told = run_event("COMPLETE", run, run, job=job, namespace=space, outputs=outputs)
    assert client.post("/api/v1/lineage", json=told).is_success


def summaries(pager: FakePagerDuty) -> list[str]:
    return [one["payload"]["summary"] for one in pager.changes]


def test_a_new_version_is_told_once_with_what_has_changed(
    hub: Hub, client: TestClient, pager: FakePagerDuty
) -> None:
    until(lambda: list(cursors(hub)))  # from then on it is heard
    ran(client, 1, "orders")  # the first one changes nothing
    ran(client, 2, "orders", "items")
    ran(client, 3, "orders")  # an old one again is nothing new
    ran(client, 4, "other", job="foreign", space="elsewhere")
    ran(client, 5, "another", job="foreign", space="elsewhere")  # no job of the team
    ran(client, 6, "stock")
    until(lambda: len(pager.changes) >= 2)
    time.sleep(1.5)
    assert sorted(summaries(pager)) == [
        "prod:load has a new version: it writes db:items",
        "prod:load has a new version: it writes db:stock; no longer writes db:orders",
    ]
    page = client.get(pager.changes[0]["links"][0]["href"].removeprefix("https://hub.example"))
    assert page.status_code == 200
    assert pager.count() == 0
    listed = client.get("/api/v1/deliveries").json()["deliveries"]
    assert [(one["target"], one["delivered"]) for one in listed] == [("pager", "OPEN")] * 2


def cursors(hub: Hub) -> Iterator[int]:
    with hub.db.reading() as connection:
        yield from connection.scalars(cursor.select().where(cursor.c.reader == READER))


def test_where_nobody_wants_to_hear_no_place_is_kept_which_would_keep_changes_for_ever(
    hub: Hub,
) -> None:
    hub.writer.call(lambda connection: settle(connection, wanted=False))
    assert list(cursors(hub)) == []
