"""Declaring orchestrators over the API and the command line, and seeing how asking them goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.api.app import create_app
from hub.api.hub import Hub
from hub.main import running
from hub.ports import Finding, Grade, Observed
from hub.settings import Settings
from tests.support.orchestrators import KIND, Scripted, scripted
from tests.support.recording import answer, run_event

SETTINGS = {"url": "http://localhost:1", "poll_every_s": 1}
WANTED = {"kind": KIND, "namespaces": ["prod"], "team": "data", "settings": SETTINGS}
PLACE = "/api/v1/orchestrators/mine"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    settings = Settings.model_validate(
        {
            "database_url": f"sqlite:///{tmp_path / 'a.db'}",
            "teams": [{"name": "data", "secrets": ["env:DATA_*"]}],
            "orchestrators": [{"name": "of-file", "kind": "engine"}],
        }
    )
    with scripted(), running(settings) as hub:
        yield hub


@pytest.fixture
def admin(hub: Hub, make_admin: Callable[[Hub], dict[str, str]]) -> TestClient:
    return TestClient(create_app(hub), base_url="http://127.0.0.1:8080", headers=make_admin(hub))


def until(holds: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_what_is_declared_is_asked_within_seconds_and_no_longer_when_taken_back(
    admin: TestClient,
) -> None:
    seen = run_event("START", 0, 1, namespace="prod", run_facets=answer("running"))
    Scripted.script = [Observed([seen], requests=2)]
    told = admin.put(PLACE, json=WANTED)
    assert told.status_code == 200
    assert (told.json()["name"], told.json()["kind"], told.json()["poll"]) == ("mine", KIND, None)
    until(lambda: (admin.get(PLACE).json()["poll"] or {}).get("requests", 0) >= 2)
    assert admin.get("/api/v1/namespaces/prod/jobs/load").json()["orchestrator"] == "mine"
    health = admin.get(PLACE).json()["health"]
    assert [(part["part"], part["status"]) for part in health] == [("connection", "HEALTHY")]

    assert admin.delete(PLACE).status_code == 204
    assert admin.get(PLACE).json()["poll"] is None
    assert admin.delete(PLACE).status_code == 404
    actions = [each["action"] for each in admin.get("/api/v1/audit").json()["actions"]]
    assert actions[:2] == ["orchestrator_taken_back", "orchestrator_declared"]


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"kind": "airfow"}, 422, "unknown kind of orchestrator"),
        ({"settings": {"colour": 1}}, 422, "settings.url: Field required"),
        ({"settings": SETTINGS | {"password": "hunter2"}}, 422, "a reference to a secret"),
        ({"settings": SETTINGS | {"password": "env:HUB_KEY"}}, 403, "env:HUB_KEY was not declared"),
        ({"team": None, "settings": SETTINGS | {"password": "env:DATA_X"}}, 403, "not declared"),
        ({"team": "nobody"}, 400, "a team of trackside.yaml (data)"),
        ({"namespaces": [""]}, 400, "names or globs"),
    ],
)
def test_a_declaration_that_can_not_be_is_refused_and_says_why(
    admin: TestClient, change: dict, status: int, told: str
) -> None:
    answered = admin.put(PLACE, json=WANTED | change)
    assert (answered.status_code, told in answered.json()["detail"]) == (status, True)
    assert "hunter2" not in answered.text
    assert admin.get(PLACE).status_code == 404


def test_what_the_file_manages_is_read_only(admin: TestClient) -> None:
    answered = admin.put("/api/v1/orchestrators/of-file", json=WANTED)
    assert answered.status_code == 409
    assert "managed by trackside.yaml" in answered.json()["detail"]


def test_only_an_admin_may_declare(hub: Hub) -> None:
    stranger = TestClient(create_app(hub), base_url="http://127.0.0.1:8080")
    assert stranger.put(PLACE, json=WANTED).status_code in {401, 403}
    assert stranger.post(f"{PLACE}/check", json=WANTED).status_code in {401, 403}


def test_a_connection_is_tried_before_anything_is_declared(admin: TestClient) -> None:
    answered = admin.post(f"{PLACE}/check", json=WANTED).json()
    assert answered["findings"] == [
        {"what": "address", "grade": "good", "detail": "", "mend": ""},
    ]
    assert answered["openlineageSetup"] == "OPENLINEAGE_URL=http://127.0.0.1:8080"
    assert admin.get(PLACE).status_code == 404
    assert admin.post(f"{PLACE}/check").status_code == 404


def test_an_adapter_that_fails_in_trying_is_a_finding(
    admin: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Scripted) -> list[Finding]:
        raise ZeroDivisionError

    monkeypatch.setattr(Scripted, "check_connection", fail)
    (found,) = admin.post(f"{PLACE}/check", json=WANTED).json()["findings"]
    assert (found["grade"], found["detail"]) == (Grade.BAD, "ZeroDivisionError")
