"""A hub killed again and again while it launches: one run for each key (DESIGN D10)."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.store.access import NewToken
from hub.store.db import Database
from hub.store.migrate import migrate
from hub.tokens import issue
from tests.support.engine import FakeEngine
from tests.support.hub_process import HubProcess
from tests.support.kills import kills

pytestmark = pytest.mark.timeout(1200)

KILLS = kills(10)
EACH = 4
START_S = 300


class TokenHub(HubProcess):
    """With a token for who asks it."""

    token = ""


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    with FakeEngine(chance=0.2) as server:
        yield server


@pytest.fixture
def hub(tmp_path: Path, database_url: str, engine: FakeEngine) -> Iterator[TokenHub]:
    told = {
        "version": 1,
        "allowed_networks": ["127.0.0.1"],
        "launches_per_hour": 0,
        "orchestrators": [
            {
                "name": "house",
                "kind": "engine",
                "namespaces": ["house"],
                "settings": engine.settings(),
            }
        ],
    }
    (tmp_path / "trackside.yaml").write_text(json.dumps(told))
    environment = {"TRACKSIDE_DATABASE_URL": database_url, **engine.secrets()}
    hub = TokenHub(tmp_path, environment=environment)
    hub.token = token_in(database_url)
    hub.start(START_S)
    yield hub
    hub.stop(signal.SIGKILL)


def token_in(database_url: str) -> str:
    """Of an operator, in a store that no hub has yet."""
    with closing(Database(database_url)) as db:
        migrate(db)
        with db.writing() as connection:
            wanted = NewToken("ops", ("admin",))
            return issue(connection, wanted, actor="test", now=datetime.now(UTC)).text


def call(hub: TokenHub, method: str, path: str, **options: Any) -> Any:
    """Asks until somebody answers; a hub that is gone is started again."""
    headers = {"Authorization": f"Bearer {hub.token}"}
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(httpx.TransportError):
            answer = httpx.request(method, hub.url + path, headers=headers, timeout=30, **options)
            if answer.status_code < 500:
                assert answer.is_success, answer.text
                return answer.json() if answer.content else None
        if hub.process.poll() is not None:
            hub.start(START_S)
    raise TimeoutError("nobody answers")


def ask(hub: TokenHub, key: str) -> None:
    """Each wish is told twice, as a sender does that did not hear the answer."""
    job = {"namespace": "house", "name": "mart"}
    for _ in range(2):
        told = {"orchestrator": "house", "job": job, "key": key}
        call(hub, "POST", "/api/v1/launches", json=told)


def until(holds: Callable[[], bool], timeout_s: float = 120) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(0.2)
    raise TimeoutError("it does not come to hold")


def launches(hub: TokenHub) -> list[dict[str, Any]]:
    told = call(hub, "GET", "/api/v1/launches?limit=1000")
    found: list[dict[str, Any]] = told["launches"]
    return found


def test_each_key_has_one_run_after_kills_at_random(hub: TokenHub, engine: FakeEngine) -> None:
    draw = random.Random(7)
    for number in range(KILLS):
        for each in range(EACH):
            ask(hub, f"{number}-{each}")
        time.sleep(draw.uniform(0, 0.8))
        hub.stop(signal.SIGKILL)
        hub.start(START_S)
    until(lambda: all(one["state"] == "launched" for one in launches(hub)))
    assert len(engine.runs) == len(launches(hub)) == KILLS * EACH
    assert set(engine.runs.values()) == {1}
    first = engine.bodies[0]["data"]
    for kind in ("START", "COMPLETE"):
        call(hub, "POST", "/api/v1/lineage", json=event(kind, first["runId"]))
    key = first["key"]
    until(
        lambda: (
            call(hub, "GET", f"/api/v1/launches?key={key}")["launches"][0]["state"] == "completed"
        )
    )
    told = call(hub, "GET", f"/api/v1/jobs/runs/{first['runId']}/causes")
    assert told["launch"]["key"] == key
    assert [one["dataset"]["name"] for one in told["effects"]] == ["mart"]


def event(kind: str, run: str) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run},
        "job": {"namespace": "house", "name": "mart"},
        "outputs": [{"namespace": "db", "name": "mart"}],
    }
