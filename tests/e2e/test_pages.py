"""The pages show what is recorded, to whom it may be shown, and nothing that a name smuggles in."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from starlette.testclient import TestClient

from hub import tokens
from hub.access import Scope
from hub.api.hub import Hub
from hub.store.access import NewToken, put_team
from hub.web.app import create_site
from tests.e2e.conftest import BASE
from tests.support.recording import at, run_event

EVERYWHERE = ("", "incidents", "jobs", "datasets", "orchestrators", "search?q=load", "sign-in")


@pytest.fixture
def site(hub: Hub) -> TestClient:
    """Somebody without a token on a hub that runs open."""
    return _browser(hub)


def _browser(hub: Hub) -> TestClient:
    return TestClient(
        create_site(hub), base_url=BASE, raise_server_exceptions=False, follow_redirects=True
    )


def _token(hub: Hub, name: str, *scopes: Scope, team: str | None = None) -> str:
    wanted = NewToken(name=name, scopes=scopes, namespaces=("*",), team=team)
    issued = hub.writer.call(
        lambda connection: tokens.issue(connection, wanted, actor="test", now=datetime.now(UTC))
    )
    hub.authenticator.forget()
    return issued.text


def _send(client: TestClient, *events: dict[str, Any]) -> None:
    for event in events:
        assert client.post("/api/v1/lineage", json=event).status_code == 201


def _fail(client: TestClient, job: str = "load") -> int:
    """The incident of a run that failed."""
    _send(client, run_event("START", 0, job=job), run_event("FAIL", 1, job=job))
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = client.get("/api/v1/incidents").json()["incidents"]
        if found:
            return int(found[0]["id"])
        time.sleep(0.1)
    raise AssertionError("no incident opened")


def _sign_in(client: TestClient, token: str, place: str = ".") -> Any:
    return client.post("/sign-in", data={"token": token, "next": place}, headers={"origin": BASE})


# -- what there is -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", EVERYWHERE)
def test_an_empty_hub_has_its_pages(site: TestClient, page: str) -> None:
    answer = site.get(f"/{page}")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_list_goes_on_where_its_page_ends(site: TestClient) -> None:
    _send(site, *(run_event("COMPLETE", n, run=n + 1, job=f"job-{n}") for n in range(55)))
    first = site.get("/jobs").text
    (following,) = re.findall(r'href="(jobs\?cursor=[^"]+)"', first)
    second = site.get(f"/{unescape(following)}").text
    names = [set(re.findall(r">(job-\d+)</a>", text)) for text in (first, second)]
    assert (len(names[0]), len(names[1]), len(names[0] | names[1])) == (50, 5, 55)


def test_jobs_are_found_by_a_part_of_their_name_and_by_team(site: TestClient) -> None:
    owned = {"ownership": {"owners": [{"name": "team:sales"}]}}
    _send(site, run_event("COMPLETE", 0, job="load_orders", job_facets=owned))
    _send(site, run_event("FAIL", 1, run=2, job="load_items"), run_event("FAIL", 2, 3, job="100%"))

    def names(**asked: str) -> set[str]:
        text = site.get("/jobs", params=asked).text
        return set(re.findall(r'<tr><td><a href="job\?[^"]*">([^<]+)</a>', text))

    assert names(text="LOAD") == {"load_orders", "load_items"}
    assert names(text="%") == {"100%"}
    assert names(team="sales", text="", state="") == {"load_orders"}
    assert names(text="load", state="FAILED") == {"load_items"}
    assert names(text="none") == set()


def test_a_job_in_the_table_tells_its_next_slot_and_its_last_success(site: TestClient) -> None:
    _send(site, run_event("START", 0), run_event("COMPLETE", 1))
    _send(site, run_event("START", 5, 2), run_event("FAIL", 9, 2))
    job = {"namespace": "prod", "name": "load"}
    told = {"kind": "cron", "expression": "0 0 * * *", "timezone": "UTC"}
    seen = {"type": "schedule", "job": job, "schedule": told, "observed_at": at(3)}
    answer = site.post("/api/v1/observations", json=seen)
    assert answer.status_code < 300, answer.text
    text = site.get("/jobs").text
    midnight = datetime.now(UTC).date() + timedelta(days=1)
    assert f'datetime="{midnight}T00:00:00+00:00"' in text
    assert 'datetime="2026-11-23T10:01:00+00:00"' in text
    assert "from 1 min to 4 min" in text


def test_incidents_are_narrowed_by_what_the_form_asks_for(site: TestClient) -> None:
    incident = _fail(site)
    link = f'href="incident?id={incident}"'
    assert link in site.get("/incidents?text=load&team=").text
    assert link not in site.get("/incidents?text=other&team=").text


def test_what_is_wrong_is_told_first(site: TestClient) -> None:
    incident = _fail(site)
    text = site.get("/").text
    assert "1 open incident: 1" in text
    assert f'href="incident?id={incident}"' in text


def test_an_error_is_a_page_that_says_what_is_wrong(site: TestClient) -> None:
    for place, status, told in (
        ("incident?id=7", 404, "Incident '7' not found."),
        ("job?namespace=a&name=b", 404, "Namespace 'a' not found."),
        ("job?namespace=a", 422, "query.name"),
        ("run?id=7", 422, "query.id"),
        ("jobs?cursor=zzz", 400, "cursor"),
    ):
        answer = site.get(f"/{place}")
        assert answer.status_code == status, (place, answer.text)
        assert answer.headers["content-type"].startswith("text/html")
        assert told in unescape(answer.text)


# -- who may what ------------------------------------------------------------------------------


def test_a_person_signs_in_with_a_token_and_acts(hub: Hub, site: TestClient) -> None:
    incident = _fail(site)
    token = _token(hub, "ada", Scope.READ, Scope.OPERATE)
    browser = _browser(hub)
    asked = browser.get(f"/incident?id={incident}")
    assert (asked.status_code, 'name="token"' in asked.text) == (401, True)
    place = f"incident?id={incident}"
    answer = _sign_in(browser, token, place)
    assert (answer.status_code, answer.url.query.decode()) == (200, f"id={incident}")
    done = browser.post(
        f"/{place}", data={"say": "acknowledge", "reason": "on it"}, headers={"origin": BASE}
    )
    assert "acknowledged" in done.text
    assert "by ada" in done.text
    assert token not in done.text


def test_the_token_is_kept_from_scripts_and_other_sites(hub: Hub, site: TestClient) -> None:
    token = _token(hub, "ada", Scope.READ)
    answer = site.post(
        "/sign-in", data={"token": token}, headers={"origin": BASE}, follow_redirects=False
    )
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_what_changes_something_must_come_from_our_own_page(hub: Hub, site: TestClient) -> None:
    incident = _fail(site)
    _sign_in(site, _token(hub, "ada", Scope.READ, Scope.OPERATE))
    for headers in ({}, {"origin": "https://evil.example"}):
        answer = site.post(f"/incident?id={incident}", data={"say": "expected"}, headers=headers)
        assert answer.status_code == 403
    assert "OPEN" in site.get(f"/api/v1/incidents/{incident}").text


def test_a_wrong_token_is_refused_and_told(hub: Hub, site: TestClient) -> None:
    _token(hub, "ada", Scope.READ)
    answer = _sign_in(site, "tsk_wrong")
    assert answer.status_code == 401
    assert "this token is not known here" in answer.text
    assert "tsk_wrong" not in answer.text


def test_whoever_signs_out_is_a_stranger_again(hub: Hub, site: TestClient) -> None:
    _sign_in(site, _token(hub, "ada", Scope.READ))
    assert site.get("/jobs").status_code == 200
    site.post("/sign-out", headers={"origin": BASE})
    assert site.get("/jobs").status_code == 401


@pytest.mark.parametrize("place", ["https://evil.example", "//evil.example", "/\\evil", "a/../b"])
def test_signing_in_leads_nowhere_else(hub: Hub, site: TestClient, place: str) -> None:
    token = _token(hub, "ada", Scope.READ)
    answer = site.post(
        "/sign-in",
        data={"token": token, "next": place},
        headers={"origin": BASE},
        follow_redirects=False,
    )
    assert answer.headers["location"] == "."


def test_who_may_only_read_is_refused_to_act(hub: Hub, site: TestClient) -> None:
    incident = _fail(site)
    _sign_in(site, _token(hub, "ada", Scope.READ))
    answer = site.post(
        f"/incident?id={incident}", data={"say": "acknowledge"}, headers={"origin": BASE}
    )
    assert answer.status_code == 403
    assert "this needs the scope 'operate'" in unescape(answer.text)


def test_what_is_private_is_on_no_page_of_others(hub: Hub, site: TestClient) -> None:
    hub.writer.call(
        lambda connection: put_team(connection, "secret", private=True, now=datetime.now(UTC))
    )
    owned = {"ownership": {"owners": [{"name": "team:secret"}]}}
    _send(
        site,
        run_event("START", 0, job="hush", job_facets=owned),
        run_event("FAIL", 1, job="hush", job_facets=owned),
    )
    browser = _browser(hub)
    _sign_in(browser, _token(hub, "ada", Scope.READ))
    for page in EVERYWHERE:
        assert "hush" not in browser.get(f"/{page}").text
    assert browser.get("/job?namespace=prod&name=hush").status_code == 404


# -- what comes in -----------------------------------------------------------------------------


def test_a_link_out_of_an_event_can_run_nothing(site: TestClient) -> None:
    url = {"externalQuery": {"externalQueryId": "1", "source": "x"}}
    odd = {"airflow_link": {"_producer": "x", "url": "javascript:alert(1)"}, **url}
    _send(site, run_event("COMPLETE", 0, run_facets=odd))
    run = site.get("/api/v1/jobs").json()["jobs"][0]["latestRun"]["id"]
    assert 'href="javascript' not in site.get("/run", params={"id": run}).text.lower()
