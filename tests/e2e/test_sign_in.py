"""People sign in with an OpenID provider or by the word of a proxy; incidents are shared as links."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from fastapi import FastAPI
from joserfc.jwk import OctKey, RSAKey
from starlette.testclient import TestClient

from hub import tokens
from hub.access import Scope
from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.access import NewToken
from hub.web.app import create_site
from tests.e2e.conftest import BASE, _empty, headers_of_admin
from tests.support.openid import CLIENT, SECRET, Provider
from tests.support.recording import run_event

KEY = "a key for signing that is long enough"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    one = Provider()
    yield one
    one.close()


@pytest.fixture(scope="module")
def module_hub(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("sign-in")
    for name, secret in (("key", KEY), ("client", SECRET)):
        (folder / name).write_text(secret)
    sign_in = {
        "signing_key": f"file:{folder}/key",
        "oidc": {
            "issuer": provider.issuer,
            "client_id": CLIENT,
            "client_secret": f"file:{folder}/client",
        },
        "proxy": {"addresses": ["10.9.0.0/16"]},
        "groups": [
            {
                "group": "data",
                "teams": ["data"],
                "scopes": ["read", "operate"],
                "namespaces": ["*"],
            },
            {"group": "guests", "scopes": ["read"]},
        ],
    }
    settings = Settings(database_url=f"sqlite:///{folder}/hub.db", sign_in=sign_in)
    with running(settings) as hub:
        yield hub


@pytest.fixture(scope="module")
def site(module_hub: Hub) -> FastAPI:
    return create_site(module_hub)


@pytest.fixture
def hub(module_hub: Hub, provider: Provider) -> Iterator[Hub]:
    provider.algorithm, provider.key = "RS256", provider.published
    provider.identity = {"email": "ada@example.com", "groups": ["data", "other"]}
    headers_of_admin(module_hub)  # with a token the hub is open no more
    yield module_hub
    _empty(module_hub)


@pytest.fixture
def browser(hub: Hub, site: FastAPI) -> Callable[..., TestClient]:
    def make(peer: str = "192.0.2.1") -> TestClient:
        return TestClient(
            site, base_url=BASE, raise_server_exceptions=False, client=(peer, 1),
            follow_redirects=False,
        )  # fmt: skip

    return make


@pytest.fixture
def ada(browser: Callable[..., TestClient]) -> TestClient:
    return browser()


def begin(client: TestClient, place: str = "jobs") -> str:
    answer = client.get("/sign-in-oidc", params={"next": place})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def come_back(client: TestClient, provider: Provider, place: str = "jobs") -> Any:
    code, state = provider.approve(begin(client, place))
    return client.get("/signed-in", params={"code": code, "state": state})


def test_somebody_signs_in_with_the_provider_and_acts(ada: TestClient, provider: Provider) -> None:
    assert 'href="sign-in-oidc?next=jobs"' in ada.get("/jobs").text
    answer = come_back(ada, provider)
    assert answer.status_code == 200, answer.text
    assert 'content="0;url=jobs"' in answer.text
    kept = answer.headers.get_list("set-cookie")
    (session,) = [one.lower() for one in kept if one.startswith("trackside_session=")]
    assert "httponly" in session
    assert "samesite=strict" in session
    assert ada.get("/jobs").status_code == 200
    who = ada.get("/api/v1/whoami").json()
    assert (who["name"], who["kind"], who["teams"]) == ("ada@example.com", "person", ["data"])
    silence = {"match": {"team": "data"}, "endsAt": "2099-01-01T00:00:00Z"}
    assert ada.post("/api/v1/silences", json=silence, headers={"origin": BASE}).status_code == 201
    assert SECRET not in answer.text + "".join(kept)


def test_who_has_signed_in_changes_nothing_from_another_page(
    ada: TestClient, provider: Provider
) -> None:
    come_back(ada, provider)
    form = {"say": "add", "team": "data", "hours": "1"}
    for headers in ({}, {"origin": "https://evil.example"}):
        assert ada.post("/silences", data=form, headers=headers).status_code == 403


def test_who_signs_out_is_a_stranger_again(ada: TestClient, provider: Provider) -> None:
    come_back(ada, provider)
    ada.post("/sign-out", headers={"origin": BASE})
    assert ada.get("/jobs").status_code == 401


def test_a_guest_may_only_read_and_who_is_of_no_group_nothing(
    browser: Callable[..., TestClient], provider: Provider
) -> None:
    guest, nobody = browser(), browser()
    provider.identity["groups"] = "guests"
    come_back(guest, provider)
    assert guest.get("/jobs").status_code == 200
    assert guest.get("/tokens").status_code == 403
    provider.identity["groups"] = []
    refused = come_back(nobody, provider)
    assert refused.status_code == 401
    assert "is of no group" in refused.text
    assert nobody.get("/jobs").status_code == 401


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"aud": "somebody-else"},
        {"iss": "https://evil.example"},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"sub": None},
    ],
)
def test_an_identity_that_is_not_for_us_is_refused(
    ada: TestClient, provider: Provider, lie: dict[str, Any]
) -> None:
    provider.identity |= lie
    answer = come_back(ada, provider)
    assert answer.status_code == 401
    assert "can&#39;t be believed" in answer.text
    assert ada.get("/jobs").status_code == 401


def test_a_signature_of_somebody_else_is_refused(ada: TestClient, provider: Provider) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert come_back(ada, provider).status_code == 401


def test_what_is_signed_with_the_clients_secret_is_refused(
    ada: TestClient, provider: Provider
) -> None:
    provider.algorithm = "HS256"
    provider.key = OctKey.import_key(SECRET * 3)  # type: ignore[assignment]
    assert come_back(ada, provider).status_code == 401


def test_a_code_counts_once_and_only_in_the_browser_that_asked(
    ada: TestClient, browser: Callable[..., TestClient], provider: Provider
) -> None:
    code, state = provider.approve(begin(ada))
    other = browser()
    begin(other)
    for client, told in ((other, state), (ada, "made-up"), (browser(), state)):
        answer = client.get("/signed-in", params={"code": code, "state": told})
        assert answer.status_code == 401
    assert ada.get("/signed-in", params={"code": code, "state": state}).status_code == 200
    assert ada.get("/signed-in", params={"code": code, "state": state}).status_code == 401


def test_what_the_provider_refuses_is_told_as_text(ada: TestClient, provider: Provider) -> None:
    _, state = provider.approve(begin(ada))
    answer = ada.get("/signed-in", params={"state": state, "error": "<script>no"})
    assert answer.status_code == 401
    assert "<script>no" not in answer.text
    assert "the provider let nobody in: <script>no" in unescape(answer.text)


def test_signing_in_leads_nowhere_else(ada: TestClient, provider: Provider) -> None:
    assert 'content="0;url=."' in come_back(ada, provider, "https://evil.example").text


# -- a proxy -----------------------------------------------------------------------------------


def test_a_proxy_is_believed_where_it_stands(browser: Callable[..., TestClient]) -> None:
    told = {"x-forwarded-user": "bob", "x-forwarded-groups": "guests,data"}
    behind, elsewhere = browser("10.9.1.2"), browser("192.0.2.1")
    assert behind.get("/api/v1/whoami", headers=told).json()["name"] == "bob"
    assert elsewhere.get("/jobs", headers=told).status_code == 401
    assert behind.get("/jobs").status_code == 401
    form = {"say": "add", "team": "data", "hours": "1"}
    assert behind.post("/silences", data=form, headers=told).status_code == 403
    with_origin = told | {"origin": BASE}
    assert behind.post("/silences", data=form, headers=with_origin).status_code == 303


def test_a_name_that_stands_twice_is_nobodys(browser: Callable[..., TestClient]) -> None:
    told = [
        ("x-forwarded-user", "mallory"),
        ("x-forwarded-user", "bob"),
        ("x-forwarded-groups", "data"),
    ]
    assert browser("10.9.1.2").get("/jobs", headers=told).status_code == 401


# -- links -------------------------------------------------------------------------------------


def test_an_incident_is_shared_as_a_link_that_only_shows_it(
    hub: Hub, ada: TestClient, browser: Callable[..., TestClient], provider: Provider
) -> None:
    incident = _failed(hub, browser())
    come_back(ada, provider)
    assert f'action="share?id={incident}"' in ada.get(f"/incident?id={incident}").text
    made = ada.post(f"/share?id={incident}", headers={"origin": BASE})
    (link,) = re.findall(r"shared\?key=[\w.%-]+", made.text)
    stranger = browser()
    answer = stranger.get(f"/{link}")
    assert answer.status_code == 200
    assert "load" in answer.text
    assert 'action="incident' not in answer.text
    for place in (f"/incident?id={incident}", "/jobs"):
        assert stranger.get(place).status_code == 401
    assert stranger.get(f"/{link}x").status_code == 404
    session = ada.cookies["trackside_session"]
    assert stranger.get("/shared", params={"key": session}).status_code == 404


def test_who_may_only_read_shares_nothing(
    hub: Hub, browser: Callable[..., TestClient], provider: Provider
) -> None:
    incident = _failed(hub, browser())
    guest = browser()
    provider.identity["groups"] = ["guests"]
    come_back(guest, provider)
    assert guest.post(f"/share?id={incident}", headers={"origin": BASE}).status_code == 403


def _failed(hub: Hub, client: TestClient) -> int:
    wanted = NewToken(name="sender", scopes=(Scope.INGEST, Scope.READ), namespaces=("*",))
    issued = hub.writer.call(lambda c: tokens.issue(c, wanted, actor="test", now=datetime.now(UTC)))
    hub.authenticator.forget()
    told = {"authorization": f"Bearer {issued.text}"}
    for event in (run_event("START", 0), run_event("FAIL", 1)):
        assert client.post("/api/v1/lineage", json=event, headers=told).status_code == 201
    for _ in range(300):
        found = client.get("/api/v1/incidents", headers=told).json()["incidents"]
        if found:
            return int(found[0]["id"])
        time.sleep(0.05)
    raise AssertionError("no incident opened")
