"""What people say of incidents over HTTP, and what a viewer may know of those of others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub import tokens
from hub.access import Scope
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.access import NewToken, put_team
from tests.e2e.conftest import BASE, headers_of_admin
from tests.support.recording import run_event

API = "/api/v1"
RULES = """
version: 1
rules:
  - {name: secret-plan, kind: failed_run, select: {team: secret}}
  - {name: payroll, kind: overrun, select: {name: "pay*"}, settings: {limit_s: 1.0e+9}}
  - {name: twice, kind: failed_run, settings: {in_a_row: 2}, escalate: {after_s: 60}}
  - {name: freshness, kind: freshness, enabled: false}
"""


@pytest.fixture(scope="module")
def module_hub(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    file = tmp_path_factory.mktemp("rules") / "trackside.yaml"
    Path(file).write_text(RULES)
    flags = {"database_url": module_database_url}
    with running(Settings.load(file, flags, environment={})) as hub:
        yield hub


def send(client: TestClient, kind: str, minute: float, run: int = 1, **more: Any) -> None:
    answer = client.post(f"{API}/lineage", json=run_event(kind, minute, run, **more))
    assert answer.status_code == 201, answer.text


def fail(client: TestClient, job: str = "load", run: int = 1, at: float = 0, **more: Any) -> None:
    send(client, "START", at, run, job=job, **more)
    send(client, "FAIL", at + 1, run, job=job, **more)


def wait_for(client: TestClient, count: int = 1, **asked: Any) -> list[dict[str, Any]]:
    """Incidents, when they are so many; those that opened first come first."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = client.get(f"{API}/incidents", params=asked).json()["incidents"]
        if len(found) == count:
            return list(reversed(found))
        time.sleep(0.1)
    raise TimeoutError(f"not {count} incidents")


def reader(
    hub: Hub, name: str, *scopes: Scope, team: str | None = None, writes: str = "*"
) -> TestClient:
    spaces = (writes,) if scopes else ()
    wanted = NewToken(name, scopes or (Scope.READ,), team, namespaces=spaces)
    issued = hub.writer.call(
        lambda connection: tokens.issue(connection, wanted, actor="test", now=datetime.now(UTC))
    )
    hub.authenticator.forget()
    headers = {"Authorization": f"Bearer {issued.text}"}
    return TestClient(create_app(hub), base_url=BASE, headers=headers)


def say(operator: TestClient, key: int, action: str, status: int = 200, **said: Any) -> Any:
    answer = operator.post(f"{API}/incidents/{key}/{action}", json=said)
    assert answer.status_code == status, answer.text
    return answer.json()


# -- what people say -------------------------------------------------------------------------------


def test_what_is_snoozed_comes_back_by_itself(operator: TestClient) -> None:
    fail(operator)
    (one,) = wait_for(operator)
    until = datetime.now(UTC) + timedelta(seconds=2)
    told = say(operator, one["id"], "snooze", until=until.isoformat(), reason="lunch")
    assert (told["state"], told["history"][-1]["reason"]) == ("SNOOZED", "lunch")
    (back,) = wait_for(operator, state="OPEN")
    history = operator.get(f"{API}/incidents/{back['id']}").json()["history"]
    assert [each["transition"] for each in history] == ["opened", "snoozed", "woken"]
    assert history[-1]["by"] is None


@pytest.mark.parametrize(
    ("action", "said", "status", "told"),
    [
        ("snooze", {"until": "2020-01-01T00:00:00Z"}, 400, "a time that has not passed"),
        ("snooze", {}, 422, "until"),
        ("note", {"reason": ""}, 422, "reason"),
        ("new-normal", {}, 409, "does not learn what is normal"),
        ("acknowledge", {"raeson": "x"}, 422, "raeson"),
    ],
)
def test_what_can_not_be_is_refused_and_says_why(
    operator: TestClient, action: str, said: dict[str, str], status: int, told: str
) -> None:
    fail(operator)
    (one,) = wait_for(operator)
    answer = operator.post(f"{API}/incidents/{one['id']}/{action}", json=said)
    assert answer.status_code == status
    assert told in answer.text


def test_each_action_is_done_once_kept_with_its_reason_and_audited(operator: TestClient) -> None:
    fail(operator)
    (one,) = wait_for(operator)
    for action in ("acknowledge", "acknowledge", "expected", "expected", "reopen", "reopen"):
        say(operator, one["id"], action, reason=f"why {action}")
    told = say(operator, one["id"], "note", reason="the vendor knows")
    steps = [(each["transition"], each["by"]) for each in told["history"]]
    assert steps[:5] == [
        ("opened", None),
        ("acknowledged", "admin"),
        ("resolved", "admin"),
        ("reopened", "admin"),
        ("noted", "admin"),
    ]
    actions = [each["action"] for each in operator.get(f"{API}/audit").json()["actions"]]
    assert actions[0] == "incident_noted"
    assert {"incident_acknowledged", "incident_expected", "incident_reopened"} <= set(actions)


def test_a_transition_tells_how_it_stood_and_where_more_is_told(operator: TestClient) -> None:
    facets = {"externalQuery": {"externalQueryId": "1", "source": "x"}}
    fail(operator, run_facets=facets)
    (one,) = wait_for(operator)
    links = one["links"]
    assert links["subject"] == f"{API}/namespaces/prod/jobs/load"
    for link in (links["incident"], links["subject"], links["run"]):
        assert operator.get(link).status_code == 200, link
    told = operator.get(f"{API}/incidents/{one['id']}").json()["history"][0]
    assert (told["state"], told["severity"], told["parentId"]) == ("OPEN", "error", None)
    assert told["evidence"]["inARow"] == 1


# -- which -----------------------------------------------------------------------------------------


def test_incidents_are_found_by_what_they_are_and_when_they_opened(operator: TestClient) -> None:
    fail(operator)
    fail(operator, "50%_done", 2)
    first, second = wait_for(operator, 2)

    def found(**asked: Any) -> list[int]:
        answer = operator.get(f"{API}/incidents", params=asked)
        assert answer.status_code == 200, answer.text
        return sorted(one["id"] for one in answer.json()["incidents"])

    both = sorted([first["id"], second["id"]])
    assert found(severity="error", kind="failed_run", state="OPEN", namespace="prod") == both
    assert found(severity="critical") == found(namespace="x") == found(orchestrator="no") == []
    assert found(text="0%_D") == found(text="50%") == [second["id"]]
    assert found(text="%_") == [second["id"]]
    assert found(text="failed") == both
    assert found(since=second["openedAt"]) in ([second["id"]], both)
    assert found(until=first["openedAt"]) == []
    assert found(since=first["openedAt"]) == both
    whose = operator.get(f"{API}/namespaces/prod/jobs/load").json()["orchestrator"]
    assert found(orchestrator=whose) == both
    assert operator.get(f"{API}/incidents", params={"severity": "bad"}).status_code == 422


def test_the_stream_tells_each_step_once_and_waits_at_its_end(operator: TestClient) -> None:
    start = operator.get(f"{API}/incidents/transitions", params={"fromNow": True}).json()
    assert start["transitions"] == []
    fail(operator)
    (one,) = wait_for(operator)
    say(operator, one["id"], "acknowledge")
    cursor, seen = start["nextCursor"], []
    while True:
        asked = {"cursor": cursor, "limit": 1}
        told = operator.get(f"{API}/incidents/transitions", params=asked).json()
        if told["nextCursor"] == cursor:
            break
        cursor = told["nextCursor"]
        seen += told["transitions"]
    assert [each["transition"]["transition"] for each in seen] == ["opened", "acknowledged"]
    assert {each["incidentId"] for each in seen} == {one["id"]}
    wrong = operator.get(f"{API}/incidents/transitions", params={"cursor": "nonsense"})
    assert wrong.status_code == 400


# -- who may know ----------------------------------------------------------------------------------


@pytest.fixture
def chain(hub: Hub, operator: TestClient) -> list[dict[str, Any]]:
    """secret-payroll -> raw -> load; the first is private to a team, and both have failed."""
    now = datetime.now(UTC)
    hub.writer.call(lambda connection: put_team(connection, "secret", private=True, now=now))
    owner = {"ownership": {"owners": [{"name": "team:secret", "type": "TEAM"}]}}
    send(operator, "START", 0, 1, job="payroll", job_facets=owner, outputs=["raw"])
    send(operator, "COMPLETE", 1, 1, job="payroll", job_facets=owner, outputs=["raw"])
    send(operator, "START", 1, 2, inputs=["raw"])
    send(operator, "COMPLETE", 2, 2, inputs=["raw"])
    assert operator.get(f"{API}/namespaces/prod/jobs/payroll").json()["team"] == "secret"
    fail(operator, "payroll", 3, 10, job_facets=owner)
    wait_for(operator, 2)  # by failed-run, and by the team's own rule
    fail(operator, run=4, at=12)
    return wait_for(operator, 3)


def test_a_cause_that_is_private_is_not_told_to_others(
    hub: Hub, operator: TestClient, chain: list[dict[str, Any]]
) -> None:
    child = chain[-1]
    assert child["job"]["name"] == "load"
    assert child["parentId"] in {one["id"] for one in chain[:-1]}
    root = next(one for one in chain if one["id"] == child["parentId"])
    assert root["children"] == 1
    outsider, member = reader(hub, "outsider"), reader(hub, "member", team="secret")
    (seen,) = outsider.get(f"{API}/incidents").json()["incidents"]
    assert (seen["id"], seen["parentId"]) == (child["id"], None)
    assert len(outsider.get(f"{API}/incidents", params={"roots": True}).json()["incidents"]) == 1
    of_it = outsider.get(f"{API}/incidents", params={"cause": root["id"]}).json()
    assert of_it["incidents"] == []
    page = outsider.get(f"{API}/incidents/{child['id']}").text
    stream = outsider.get(f"{API}/incidents/transitions").text
    for text in (page, stream):
        assert "payroll" not in text
        assert f'"parentId":{root["id"]}' not in text
    assert outsider.get(f"{API}/incidents/{root['id']}").status_code == 404
    told = member.get(f"{API}/incidents/{child['id']}").json()
    assert told["parentId"] == root["id"]


def test_rules_tell_others_nothing_of_what_is_private(
    hub: Hub, operator: TestClient, chain: list[dict[str, Any]]
) -> None:
    assert chain
    clients = {
        "outsider": reader(hub, "outsider"),
        "member": reader(hub, "member", team="secret"),
        "operating": reader(hub, "operating", Scope.READ, Scope.OPERATE),
    }
    told = {
        who: {rule["name"]: rule for rule in client.get(f"{API}/rules").json()["rules"]}
        for who, client in clients.items()
    }
    assert "secret-plan" not in told["outsider"]
    assert told["outsider"]["payroll"]["select"] is None
    assert told["outsider"]["failed-run"]["select"] is not None
    for who in ("member", "operating"):
        assert told[who]["secret-plan"]["select"]["team"] == "secret"
        assert told[who]["payroll"]["select"]["name"] == "pay*"
    explained = {"nodeId": "job:prod:load"}
    text = clients["outsider"].get(f"{API}/rules/explain", params=explained).text
    assert "secret" not in text
    assert "pay" not in text
    hidden = {"nodeId": "job:prod:payroll"}
    assert clients["outsider"].get(f"{API}/rules/explain", params=hidden).status_code == 404
    assert clients["member"].get(f"{API}/rules/explain", params=hidden).status_code == 200
    assert operator.get(f"{API}/rules/explain", params=hidden).status_code == 200


# -- explained -------------------------------------------------------------------------------------


def explain(client: TestClient, node: str) -> dict[str, Any]:
    answer = client.get(f"{API}/rules/explain", params={"nodeId": node})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_what_watches_a_job_is_explained_with_what_it_says_now(operator: TestClient) -> None:
    fail(operator)
    (one,) = wait_for(operator)
    told = explain(operator, "job:prod:load")
    assert told["job"] == {"namespace": "prod", "name": "load"}
    assert not told["watched"]
    assert told["baseline"]["runs"] == 0
    rules = {rule["name"]: rule for rule in told["rules"]}
    failed = rules["failed-run"]
    assert failed["applies"]
    assert [each["status"] for each in failed["says"]] == ["VIOLATED"]
    assert [each["id"] for each in failed["incidents"]] == [one["id"]]
    assert rules["payroll"]["why"] == "it selects *:pay* only"
    assert rules["freshness"]["why"] == "it is turned off (enabled: false)"


def test_what_is_normal_for_a_job_is_explained(operator: TestClient) -> None:
    # At once: a baseline for which there is too little is not tried again within the hour.
    events = [
        run_event(kind, number * 20 + after, number)
        for number in range(1, 11)
        for kind, after in (("START", 0), ("COMPLETE", 5))
    ]
    assert operator.post(f"{API}/lineage/batch", json=events).status_code == 200
    end = time.monotonic() + 60
    while explain(operator, "job:prod:load")["baseline"]["expectedS"] is None:
        assert time.monotonic() < end
        time.sleep(0.2)
    normal = explain(operator, "job:prod:load")["baseline"]
    assert normal["runs"] in range(8, 11)
    assert 270 < normal["expectedS"] < 330 < normal["limitS"]


def test_explaining_moves_nothing(hub: Hub, operator: TestClient) -> None:
    fail(operator)
    wait_for(operator)
    before = operator.get(f"{API}/incidents/transitions").json()
    for _ in range(3):
        explain(operator, "job:prod:load")
    assert operator.get(f"{API}/incidents/transitions").json() == before


def test_a_dataset_is_explained_and_what_is_about_jobs_does_not_apply(operator: TestClient) -> None:
    send(operator, "START", 0, 1, outputs=["mart"])
    send(operator, "COMPLETE", 1, 1, outputs=["mart"])
    told = explain(operator, "dataset:db:mart")
    assert told["dataset"] == {"namespace": "db", "name": "mart"}
    rules = {rule["name"]: rule for rule in told["rules"]}
    assert rules["failed-run"]["why"] == "it is about jobs"


@pytest.mark.parametrize(("node", "status"), [("job:prod:no", 404), ("run:x", 400), ("", 422)])
def test_what_is_not_there_is_not_explained(operator: TestClient, node: str, status: int) -> None:
    answer = operator.get(f"{API}/rules/explain", params={"nodeId": node})
    assert answer.status_code == status


def test_who_may_only_read_says_nothing(hub: Hub, client: TestClient) -> None:
    fail(client)
    (one,) = wait_for(client)
    assert headers_of_admin(hub)
    outsider = reader(hub, "outsider")
    for action in ("snooze", "new-normal", "reopen", "note"):
        said = (
            {"reason": "x", "until": "2100-01-01T00:00:00Z"}
            if action == "snooze"
            else {"reason": "x"}
        )
        answer = outsider.post(f"{API}/incidents/{one['id']}/{action}", json=said)
        assert answer.status_code == 403, action


def test_who_may_operate_elsewhere_says_nothing_of_what_is_not_its_own(
    hub: Hub, operator: TestClient
) -> None:
    fail(operator)
    (one,) = wait_for(operator)
    path = f"{API}/incidents/{one['id']}/acknowledge"
    elsewhere = reader(hub, "elsewhere", Scope.READ, Scope.OPERATE, writes="test")
    refused = elsewhere.post(path)
    assert refused.status_code == 403
    assert "namespace 'prod'" in refused.text
    here = reader(hub, "here", Scope.READ, Scope.OPERATE, writes="pr*")
    assert here.post(path).status_code == 200


def test_a_team_speaks_of_what_it_owns(hub: Hub, chain: list[dict[str, Any]]) -> None:
    mine = next(one for one in chain if one["team"] == "secret")
    path = f"{API}/incidents/{mine['id']}/acknowledge"
    member = reader(hub, "member", Scope.READ, Scope.OPERATE, team="secret", writes="test")
    assert member.post(path).status_code == 200
