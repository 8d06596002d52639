"""Advice over HTTP, on its page and at the command line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from hub import cli, tokens
from hub.access import Scope
from hub.api.hub import Hub
from hub.store.access import NewToken, put_team
from hub.web.app import create_site
from tests.e2e.conftest import BASE
from tests.support.hub_process import HubProcess
from tests.support.recording import run_event
from tests.support.tokens import make_token

API = "/api/v1/advice"
DAYS = 12
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def day_by_day(job: str, hour: int, first: int, **told: Any) -> list[dict[str, Any]]:
    """A run on each of twelve days, of ten minutes; run ids count from the first."""
    events = []
    for n in range(DAYS):
        start = TODAY - timedelta(days=DAYS - n) + timedelta(hours=hour)
        for kind, minutes in (("START", 0), ("COMPLETE", 10)):
            event = run_event(kind, 0, first + n, job=job, **told)
            events.append(event | {"eventTime": (start + timedelta(minutes=minutes)).isoformat()})
    return events


def load() -> list[dict[str, Any]]:
    """Writes orders at ten past three."""
    return day_by_day("load", 3, 1, outputs=["orders"])


def reader(job: str = "mart", team: str = "sales", first: int = 100) -> list[dict[str, Any]]:
    """A job of a team that reads them at four."""
    owned = {"ownership": {"owners": [{"name": f"team:{team}"}]}}
    return day_by_day(job, 4, first, inputs=["orders"], job_facets=owned)


def schedules(*jobs: str) -> list[dict[str, Any]]:
    at = (TODAY - timedelta(days=20)).isoformat()
    cron = {"kind": "cron", "expression": "0 4 * * *", "timezone": "UTC"}
    return [
        {
            "type": "schedule", "observed_at": at, "schedule": cron,
            "job": {"namespace": "prod", "name": job},
        }
        for job in jobs
    ]  # fmt: skip


Client = Callable[..., TestClient]


@pytest.fixture
def client(hub: Hub) -> Client:
    """Somebody who signs in with these scopes, of a team or of none, and may write namespaces."""

    def make(*scopes: Scope, team: str | None = None, writes: tuple[str, ...] = ()) -> TestClient:
        wanted = NewToken(
            name=f"{'-'.join(scopes)}-{team}", scopes=scopes, namespaces=writes, team=team
        )
        issued = hub.writer.call(
            lambda c: tokens.issue(c, wanted, actor="test", now=datetime.now(UTC))
        )
        hub.authenticator.forget()
        made = TestClient(create_site(hub), base_url=BASE, raise_server_exceptions=False)
        made.headers |= {"authorization": f"Bearer {issued.text}", "origin": BASE}
        return made

    return make


@pytest.fixture
def admin(hub: Hub, client: Client) -> TestClient:
    """Somebody who may do everything, and a hub that has something to advise."""
    made = client(Scope.ADMIN, writes=("*",))
    for event in (*load(), *reader(), *reader("report", "finance", 200)):
        assert made.post("/api/v1/lineage", json=event).status_code < 300
    seen = schedules("load", "mart", "report")
    answer = made.post("/api/v1/observations", json=seen)
    assert answer.status_code < 300, answer.text
    hub.advisor.look(anew=True)
    return made


def told(client: TestClient, **asked: Any) -> list[dict[str, Any]]:
    answer = client.get(API, params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["advice"]
    return found


def subjects(client: TestClient, **asked: Any) -> list[str]:
    return [one["job"]["name"] for one in told(client, **asked)]


def test_advice_has_its_evidence_the_fix_and_what_to_paste(admin: TestClient) -> None:
    mart, report = told(admin, kind="guessed_start")
    assert (mart["job"], mart["team"]) == ({"namespace": "prod", "name": "mart"}, "sales")
    assert mart["title"] == "A start that is guessed by the clock"
    assert (mart["savesS"], mart["evidence"]["runs"]) == (3000.0, DAYS)
    assert "when: db/orders" in mart["yaml"]
    assert report["job"]["name"] == "report"
    run = mart["examples"][0]["run"]
    assert admin.get(f"/api/v1/jobs/runs/{run}").status_code == 200


def test_it_is_narrowed_by_team_kind_and_name_and_told_in_pages(admin: TestClient) -> None:
    assert subjects(admin) == ["mart", "report"]
    assert subjects(admin, team="finance") == ["report"]
    assert subjects(admin, namespace="prod", name="mart") == ["mart"]
    assert subjects(admin, kind="overlap") == []
    first = admin.get(API, params={"limit": 1}).json()
    assert (first["totalCount"], len(first["advice"])) == (2, 1)
    assert subjects(admin, limit=1, cursor=first["nextCursor"]) == ["report"]
    wrong = admin.get(API, params={"kind": "overlaps"})
    assert wrong.status_code == 400
    assert "overlap" in wrong.json()["detail"]
    assert admin.get(API, params={"cursor": "xyz"}).status_code == 400


def test_what_was_dismissed_is_told_no_more_until_that_is_taken_back(admin: TestClient) -> None:
    key = told(admin)[0]["key"]
    empty = admin.post(f"{API}/{key}/dismissal", json={"why": ""})
    assert empty.status_code == 422
    made = admin.post(f"{API}/{key}/dismissal", json={"why": "the bank wants it at four"})
    assert made.status_code == 201, made.text
    assert made.json()["dismissal"]["why"] == "the bank wants it at four"
    assert subjects(admin) == ["report"]
    (held,) = told(admin, dismissed=True)
    assert held["dismissal"]["by"] == "admin-None"
    assert admin.delete(f"{API}/{key}/dismissal").status_code == 204
    assert subjects(admin) == ["mart", "report"]
    assert admin.delete(f"{API}/{key}/dismissal").status_code == 404
    actions = admin.get("/api/v1/audit").json()["actions"]
    done = [one["action"] for one in actions if "prod/mart" in one["subject"]]
    assert done == ["advice_dismissal_taken_back", "advice_dismissed"]


def test_only_who_may_operate_what_it_is_about_dismisses_it(
    admin: TestClient, client: Client
) -> None:
    key = told(admin, team="sales")[0]["key"]
    path, why = f"{API}/{key}/dismissal", {"why": "so be it"}
    assert client(Scope.READ).post(path, json=why).status_code == 403
    assert (
        client(Scope.READ, Scope.OPERATE, team="finance", writes=("other",))
        .post(path, json=why)
        .status_code
        == 403
    )
    assert (
        client(Scope.READ, Scope.OPERATE, team="sales", writes=("other",))
        .post(path, json=why)
        .status_code
        == 201
    )
    assert admin.post(f"{API}/{'0' * 16}/dismissal", json=why).status_code == 404
    assert admin.post(f"{API}/nonsense/dismissal", json=why).status_code == 422


def test_what_is_private_to_another_team_is_not_told(
    hub: Hub, admin: TestClient, client: Client
) -> None:
    hub.writer.call(lambda c: put_team(c, "finance", private=True, now=datetime.now(UTC)))
    stranger = client(Scope.READ, Scope.OPERATE, team="sales", writes=("*",))
    assert subjects(stranger) == ["mart"]
    assert subjects(client(Scope.READ, team="finance")) == ["mart", "report"]
    key = told(admin, team="finance")[0]["key"]
    assert stranger.post(f"{API}/{key}/dismissal", json={"why": "x"}).status_code == 404
    assert "report" not in stranger.get("/advice").text


def test_the_page_shows_it_and_takes_a_dismissal(admin: TestClient) -> None:
    shown = unescape(admin.get("/advice").text)
    assert "A start that is guessed by the clock" in shown
    assert "usually 50 min after orders, written by load" in shown
    assert "when: db/orders" in shown
    assert 'href="job?namespace=prod&name=mart"' in shown
    assert "report" not in unescape(admin.get("/advice?team=sales&kind=").text)
    keys = re.findall(r'name="key" value="(\w+)"', shown)
    form = {"say": "dismiss", "key": keys[0], "why": "as it should be", "next": "advice?team=sales"}
    answer = admin.post("/advice", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "advice?team=sales")
    assert "Nothing to advise" in admin.get("/advice?team=sales").text
    assert "as it should be" in admin.get("/advice?dismissed=true").text
    again = admin.post("/advice", data={"say": "again", "key": keys[0]}, follow_redirects=False)
    assert again.status_code == 303
    assert "Nothing to advise" not in admin.get("/advice?team=sales").text
    assert admin.post("/advice", data={"key": keys[0], "why": " "}).status_code == 400
    assert admin.post("/advice", data={"key": "../x", "why": "y"}).status_code == 400


def test_the_page_of_a_job_and_of_a_team_lead_to_it(admin: TestClient) -> None:
    job = unescape(admin.get("/job", params={"namespace": "prod", "name": "mart"}).text)
    assert 'href="advice?namespace=prod&name=mart"' in job
    assert 'href="advice?team=sales"' in unescape(admin.get("/team?name=sales").text)
    assert "50 min" in admin.get("/advice?namespace=prod&name=mart").text


def test_names_full_of_markup_stay_names(hub: Hub, admin: TestClient) -> None:
    nasty = "<script>alert(1)</script>"
    for event in reader(nasty, "<b>team</b>", 300):
        admin.post("/api/v1/lineage", json=event)
    admin.post("/api/v1/observations", json=schedules(nasty))
    hub.advisor.look(anew=True)
    assert nasty in subjects(admin)
    raw = admin.get("/advice").text
    assert "<script>alert" not in raw
    assert "<b>team" not in raw


# -- at the command line -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubProcess, str]]:
    folder = tmp_path_factory.mktemp("hub")
    token = make_token(folder, "me", "admin")
    with HubProcess(folder) as hub:
        yield hub, token


def test_the_command_tells_it_and_all_of_it_to_programs(
    at_work: tuple[HubProcess, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub, token = at_work
    monkeypatch.setenv("TRACKSIDE_URL", hub.url)
    monkeypatch.setenv("TRACKSIDE_TOKEN", token)

    def advise(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["trackside", "advise", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsys.readouterr().out

    headers = {"authorization": f"Bearer {token}"}
    for event in (*load(), *reader()):
        assert hub.post(event, headers=headers).status_code < 300
    seen = schedules("load", "mart")
    told = httpx.post(f"{hub.url}/api/v1/observations", json=seen, headers=headers, timeout=60)
    assert told.status_code < 300, told.text
    said = advise()
    assert "A start that is guessed by the clock guessed_start" in said
    assert "prod/mart, team sales starts by the clock" in said
    assert "  when: db/orders" in said
    assert "1 pieces of advice" not in said
    assert "Nothing to advise." in advise("--team", "nobody")
    (one,) = json.loads(advise("--team", "sales", "--json"))["advice"]
    assert one["savesS"] == 3000.0
