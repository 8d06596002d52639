"""In the demo work goes on: what people have asked for is there, with every fate it can have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.commands.demo import Office
from hub.demo.play import play, world
from hub.demo.work import SUBSCRIPTIONS, ask, declared
from hub.main import running
from hub.settings import Settings
from hub.web.app import create_site
from tests.support.pages import BASE, eventually, shown


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Looks at a demo of which the office has done what there was to do."""
    folder: Path = tmp_path_factory.mktemp("demo")
    settings = declared(Settings(database_url=f"sqlite:///{folder}/demo.db"))
    with running(settings) as hub:
        now = datetime.now(UTC)
        play(hub.intake, hub.writer, world(now, 1, 1), lambda _: None)
        office = Office(hub)
        assert not hub.writer.call(lambda connection: ask(connection, now)), "it is asked for once"
        client = TestClient(create_site(hub), base_url=BASE)

        def over() -> bool:
            office.turn(datetime.now(UTC))
            states = {one["state"] for one in listed(client, "launches")}
            (filling,) = listed(client, "backfills")
            taken = any(one["state"] == "ACKNOWLEDGED" for one in listed(client, "incidents"))
            done = states >= {"completed", "dead", "due", "held", "refused"}
            return done and taken and bool(filling["endedAt"])

        eventually(over)
        eventually(lambda: told(client))
        yield client


def listed(client: TestClient, noun: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/v1/{noun}?limit=100").json()[noun]
    return found


def told(client: TestClient) -> bool:
    return bool(client.get("/api/v1/alerting/quality").json()["teams"])


def test_launches_have_every_fate(client: TestClient) -> None:
    text = shown(client, "launches")
    for word in ("completed", "dead", "due", "held", "refused"):
        assert word in text


def test_subscriptions_wait_go_on_and_are_held(client: TestClient) -> None:
    states = {one["name"]: one["state"] for one in listed(client, "subscriptions")}
    assert set(states) == set(SUBSCRIPTIONS)
    assert states["rates-feed"] == "paused"
    assert states["stock-alert"] == "waiting"
    fates = {
        one["fate"]
        for name in SUBSCRIPTIONS
        for one in client.get(f"/api/v1/subscriptions/{name}/arrivals").json()["arrivals"]
    }
    assert {"launched", "held", "waiting"} <= fates


def test_a_backfill_has_made_what_was_lacking(client: TestClient) -> None:
    (one,) = listed(client, "backfills")
    assert (one["state"], one["done"], one["stepCount"]) == ("completed", 1.0, 3)


def test_somebody_has_taken_an_incident(client: TestClient) -> None:
    taken = [one["id"] for one in listed(client, "incidents") if one["state"] == "ACKNOWLEDGED"]
    assert taken
    assert "looking into it" in shown(client, f"incident?id={taken[0]}")


def test_the_board_hears_of_incidents(client: TestClient) -> None:
    assert "office-board" in shown(client, "settings")
    assert told(client)


def test_customers_are_offered_to_some_and_visits_are_to_end(client: TestClient) -> None:
    text = shown(client, "dataset?namespace=postgres://dwh:5432&name=dwh.analytics.web_sessions")
    assert "It is to end" in text
