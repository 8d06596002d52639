"""The page of an orchestrator: how well it is known, what was seen of it, what waits in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub.access import Scope
from hub.api.hub import Hub
from hub.web.app import create_site
from tests.support.pages import send, shown, signed_in
from tests.support.recording import part_of, run_event

NOW = datetime.now(UTC)


@pytest.fixture
def admin(hub: Hub) -> TestClient:
    return signed_in(hub, create_site(hub), Scope.ADMIN)


def observe(client: TestClient, **told: Any) -> None:
    body = {"observed_at": NOW.isoformat(), **told}
    answer = client.post("/api/v1/observations?orchestrator=mill", json=body)
    assert answer.status_code < 300, answer.text


def run(kind: str, number: int, version: str, job: str, **facets: Any) -> dict[str, Any]:
    engine = {"processing_engine": {"name": "Mill", "version": version}}
    event = run_event(kind, number, number, job=job, namespace="mill", run_facets=engine | facets)
    return event | {"eventTime": (NOW - timedelta(minutes=10 - number)).isoformat()}


@pytest.fixture
def page(admin: TestClient) -> str:
    """Of one that has run two jobs and a part, and has been observed."""
    send(admin, run("COMPLETE", 1, "2.1", "grind"), run("FAIL", 2, "2.2", "sieve"))
    send(admin, run("COMPLETE", 3, "2.2", "sieve.fine", **part_of(2, "sieve", "mill")))
    observe(admin, type="health", status="DEGRADED", part="shaft", detail="creaks")
    for ago, queued in ((60, 2), (0, 9)):
        at = (NOW - timedelta(minutes=ago)).isoformat()
        observe(admin, type="backlog", pool="sacks", queued=queued, running=1, observed_at=at)
    mark = datetime.now(UTC) - timedelta(minutes=5, seconds=2)
    observe(admin, type="watermark", complete_to=mark.isoformat())
    return shown(admin, "orchestrator?name=mill")


def figures(page: str) -> dict[str, str]:
    parts = page.split('<div class="figure"><strong>')[1:]
    return {
        part.split('<span class="soft">')[1].split("</span>")[0]: part.split("</strong>")[0]
        for part in parts
    }


def test_it_tells_what_was_seen_and_by_which_version(page: str) -> None:
    told = figures(page)
    assert (told["jobs"], told["parts of jobs"]) == ("2", "1")
    assert told["failed, by their latest run"] == "1"
    assert told["completed, by their latest run"] == "2"
    assert "Mill 2.2" in page
    assert "of 2 latest runs" in page
    assert "Mill 2.1" in page


def test_it_tells_health_waiting_work_disagreements_and_how_far_all_is_known(page: str) -> None:
    assert "creaks" in page
    assert "sacks" in page
    assert page.count('class="dot"') == 2
    assert "all is known" in page
    assert "5 min" in page
    assert figures(page)["disagreements"] == "0"
    assert "not measured" in page


def test_the_list_and_its_jobs_lead_there(admin: TestClient, page: str) -> None:
    assert page
    link = 'href="orchestrator?name=mill"'
    assert link in shown(admin, "orchestrators")
    assert link in shown(admin, "job?namespace=mill&name=grind")
    assert "Orchestrator 'none' not found" in shown(admin, "orchestrator?name=none", 404)
