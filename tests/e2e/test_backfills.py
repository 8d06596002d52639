"""Backfills over HTTP: planned, run by two engines, paused, cancelled, tried again; and who may."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub import tokens
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.access import NewToken

BASE = "http://127.0.0.1:8080"
ALL = "/api/v1/backfills"
MART = {"namespace": "db", "name": "mart"}
ASKED = {"dataset": MART, "from": "2026-10-01", "to": "2026-10-10"}
#: What reads what, and is written by which job of which engine.
LEVELS = (("house", "load", None, "raw"), ("barn", "build", "raw", "mart"))
Speaker = Callable[..., TestClient]


@pytest.fixture(scope="module")
def module_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    file: Path = tmp_path_factory.mktemp("hub") / "a.db"
    settings = Settings.model_validate(
        {
            "database_url": f"sqlite:///{file}",
            "teams": [{"name": "ads"}, {"name": "hr", "private": True}],
            "grants": [{"team": "ads", "orchestrator": "house", "job": "load"}],
            "orchestrators": [
                {
                    "name": name,
                    "kind": "engine",
                    "namespaces": [name],
                    "settings": {"launch": "pull"},
                }
                for name in ("house", "barn")
            ],
        }
    )
    with running(settings) as hub:
        yield hub


@pytest.fixture(scope="module")
def speaker(module_hub: Hub) -> Speaker:
    """Somebody with a token."""

    def make(name: str, *scopes: str, **more: Any) -> TestClient:
        wanted = NewToken(name, scopes, namespaces=("house", "barn"), **more)
        issued = module_hub.writer.call(
            lambda it: tokens.issue(it, wanted, actor="test", now=datetime.now(UTC))
        )
        module_hub.authenticator.forget()
        headers = {"Authorization": f"Bearer {issued.text}"}
        return TestClient(create_app(module_hub), base_url=BASE, headers=headers)

    return make


@pytest.fixture(scope="module")
def ann(speaker: Speaker) -> TestClient:
    """An admin in whose world the first ten days of both levels are there, but for some."""
    ann = speaker("ann", "admin")
    for level, (engine, job, source, target) in enumerate(LEVELS):
        for day in range(1, 11):
            if day not in (3, 4 + level):
                told = ran(engine, job, source, target, f"2026-10-{day:02}", level * 30 + day)
                for event in told:
                    assert ann.post("/api/v1/lineage", json=event).is_success
    return ann


def ran(
    engine: str, job: str, source: str | None, target: str, day: str, minute: int, run: str = ""
) -> list[dict[str, Any]]:
    run = run or f"01900000-0000-7000-8000-{abs(hash((job, day))) % 10**12:012}"
    at = datetime(2026, 10, 11, 10 + minute // 60, minute % 60, tzinfo=UTC)
    return [
        event(kind, engine, job, source, target, day, run, at) for kind in ("START", "COMPLETE")
    ]


def event(
    kind: str,
    engine: str,
    job: str,
    source: str | None,
    target: str,
    day: str,
    run: str,
    at: datetime,
) -> dict[str, Any]:
    facets = {
        "nominalTime": {
            "_producer": "https://example.org/tests",
            "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/NominalTimeRunFacet.json",
            "nominalStartTime": f"{day}T00:00:00Z",
            "nominalEndTime": f"{day[:8]}{int(day[8:]) + 1:02}T00:00:00Z",
        }
    }
    return {
        "eventType": kind,
        "eventTime": at.isoformat(),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run, "facets": facets},
        "job": {"namespace": engine, "name": job},
        "inputs": [{"namespace": "db", "name": source}] if source else [],
        "outputs": [{"namespace": "db", "name": target}],
    }


def test_a_plan_shows_what_would_run_in_which_order_and_why(ann: TestClient) -> None:
    answer = ann.post(f"{ALL}/plan", json=ASKED)
    assert answer.status_code == 200, answer.text
    plan = answer.json()
    told = [
        (step["orchestrator"], step["job"]["name"], step["partition"], step["why"], step["after"])
        for step in plan["steps"]
    ]
    assert told == [
        ("house", "load", "2026-10-03", "missing", []),
        ("barn", "build", "2026-10-03", "missing", [1]),
        ("house", "load", "2026-10-04", "missing", []),
        ("barn", "build", "2026-10-04", "follows", [3]),
        ("barn", "build", "2026-10-05", "missing", []),
    ]
