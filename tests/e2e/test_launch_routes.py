"""Launches over HTTP: asked for, fetched, held, and who may."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
ALL = "/api/v1/launches"
JOB = {"namespace": "house", "name": "mart"}
WISH = {"orchestrator": "house", "job": JOB, "partition": "2026-11-30", "conf": {"day": 3}}
Speaker = Callable[..., TestClient]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    settings = Settings.model_validate(
        {
            "database_url": f"sqlite:///{tmp_path / 'a.db'}",
            "teams": [{"name": "ads"}, {"name": "hr"}],
            "grants": [{"team": "ads", "orchestrator": "house", "job": "mart", "conf": ["day"]}],
            "orchestrators": [
                {
                    "name": "house",
                    "kind": "engine",
                    "namespaces": ["house"],
                    "settings": {"launch": "pull"},
                }
            ],
        }
    )
    with running(settings) as hub:
        yield hub


@pytest.fixture
def speaker(hub: Hub) -> Speaker:
    """Somebody with a token."""

    def make(name: str, *scopes: str, **more: Any) -> TestClient:
        wanted = NewToken(name, scopes, namespaces=("house",), **more)
        issued = hub.writer.call(
            lambda it: tokens.issue(it, wanted, actor="test", now=datetime.now(UTC))
        )
        hub.authenticator.forget()
        headers = {"Authorization": f"Bearer {issued.text}"}
        return TestClient(create_app(hub), base_url=BASE, headers=headers)

    return make


def test_a_launch_is_fetched_acknowledged_and_followed(speaker: Speaker) -> None:
    ann, engine = speaker("ann", "admin"), speaker("engine", "ingest", orchestrator="house")
    assert engine.get(f"{ALL}/next?orchestrator=house").status_code == 204
    made = ann.post(ALL, json=WISH | {"key": "mine"})
    assert made.status_code == 201
    launch = made.json()["launch"]
    assert ann.post(ALL, json=WISH | {"key": "mine"}).json()["launch"]["id"] == launch["id"]
    assert ann.post(ALL, json=WISH | {"key": "mine", "partition": "x"}).status_code == 409

    fetched = engine.get(f"{ALL}/next?orchestrator=house").json()
    assert (fetched["id"], fetched["job"], fetched["conf"]) == (launch["id"], JOB, {"day": 3})
    assert (fetched["key"], fetched["again"]) == (launch["key"], False)
    assert engine.get(f"{ALL}/next?orchestrator=house").status_code == 204
    assert ann.get(f"{ALL}/{launch['id']}").json()["launch"]["state"] == "launching"
    told = {"lease": fetched["lease"]}
    place = f"{ALL}/{launch['id']}/ack?orchestrator=house"
    assert [engine.post(place, json=told).status_code for _ in range(2)] == [204, 204]

    for kind in ("START", "COMPLETE"):
        assert engine.post("/api/v1/lineage", json=event(kind, fetched["runId"])).is_success
    until(lambda: ann.get(f"{ALL}/{launch['id']}").json()["launch"]["state"] == "completed")
    causes = ann.get(f"/api/v1/jobs/runs/{fetched['runId']}/causes").json()
    assert causes["launch"]["id"] == launch["id"]
    steps = [one["what"] for one in ann.get(f"{ALL}/{launch['id']}").json()["steps"]]
    assert (steps[0], steps[1], steps[-1]) == ("asked", "launched", "completed")


def test_who_fetches_names_the_jobs_it_has_and_says_what_it_calls_the_run(speaker: Speaker) -> None:
    ann, engine = speaker("ann", "admin"), speaker("engine", "ingest", orchestrator="house")
    launch = ann.post(ALL, json=WISH).json()["launch"]
    asked = f"{ALL}/next?orchestrator=house"
    assert engine.get(f"{asked}&job=loads&job=mar").status_code == 204
    fetched = engine.get(f"{asked}&job=loads&job=mart").json()
    assert fetched["id"] == launch["id"]

    place = f"{ALL}/{launch['id']}/ack?orchestrator=house"
    told = {"lease": fetched["lease"], "naturalId": "run-of-its-own/7"}
    assert engine.post(place, json=told).status_code == 204
    assert ann.get(f"{ALL}/{launch['id']}").json()["launch"]["naturalId"] == "run-of-its-own/7"


def event(kind: str, run: str) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": datetime.now(UTC).isoformat(),
        "producer": "https://example.org/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run},
        "job": JOB,
    }


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def test_who_waits_gets_the_launch_that_is_asked_for_meanwhile(speaker: Speaker) -> None:
    ann, engine = speaker("ann", "admin"), speaker("engine", "ingest", orchestrator="house")
    ann.post(ALL, json={})  # a route is made ready by its first request, by one thread at a time
    assert engine.get(f"{ALL}/next?orchestrator=house&wait=0.1").status_code == 204
    with ThreadPoolExecutor(1) as other:
        waits = other.submit(engine.get, f"{ALL}/next?orchestrator=house&wait=20")
        assert not waits.done()
        made = ann.post(ALL, json=WISH | {"key": "awaited"}).json()["launch"]
        assert waits.result(60).json()["id"] == made["id"]
    assert engine.get(f"{ALL}/next?orchestrator=house&wait=-1").status_code == 422


def test_an_engine_that_can_not_start_it_gets_it_again_or_gives_it_up(speaker: Speaker) -> None:
    ann, engine = speaker("ann", "admin"), speaker("engine", "ingest", orchestrator="house")
    number = ann.post(ALL, json=WISH).json()["launch"]["id"]
    place = f"{ALL}/{number}/nack?orchestrator=house"
    lease = engine.get(f"{ALL}/next?orchestrator=house").json()["lease"]
    assert engine.post(place, json={"lease": lease, "error": "no slot"}).status_code == 204
    assert engine.post(place, json={"lease": lease, "error": "no slot"}).status_code == 409
    shown = ann.get(f"{ALL}/{number}").json()["launch"]
    assert (shown["state"], shown["reason"]) == ("due", "no slot")
    found: list[Any] = []

    def fetched() -> bool:
        answer = engine.get(f"{ALL}/next?orchestrator=house")
        if answer.status_code == 200:
            found.append(answer.json())
        return bool(found)

    until(fetched)
    assert found[0]["again"]
    told = {"lease": found[0]["lease"], "error": "no such job", "permanent": True}
    assert engine.post(place, json=told).status_code == 204
    assert ann.get(f"{ALL}?state=dead").json()["launches"][0]["reason"] == "no such job"
    assert ann.post(f"{ALL}/{number}/resend").json()["launch"]["state"] == "due"
    assert ann.post(f"{ALL}/{number}/cancel").json()["launch"]["state"] == "cancelled"


def test_only_who_acts_for_an_orchestrator_fetches_its_launches(speaker: Speaker) -> None:
    reader, other = speaker("reader", "read"), speaker("other", "ingest", orchestrator="elsewhere")
    for who in (reader, other):
        assert who.get(f"{ALL}/next?orchestrator=house").status_code == 403
    assert speaker("any", "ingest").get(f"{ALL}/next?orchestrator=house").status_code == 204
    assert speaker("ann", "admin").get(f"{ALL}/next?orchestrator=nowhere").status_code == 404


def test_a_team_launches_what_it_was_granted(speaker: Speaker) -> None:
    ads, hr = speaker("ads", "trigger", "read", team="ads"), speaker("hr", "trigger", team="hr")
    reader = speaker("reader", "read")
    made = ads.post(ALL, json=WISH)
    assert (made.status_code, made.json()["launch"]["team"]) == (201, "ads")
    barred = ads.post(ALL, json=WISH | {"conf": {"drop": True}})
    assert barred.status_code == 403
    assert "may not set drop" in barred.json()["detail"]
    refused = hr.post(ALL, json=WISH)
    assert (refused.status_code, "no grant lets it" in refused.json()["detail"]) == (403, True)
    assert reader.post(ALL, json=WISH).status_code == 403
    assert hr.post(f"{ALL}/{made.json()['launch']['id']}/cancel").status_code == 403
    missing = ads.post(ALL, json=WISH | {"orchestrator": "nowhere"})
    assert missing.status_code == 404


def test_a_stop_holds_what_was_asked_for(speaker: Speaker) -> None:
    ann, engine = speaker("ann", "admin"), speaker("engine", "ingest", orchestrator="house")
    stops = ann.post(f"{ALL}/stop", json={"why": "an incident"}).json()["stops"]
    assert [(one["orchestrator"], one["by"]) for one in stops] == [("", "ann")]
    number = ann.post(ALL, json=WISH).json()["launch"]["id"]
    assert engine.get(f"{ALL}/next?orchestrator=house").status_code == 204
    shown = ann.get(f"{ALL}/{number}").json()["launch"]
    assert (shown["state"], shown["reason"]) == (
        "held",
        "launches were stopped by ann: an incident",
    )
    assert [one["id"] for one in ann.get(f"{ALL}?state=held").json()["launches"]] == [number]
    assert ann.post(f"{ALL}/go", json={}).json() == {"stops": []}
    assert engine.get(f"{ALL}/next?orchestrator=house").json()["id"] == number
    actions = [one["action"] for one in ann.get("/api/v1/audit").json()["actions"]]
    assert {"launches_stopped", "launch_asked", "launches_let_go"} <= set(actions)


def test_launches_are_listed_page_by_page_and_by_what_is_asked(speaker: Speaker) -> None:
    ann = speaker("ann", "admin")
    numbers = [
        ann.post(ALL, json=WISH | {"partition": f"p{each}"}).json()["launch"]["id"]
        for each in range(5)
    ]
    page = ann.get(f"{ALL}?limit=2").json()
    found = [one["id"] for one in page["launches"]]
    while page["nextCursor"]:
        page = ann.get(f"{ALL}?limit=2&cursor={page['nextCursor']}").json()
        found += [one["id"] for one in page["launches"]]
    assert found == list(reversed(numbers))
    by_job = ann.get(f"{ALL}?namespace=house&job=mart&partition=p3").json()["launches"]
    assert [one["id"] for one in by_job] == [numbers[3]]
    assert ann.get(f"{ALL}?job=mart").status_code == 400
    assert ann.get(f"{ALL}/999").status_code == 404


def test_a_grant_lets_a_team_launch_until_it_is_taken_back(speaker: Speaker) -> None:
    root, hanna = speaker("root", "admin"), speaker("hanna", "read", "trigger", team="hr")
    assert hanna.post(ALL, json=WISH).status_code == 403
    told = {"team": "hr", "orchestrator": "house", "job": "m*"}
    assert hanna.post("/api/v1/grants", json=told).status_code == 403
    made = root.post("/api/v1/grants", json=told)
    assert made.status_code == 201
    assert root.post("/api/v1/grants", json=told).json()["id"] == made.json()["id"]
    refused = hanna.post(ALL, json=WISH)
    assert (refused.status_code, "may not set day" in refused.text) == (403, True)
    assert hanna.post(ALL, json=WISH | {"conf": {}}).status_code == 201
    listed = hanna.get("/api/v1/grants").json()["grants"]
    assert [(one["id"] > 0, one["team"], one["job"]) for one in listed] == [
        (False, "ads", "mart"),
        (True, "hr", "m*"),
    ]
    gone = f"/api/v1/grants/{made.json()['id']}"
    assert [root.delete(gone).status_code for _ in range(2)] == [200, 404]
    assert hanna.post(ALL, json=WISH | {"conf": {}, "key": "late"}).status_code == 403


def test_a_grant_of_an_unknown_team_is_refused_with_the_known_ones(speaker: Speaker) -> None:
    told = {"team": "nobody", "job": "m*"}
    refused = speaker("root", "admin").post("/api/v1/grants", json=told)
    assert (refused.status_code, "ads, hr" in refused.text) == (400, True)
