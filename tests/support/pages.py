"""People in front of the pages, without a browser: who signs in, what is sent, what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from types import MappingProxyType
from typing import Any, Final

import httpx
from fastapi import FastAPI
from starlette.testclient import TestClient

from hub import tokens
from hub.access import Scope
from hub.api.hub import Hub
from hub.store.access import NewToken
from tests.support.recording import output, run_event

BASE: Final = "http://127.0.0.1:8080"
#: An own engine that fetches its launches; nothing has to listen anywhere.
ENGINE: Final = {
    "name": "engine",
    "kind": "engine",
    "namespaces": ["jobs"],
    "settings": {"launch": "pull"},
}

_COMES_S: Final = 60.0


def signed_in(hub: Hub, site: FastAPI, *scopes: Scope, team: str | None = None) -> TestClient:
    """Somebody with a session of these scopes."""
    client = TestClient(site, base_url=BASE, raise_server_exceptions=False)
    name = f"{'-'.join(scopes)}-{team}"
    wanted = NewToken(name=name, scopes=scopes, namespaces=("*",), team=team)
    issued = hub.writer.call(lambda c: tokens.issue(c, wanted, actor="test", now=datetime.now(UTC)))
    hub.authenticator.forget()
    client.headers["origin"] = BASE
    client.post("/sign-in", data={"token": issued.text})
    return client


def shown(client: TestClient, place: str, status: int = 200) -> str:
    """The page of an address, as its text."""
    answer = client.get(f"/{place}")
    assert answer.status_code == status, (place, answer.text)
    return unescape(answer.text)


def send(client: TestClient, *events: dict[str, Any]) -> None:
    for event in events:
        answer = client.post("/api/v1/lineage", json=event)
        assert answer.status_code < 300, answer.text


def wrote(
    run: int,
    name: str,
    *,
    day: int | None = None,
    rows: int = 10,
    facets: Mapping[str, Any] = MappingProxyType({}),
    **more: Any,
) -> list[dict[str, Any]]:
    """A run that has just written a dataset; or then, for a day of November that was over.

    facets: of the dataset.
    """
    now = datetime(2026, 11, day + 1, 1, tzinfo=UTC) if day else datetime.now(UTC)
    nominal = {"nominalStartTime": f"2026-11-{day:02}T00:00:00Z"} if day else None
    told = {"nominalTime": nominal} if nominal else {}
    outputs = [output(name, rows=rows, size=rows * 100, **facets)]
    events = [
        run_event(kind, 0, run, outputs=outputs, run_facets=told, **more)
        for kind in ("START", "COMPLETE")
    ]
    for n, event in enumerate(events):
        event["eventTime"] = (now - timedelta(seconds=5 - n)).isoformat()
    return events


def eventually(look: Callable[[], Any]) -> Any:
    """What it finds, once it finds something."""
    end = time.monotonic() + _COMES_S
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


def subscribe(
    client: TestClient | httpx.Client, when: str = "all(db/orders, db/items)", **told: Any
) -> None:
    """The subscription `mart`, which launches a job of the engine."""
    launch = {"orchestrator": "engine", "job": "mart"}
    spec = {"name": "mart", "when": when, "launch": launch, **told}
    answer = client.post("/api/v1/subscriptions", json=spec)
    assert answer.status_code == 201, answer.text
