"""What pages say where there is nothing yet: the exact lines to begin with, for this hub."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hub.api.hub import Hub
from hub.web.app import create_site
from tests.e2e.conftest import BASE, headers_of_admin
from tests.support.pieces import check, piece_of
from tests.support.recording import dataset, run_event


@pytest.fixture
def site(hub: Hub) -> TestClient:
    return TestClient(create_site(hub), base_url=BASE)


def lines_of(text: str) -> list[str]:
    return [
        unescape(each).strip() for each in re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
    ]


def transport_of(lines: list[str]) -> dict[str, object]:
    (told,) = [each for each in lines if each.startswith("AIRFLOW__OPENLINEAGE__TRANSPORT")]
    read: dict[str, object] = json.loads(told.splitlines()[0].partition("=")[2].strip("'"))
    return read


def test_an_open_hub_shows_lines_that_need_no_token(site: TestClient) -> None:
    text = site.get("/").text
    assert "it needs no token" in text
    assert "first-token" not in text
    assert transport_of(lines_of(text)) == {
        "type": "http",
        "url": BASE,
        "endpoint": "api/v1/lineage",
    }
    assert f"OPENLINEAGE_URL={BASE}" in lines_of(text)
    assert site.post("/api/v1/lineage", json=run_event("START", 0)).status_code == 201


def test_an_admin_makes_a_token_that_stands_in_the_lines_and_sends(
    hub: Hub, site: TestClient
) -> None:
    admin = {**headers_of_admin(hub), "origin": BASE}
    before = site.get("/", headers=admin).text
    assert 'action="first-token"' in before
    text = site.post("/first-token", headers=admin).text
    (sender,) = [each for each in lines_of(text) if each.startswith("OPENLINEAGE_URL")]
    token = sender.rpartition("OPENLINEAGE_API_KEY=")[2]
    assert transport_of(lines_of(text))["auth"] == {"type": "api_key", "apiKey": token}
    assert 'hx-get="."' not in text, "a page that renews itself would take the token away"
    sending = {"Authorization": f"Bearer {token}"}
    sent = site.post("/api/v1/lineage", json=run_event("START", 0), headers=sending)
    assert sent.status_code == 201
    assert site.get("/api/v1/incidents", headers=sending).status_code == 403


def test_whoever_may_not_make_one_is_told_who_may(hub: Hub, site: TestClient) -> None:
    made = site.post(
        "/api/v1/tokens",
        json={"name": "ada", "scopes": ["read"]},
        headers=headers_of_admin(hub),
    ).json()
    reader = {"Authorization": f"Bearer {made['token']}", "origin": BASE}
    text = unescape(site.get("/", headers=reader).text)
    assert "trackside token create airflow-prod --scope ingest --namespace '*'" in text
    assert transport_of(lines_of(text))["auth"] == {"type": "api_key", "apiKey": "tsk_..."}
    assert site.post("/first-token", headers=reader).status_code == 403


def test_the_page_of_tokens_shows_the_lines_with_a_new_one(hub: Hub, site: TestClient) -> None:
    admin = {**headers_of_admin(hub), "origin": BASE}
    asked = {"say": "make", "name": "af", "scope_ingest": "yes", "namespaces": "*"}
    text = site.post("/tokens", data=asked, headers=admin).text
    (secret,) = re.findall(r'class="secret"[^>]*>(tsk_\w+)<', text)
    assert any(each.endswith(f"OPENLINEAGE_API_KEY={secret}") for each in lines_of(text))
    readers = asked | {"name": "ada", "scope_read": "yes"}
    del readers["scope_ingest"], readers["namespaces"]
    assert "OPENLINEAGE" not in site.post("/tokens", data=readers, headers=admin).text


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("jobs", "No job that you may see is known yet"),
        ("datasets", "No dataset that you may see is known yet"),
        ("incidents", "No incident was opened yet."),
        ("incidents?open=true", "Nothing is wrong: no incident is open."),
        ("incidents?open=false", "No incident is over yet."),
        ("launches", "Nothing was launched yet."),
    ],
)
def test_where_nothing_was_asked_for_it_is_not_said_that_nothing_is_like_that(
    site: TestClient, page: str, told: str
) -> None:
    text = site.get(f"/{page}").text
    assert told in text
    assert "is like that" not in text


@pytest.mark.parametrize("page", ["jobs?text=none", "incidents?team=none"])
def test_where_something_was_asked_for_it_is(site: TestClient, page: str) -> None:
    assert "is like that" in site.get(f"/{page}").text


@pytest.mark.parametrize("name", ["sales.orders", "a/b [c]: 'd' #e", "ü*?"])
def test_a_dataset_without_a_policy_shows_the_rule_that_would_be_one(
    site: TestClient, tmp_path: Path, name: str
) -> None:
    told = {"outputs": [dataset(name)]}
    assert site.post("/api/v1/lineage", json=run_event("COMPLETE", 0) | told).status_code == 201
    text = site.get("/dataset", params={"namespace": dataset(name)["namespace"], "name": name}).text
    (piece,) = [each for each in lines_of(text) if piece_of(each) is not None]
    check(piece, tmp_path, around={})
    assert "kind: freshness" in piece
