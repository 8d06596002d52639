"""Pages on which people plan, decide and set things: they show what is so, and do what they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from hub.access import Scope
from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.access import put_team
from hub.web.app import create_site
from tests.e2e.conftest import _empty
from tests.support.pages import ENGINE, eventually, send, shown, signed_in, subscribe, wrote
from tests.support.recording import dataset, run_event

PAGES = (
    "triggers", "launches", "backfills", "subscription-edit", "settings", "silences", "maintenance",
    "teams", "rules", "quality", "advice",
)  # fmt: skip
OWNED = {"ownership": {"owners": [{"name": "team:sales"}]}}


@pytest.fixture(scope="module")
def module_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder: Path = tmp_path_factory.mktemp("pages")
    settings = Settings(
        database_url=f"sqlite:///{folder}/hub.db",
        orchestrators=[ENGINE],
        grants=[{"team": "secret", "orchestrator": "engine", "job": "mart"}],
    )
    with running(settings) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    module_hub.authenticator.forget()
    yield module_hub
    _empty(module_hub)


@pytest.fixture(scope="module")
def site(module_hub: Hub) -> FastAPI:
    return create_site(module_hub)


Browser = Callable[..., TestClient]


@pytest.fixture
def browser(hub: Hub, site: FastAPI) -> Browser:
    """Somebody who is signed in with these scopes."""

    def make(*scopes: Scope, team: str | None = None) -> TestClient:
        return signed_in(hub, site, *scopes, team=team)

    return make


@pytest.fixture
def admin(browser: Browser) -> TestClient:
    return browser(Scope.ADMIN)


# -- what there is -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", [*PAGES, "tokens"])
def test_an_empty_hub_has_its_pages(admin: TestClient, page: str) -> None:
    answer = admin.get(f"/{page}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_dataset_shows_its_partitions_charts_gate_and_teams(admin: TestClient) -> None:
    for day in range(1, 12):
        send(admin, *wrote(day, "orders", day=day, rows=day, job="load", job_facets=OWNED))
    text = shown(admin, "dataset?namespace=db&name=orders")
    assert re.search(r'class="cell p-complete"[^>]*data-day="2026-11-04"', text)
    assert re.search(r'class="cell p-missing"[^>]*data-day="2026-11-13"', text)
    assert "11 complete" in text
    assert "good to publish" in text
    assert text.count('class="dot"') == 22
    assert 'href="team?name=sales"' in text


def test_columns_that_came_and_went_are_told(admin: TestClient) -> None:
    for run, names in ((1, ["id", "old"]), (2, ["id", "new"])):
        fields = {"schema": {"fields": [{"name": name, "type": "int"} for name in names]}}
        events = wrote(run, "orders")
        for event in events:
            event["outputs"] = [dataset("orders", **fields)]
            event["eventTime"] = (datetime.now(UTC) + timedelta(seconds=run)).isoformat()
        send(admin, *events)
    text = shown(admin, "dataset?namespace=db&name=orders")
    assert "<code>new</code> came" in text
    assert "<code>old</code> went" in text


def test_a_condition_is_drawn_with_what_arrived_and_what_is_awaited(admin: TestClient) -> None:
    subscribe(admin)
    send(admin, *wrote(1, "orders"))
    eventually(lambda: admin.get("/api/v1/subscriptions/mart/arrivals").json()["arrivals"])
    text = shown(admin, "subscription?name=mart")
    assert "all of these 2: 1 of 2 there" in text
    assert text.count('class="tick there"') == 1
    assert text.count('class="tick awaited"') == 2
    assert "waits" in text
    assert "db/items" in text


def test_why_a_subscription_did_not_launch_is_two_clicks_away(admin: TestClient) -> None:
    subscribe(admin)
    send(admin, *wrote(1, "orders"))
    eventually(lambda: admin.get("/api/v1/subscriptions/mart/arrivals").json()["arrivals"])
    assert 'href="triggers"' in shown(admin, "")
    text = shown(admin, "triggers")
    assert 'href="subscription?name=mart"' in text
    assert "waiting for db/items (1 of 2 there)" in shown(admin, "subscription?name=mart")


def test_a_launch_is_shown_with_its_steps(admin: TestClient) -> None:
    subscribe(admin, "db/orders")
    send(admin, *wrote(1, "orders"))
    found = eventually(lambda: admin.get("/api/v1/launches").json()["launches"])
    text = shown(admin, f"launch?id={found[0]['id']}")
    assert "What was done" in text
    assert 'href="subscription?name=mart"' in text
    assert f"launch?id={found[0]['id']}" in shown(admin, "launches")


def test_a_dry_run_says_what_would_have_been(admin: TestClient) -> None:
    send(admin, *wrote(1, "orders"))
    subscribe(admin, "db/orders")
    text = shown(admin, "subscription?name=mart&days=7")
    assert "It would have launched 1 time of 1 update" in text


def test_a_team_shows_what_it_owns_and_what_it_kept(admin: TestClient) -> None:
    send(admin, *wrote(1, "orders", job="load", job_facets=OWNED))
    now = datetime.now(UTC).isoformat()
    for kind in ("START", "FAIL"):
        event = run_event(kind, 0, 2, job="load", job_facets=OWNED)
        send(admin, event | {"eventTime": now})
    text = shown(admin, "team?name=sales")
    assert "50.00 %" in text
    assert ">load</a>" in text
    assert "1 kept, 1 failed" in text
    assert 'href="team?name=sales"' in shown(admin, "teams")
    assert "Team 'none' not found" in shown(admin, "team?name=none", 404)


def test_a_rule_tells_what_it_looks_for_and_what_it_opened(admin: TestClient) -> None:
    send(admin, run_event("START", 0), run_event("FAIL", 1))
    eventually(lambda: admin.get("/api/v1/incidents").json()["incidents"])
    text = shown(admin, "rule?name=failed-run")
    assert "A job's latest run failed" in text
    assert "1 opened" in text
    assert "Rule 'none' not found" in shown(admin, "rule?name=none", 404)


def test_what_is_missing_is_backfilled_in_four_clicks(admin: TestClient) -> None:
    for day in range(1, 12):
        send(admin, *wrote(day, "orders", day=day, job="load", namespace="jobs"))
    assert 'href="datasets"' in shown(admin, "")
    assert 'href="dataset?namespace=db&name=orders"' in shown(admin, "datasets")
    page = shown(admin, "dataset?namespace=db&name=orders")
    assert re.search(r'<form class="acts range" action="backfill-plan">', page)
    asked = "namespace=db&name=orders&first=2026-11-12&last=2026-11-18"
    plan = shown(admin, f"backfill-plan?{asked}")
    assert plan.count(">missing</span>") == 8
    (form,) = re.findall(
        r'<form class="acts" method="post" action="backfills">.*?</form>', plan, re.DOTALL
    )
    assert " disabled" not in form
    begun = admin.post("/backfills", data=dict(re.findall(r'name="(\w+)" value="([^"]*)"', form)))
    assert begun.url.path == "/backfill", begun.text
    assert "7 " in begun.text
    place = f"/backfill?{begun.url.query.decode()}"
    assert "Resume" in admin.post(place, data={"say": "pause"}).text
    assert "Pause" in admin.post(place, data={"say": "resume"}).text
    assert "Go on" in admin.post(place, data={"say": "cancel"}).text
    assert "orders" in shown(admin, "backfills")


# -- what people do ----------------------------------------------------------------------------


def test_an_editor_reads_while_one_types(admin: TestClient) -> None:
    wrong = admin.post("/condition", data={"when": "all(db/orders, oops)"})
    assert "column 16" in wrong.text
    right = unescape(admin.post("/condition", data={"when": "all(db/orders, db/items)"}).text)
    assert "all of these 2" in right
    assert "has not heard of db/items, db/orders" in right
    assert "<html" not in right


def test_a_subscription_is_written_changed_paused_and_removed(admin: TestClient) -> None:
    form = {"name": "mart", "when": "db/orders", "orchestrator": "engine", "job": "mart"}
    made = admin.post("/subscription-edit", data=form | {"more": '{"limits": {"concurrency": 1}}'})
    assert made.url.query == b"name=mart", made.text
    edit = shown(admin, "subscription-edit?name=mart")
    assert '"concurrency": 1' in edit
    admin.post("/subscription-edit", data=form | {"old": "mart", "when": "db/items"})
    kept = admin.get("/api/v1/subscriptions/mart").json()
    assert kept["spec"]["when"] == "db/items"
    paused = admin.post("/subscription?name=mart", data={"say": "pause", "reason": "a move"})
    assert "paused by admin-None: a move" in paused.text
    resumed = admin.post("/subscription?name=mart", data={"say": "resume", "how": "coalesce"})
    assert "has seen no update" in resumed.text
    gone = admin.post("/subscription?name=mart", data={"say": "remove"})
    assert gone.url.path == "/triggers"
    assert admin.get("/api/v1/subscriptions").json()["subscriptions"] == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"when": "all("}, "when: "),
        ({"conf": "no json"}, "conf: expected a JSON object"),
        ({"orchestrator": "none"}, "No orchestrator 'none' is declared"),
        ({"more": '{"nonsense": 1}'}, "nonsense: no such setting"),
    ],
)
def test_what_is_wrong_with_a_subscription_is_told_and_nothing_typed_is_lost(
    admin: TestClient, given: dict[str, str], told: str
) -> None:
    form = {"name": "mart", "when": "db/orders", "orchestrator": "engine", "job": "typed-job"}
    answer = admin.post("/subscription-edit", data=form | given)
    assert answer.status_code >= 400
    assert told in unescape(answer.text)
    assert 'value="typed-job"' in answer.text


def test_the_stop_switch_holds_launches_and_lets_them_go(admin: TestClient) -> None:
    stopped = admin.post("/stops", data={"say": "stop", "orchestrator": "", "why": "fire"})
    assert "held since" in stopped.text
    assert "fire" in stopped.text
    assert "held since" not in admin.post("/stops", data={"say": "go", "orchestrator": ""}).text


def test_a_token_is_shown_once_and_revoked(admin: TestClient) -> None:
    form = {
        "say": "make",
        "name": "airflow",
        "scope_ingest": "yes",
        "namespaces": "a-*, b",
        "days": "",
    }
    made = admin.post("/tokens", data=form)
    (secret,) = set(re.findall(r"tsk_\w{43}", made.text))
    assert made.headers["cache-control"] == "no-store"
    listed = shown(admin, "tokens")
    assert secret not in listed
    assert "a-*, b" in listed
    one = next(t for t in admin.get("/api/v1/tokens").json()["tokens"] if t["name"] == "airflow")
    admin.post("/tokens", data={"say": "revoke", "id": str(one["id"])})
    assert "revoked" in shown(admin, "tokens")
    assert "letters, digits" in admin.post("/tokens", data=form | {"name": "no good"}).text


def test_an_incident_is_silenced_for_an_hour_in_two_clicks(admin: TestClient) -> None:
    send(admin, run_event("START", 0), run_event("FAIL", 1))
    (one,) = eventually(lambda: admin.get("/api/v1/incidents").json()["incidents"])
    place = f"incident?id={one['id']}"
    assert f'href="{place}"' in shown(admin, "")
    page = shown(admin, place)
    (form,) = re.findall(r'<form method="post" action="silences">.*?</form>', page, re.DOTALL)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    done = admin.post("/silences", data=fields)
    assert str(done.url).endswith(place)
    (silence,) = admin.get("/api/v1/silences").json()["silences"]
    assert silence["match"] == {"namespace": "prod", "job": "load", "rule": "failed-run"}
    ends = datetime.fromisoformat(silence["endsAt"])
    assert timedelta(minutes=58) < ends - datetime.now(UTC) <= timedelta(hours=1)


def failing(admin: TestClient, run: int, at: int, message: str = "disk full") -> dict[str, Any]:
    """The incident of a run of an engine's job that fails, with what the run said."""
    error = {"errorMessage": {"message": message, "programmingLanguage": "python"}}
    send(admin, run_event("START", at, run, job="mart", namespace="jobs", inputs=["orders"]))
    send(admin, run_event("FAIL", at + 1, run, job="mart", namespace="jobs", run_facets=error))
    asked = {"open": "true"}
    found = eventually(lambda: admin.get("/api/v1/incidents", params=asked).json()["incidents"])
    return dict(found[0])


def test_an_incident_shows_its_run_among_those_before_its_error_and_what_ended_the_last_one(
    admin: TestClient,
) -> None:
    failing(admin, 1, 0)
    for kind in ("START", "COMPLETE"):
        send(admin, run_event(kind, 10, 2, job="mart", namespace="jobs"))
    eventually(lambda: not admin.get("/api/v1/incidents?open=true").json()["incidents"])
    one = failing(admin, 3, 20)
    text = shown(admin, f"incident?id={one['id']}")
    assert "How long its runs took" in text
    assert len(re.findall(r'class="here"', text)) == 1
    assert "disk full</pre>" in text
    assert "and what resolved it" in text
    assert ">healed</span>" in text
    assert 'class="node job here"' in text


def test_a_run_is_asked_for_from_an_incident_once_however_often_it_is_clicked(
    admin: TestClient, browser: Browser
) -> None:
    one = failing(admin, 1, 0)
    page = shown(admin, f"incident?id={one['id']}")
    (form,) = re.findall(r'<form method="post" action="launches">.*?</form>', page, re.DOTALL)
    assert "Run it again" in form
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    first, second = (admin.post("/launches", data=fields).url for _ in range(2))
    assert first == second
    assert first.path == "/launch"
    (launch,) = admin.get("/api/v1/launches").json()["launches"]
    assert launch["job"] == {"namespace": "jobs", "name": "mart"}
    assert launch["note"] == f"because of incident {one['id']}"
    reader = browser(Scope.READ)
    assert reader.post("/launches", data=fields).status_code == 403
    assert admin.post("/launches", data=fields | {"orchestrator": ""}).status_code == 400


def test_silences_and_windows_are_made_and_ended(admin: TestClient) -> None:
    told = admin.post(
        "/silences", data={"say": "add", "team": "sales", "hours": "4", "why": "a move"}
    )
    assert "team sales" in told.text
    (silence,) = admin.get("/api/v1/silences").json()["silences"]
    admin.post("/silences", data={"say": "end", "id": str(silence["id"])})
    assert admin.get("/api/v1/silences").json()["silences"] == []
    window = {"say": "add", "name": "patching", "namespace": "prod"}
    refused = admin.post("/maintenance", data=window)
    assert refused.status_code == 400
    assert "needs begin and end" in refused.text
    times = {"begin": "2099-01-01T10:00", "end": "2099-01-01T12:00"}
    assert "patching" in admin.post("/maintenance", data=window | times).text
    admin.post("/maintenance", data={"say": "end", "name": "patching"})
    assert "<td>patching<" not in shown(admin, "maintenance")


# -- who may what ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "form"),
    [
        ("stops", {"say": "stop"}),
        ("tokens", {"say": "make", "name": "x", "scope_admin": "yes", "days": ""}),
        ("silences", {"say": "add", "team": "sales", "hours": "1"}),
        ("maintenance", {"say": "end", "name": "x"}),
        ("settings", {"target": "x"}),
        ("subscription-edit", {"name": "x"}),
        ("subscription?name=x", {"say": "remove"}),
        ("launch?id=1", {"say": "cancel"}),
    ],
)
def test_who_may_only_read_changes_nothing_and_no_other_site_does(
    browser: Browser, admin: TestClient, place: str, form: dict[str, str]
) -> None:
    assert browser(Scope.READ).post(f"/{place}", data=form).status_code == 403
    elsewhere = {"origin": "https://evil.example"}
    assert admin.post(f"/{place}", data=form, headers=elsewhere).status_code == 403


def test_tokens_are_for_admins(browser: Browser) -> None:
    shown(browser(Scope.READ, Scope.OPERATE, Scope.TRIGGER), "tokens", 403)


def test_what_is_private_is_on_no_page_of_others(
    hub: Hub, admin: TestClient, browser: Browser
) -> None:
    hub.writer.call(lambda c: put_team(c, "secret", private=True, now=datetime.now(UTC)))
    owned = {"ownership": {"owners": [{"name": "team:secret"}]}}
    send(admin, *wrote(1, "hush-data", job="hush", job_facets=owned))
    subscribe(admin, "db/open", team="secret", description="hush")
    send(admin, *wrote(2, "open"))
    eventually(lambda: admin.get("/api/v1/launches").json()["launches"])
    stranger = browser(Scope.READ, team="sales")
    for page in (*PAGES, "dataset?namespace=db&name=open"):
        text = shown(stranger, page)
        assert "hush" not in text, page
        assert ">secret<" not in text, page
        assert ">mart<" not in text, page
    shown(stranger, "subscription?name=mart", 404)
    shown(stranger, "team?name=secret", 404)
    shown(browser(Scope.READ, team="secret"), "team?name=secret")
