"""Maintenance windows and upcoming slots over HTTP and at the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub import tokens
from hub.access import Scope
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.main import writing
from hub.settings import Settings
from hub.store.access import NewToken
from tests.e2e.conftest import BASE, headers_of_admin
from tests.support.recording import observation, run_event

API = "/api/v1"
WEEKLY = {"name": "patching", "days": ["sat"], "at": "22:00", "duration": "PT4H"}


def once(name: str = "move", hours: float = 2, **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "name": name,
        "begin": (now - timedelta(minutes=1)).isoformat(),
        "end": (now + timedelta(hours=hours)).isoformat(),
        **more,
    }


def names(client: TestClient, **asked: Any) -> list[str]:
    told = client.get(f"{API}/maintenance", params=asked)
    assert told.status_code == 200, told.text
    return [one["name"] for one in told.json()["windows"]]


def test_a_window_is_added_seen_and_ended_and_who_did_it_is_noted(operator: TestClient) -> None:
    made = operator.post(f"{API}/maintenance", json=once(reason="new disks"))
    assert made.status_code == 201, made.text
    one = made.json()
    assert (one["active"], one["declaredBy"], one["managedBy"]) == (True, "admin", None)
    assert one["nextChangeAt"] == one["end"]
    assert names(operator) == ["move"]
    assert operator.post(f"{API}/maintenance", json=once()).status_code == 409
    assert operator.delete(f"{API}/maintenance/move").status_code == 204
    assert names(operator) == []
    assert names(operator, over=True) == ["move"]
    assert operator.delete(f"{API}/maintenance/move").status_code == 404
    actions = operator.get(f"{API}/audit").json()["actions"]
    done = [one["action"] for one in actions if one["subject"] == "maintenance:move"]
    assert done == ["maintenance_ended", "maintenance_added"]


def test_one_that_is_over_may_be_followed_by_one_of_its_name(operator: TestClient) -> None:
    operator.post(f"{API}/maintenance", json=once())
    operator.delete(f"{API}/maintenance/move")
    assert operator.post(f"{API}/maintenance", json=once()).status_code == 201
    assert names(operator, over=True) == ["move", "move"]


def test_one_that_comes_each_week_stays(operator: TestClient) -> None:
    told = operator.post(f"{API}/maintenance", json=WEEKLY).json()
    assert (told["days"], told["at"], told["overAt"]) == (["sat"], "22:00", None)
    assert names(operator) == ["patching"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "move"},
        once(begin="soon"),
        once(name="A b"),
        WEEKLY | {"at": 1320},
        WEEKLY | {"select": {"tem": "x"}},
        WEEKLY | {"reason": "a\0b"},
        once(begin="0001-01-01T00:00:00+14:00"),
    ],
)
def test_what_is_wrong_is_refused(operator: TestClient, wrong: dict[str, Any]) -> None:
    assert operator.post(f"{API}/maintenance", json=wrong).status_code in (400, 422)
    assert names(operator) == []


def test_who_may_only_read_adds_none(client: TestClient) -> None:
    assert client.post(f"{API}/maintenance", json=WEEKLY).status_code in (401, 403)
    assert client.delete(f"{API}/maintenance/patching").status_code in (401, 403)


@pytest.fixture
def sales(hub: Hub, operator: TestClient) -> TestClient:
    """An operator of a team that may write one namespace."""
    wanted = NewToken(
        name="sales",
        scopes=(Scope.OPERATE, Scope.READ),
        namespaces=("shop.*",),
        team="sales",
    )
    issued = hub.writer.call(
        lambda connection: tokens.issue(connection, wanted, actor="test", now=datetime.now(UTC))
    )
    hub.authenticator.forget()
    headers = {"Authorization": f"Bearer {issued.text}"}
    app = create_app(hub)
    return TestClient(app, base_url=BASE, headers=headers, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("select", "status"),
    [
        ({}, 403),
        ({"orchestrator": "airflow-prod"}, 403),
        ({"team": "finance"}, 403),
        ({"namespace": "*"}, 403),
        ({"namespace": "prod"}, 403),
        ({"team": "sales"}, 201),
        ({"namespace": "shop.orders"}, 201),
    ],
)
def test_a_team_silences_only_what_is_its_own(
    sales: TestClient, select: dict[str, str], status: int
) -> None:
    assert sales.post(f"{API}/maintenance", json=once(select=select)).status_code == status


def test_a_team_ends_no_window_of_others(sales: TestClient, operator: TestClient) -> None:
    operator.post(f"{API}/maintenance", json=once())
    assert sales.delete(f"{API}/maintenance/move").status_code == 403
    assert names(operator) == ["move"]


def test_windows_and_calendars_are_explained_where_they_matter(tmp_path: Any) -> None:
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/trackside.db",
        maintenance=[
            once(reason="new disks", select={"namespace": "prod"}),
            once("other", select={"namespace": "elsewhere"}),
            WEEKLY,
        ],
        calendars=[{"name": "never", "days": "dates", "dates": ["2020-01-01"]}],
        rules=[{"name": "failed-run", "kind": "failed_run", "calendar": "never"}],
    )
    with writing(settings) as hub:
        headers = headers_of_admin(hub)
        client = TestClient(create_app(hub), base_url=BASE, headers=headers)
        assert client.post(f"{API}/lineage", json=run_event("START", 0)).status_code == 201
        told = client.get(f"{API}/rules/explain", params={"nodeId": "job:prod:load"}).json()
    now, weekly = told["maintenance"]
    assert (now["name"], now["reason"], now["holds"]) == ("move", "new disks", True)
    assert now["changesAt"] is not None
    assert (weekly["name"], weekly["changesAt"] is None) == ("patching", False)
    by = {rule["name"]: (rule["calendar"], rule["today"]) for rule in told["rules"]}
    assert by["failed-run"] == ("only never", False)
    assert by["overrun"] == (None, True)


@pytest.fixture
def managed(tmp_path: Any) -> Iterator[TestClient]:
    """A hub whose file has a window and a schedule."""
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/trackside.db",
        maintenance=[WEEKLY],
        schedules=[{"select": {"namespace": "prod", "name": "load"}, "cron": "0 3 * * *"}],
    )
    with writing(settings) as hub:
        headers = headers_of_admin(hub)
        app = create_app(hub)
        yield TestClient(app, base_url=BASE, headers=headers, raise_server_exceptions=False)


def test_what_the_file_manages_is_read_only_and_says_so(managed: TestClient) -> None:
    (one,) = managed.get(f"{API}/maintenance").json()["windows"]
    assert one["managedBy"] == "trackside.yaml"
    for refused in (
        managed.delete(f"{API}/maintenance/patching"),
        managed.post(f"{API}/maintenance", json=WEEKLY),
    ):
        assert refused.status_code == 409
        assert "managed by trackside.yaml; change it there" in refused.json()["detail"]


def declared(hub: Hub, client: TestClient) -> None:
    """A job whose orchestrator says that it is to run daily at three."""
    assert client.post(f"{API}/lineage", json=run_event("START", 0)).status_code == 201
    schedule = {
        "type": "schedule",
        "job": {"namespace": "prod", "name": "load"},
        "schedule": {"kind": "cron", "expression": "0 3 * * *"},
        "observed_at": "2026-11-23T10:00:00Z",
    }
    hub.writer.record([observation(schedule)])


def test_upcoming_slots_of_one_job_and_of_all(hub: Hub, client: TestClient) -> None:
    declared(hub, client)
    job = f"{API}/namespaces/prod/jobs/load"
    now = datetime.now(UTC)
    until = (now + timedelta(days=3)).isoformat()
    one = client.get(f"{job}/slots", params={"until": until})
    assert one.status_code == 200, one.text
    dues = [datetime.fromisoformat(slot["dueAt"]) for slot in one.json()["upcoming"]]
    assert len(dues) == 3
    assert {due.hour for due in dues} == {3}
    assert client.get(f"{job}/slots").json()["upcoming"] == []
    asked: dict[str, str] = {"from": now.isoformat(), "to": until, "limit": "2"}
    first = client.get(f"{API}/schedules/upcoming", params=asked).json()
    rest = client.get(
        f"{API}/schedules/upcoming", params=asked | {"cursor": first["nextCursor"]}
    ).json()
    found = [*first["slots"], *rest["slots"]]
    assert [datetime.fromisoformat(slot["dueAt"]) for slot in found] == dues
    assert {slot["origin"] for slot in found} == {"observation"}
    assert rest["nextCursor"] is None


@pytest.mark.parametrize(
    "asked",
    [
        {"from": "9999-12-31T23:00:00Z"},
        {"from": "2026-01-01T00:00:00Z", "to": "2026-06-01T00:00:00Z"},
        {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"cursor": "nonsense"},
    ],
)
def test_too_much_or_nonsense_is_refused(client: TestClient, asked: dict[str, str]) -> None:
    assert client.get(f"{API}/schedules/upcoming", params=asked).status_code in (400, 422)
