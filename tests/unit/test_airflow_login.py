"""How the Airflow adapter proves who it is, and when it does so again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from adapters.airflow.api import Api
from adapters.airflow.config import Config
from hub.errors import ConfigError, Unavailable

Handler = Callable[[httpx.Request], httpx.Response]
VERSION = {"version": "3.3.2"}


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "open-sesame")
    monkeypatch.setenv("TOKEN", "token-of-a-service")


class Server:
    """Answers /dags to whoever sends `accepts`; hands out tokens jwt-1, jwt-2, ..."""

    def __init__(self, accepts: str = "Bearer jwt-1", *, old: bool = False) -> None:
        self.accepts = accepts
        self.refusal = httpx.Response(401, json={"detail": "Token Expired"})
        self.logins: list[httpx.Request] = []
        self.asked: list[httpx.Request] = []
        self._base = "/api/v1" if old else "/api/v2"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == f"{self._base}/version":
            return httpx.Response(200, json=VERSION)
        if request.url.path == "/auth/token":
            self.logins.append(request)
            return httpx.Response(201, json={"access_token": f"jwt-{len(self.logins)}"})
        if request.url.path != f"{self._base}/dags":
            return httpx.Response(404, json={"detail": "Not Found"})
        self.asked.append(request)
        good = request.headers.get("Authorization") == self.accepts
        return httpx.Response(200, json={"dags": []}) if good else self.refusal


def api(server: Handler, **settings: Any) -> Api:
    config = Config.model_validate({"url": "http://airflow", **settings})
    return Api(config, transport=httpx.MockTransport(server), sleep=lambda _: None)


USER = {"username": "hub", "password": "env:PASSWORD"}


def test_a_password_is_changed_for_a_token_once() -> None:
    server = Server()
    asking = api(server, **USER)
    assert [asking.ask("GET", "/dags").status for _ in range(3)] == [200] * 3
    assert len(server.logins) == 1
    assert json.loads(server.logins[0].content) == {"username": "hub", "password": "open-sesame"}


def test_without_a_login_a_token_is_asked_for_by_get() -> None:
    server = Server()
    assert api(server).ask("GET", "/dags").ok
    assert server.logins[0].method == "GET"


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(401, json={"detail": "Token Expired"}),
        httpx.Response(403, json={"detail": "Invalid JWT token"}),
    ],
    ids=["expired", "signed by another secret"],
)
def test_a_token_that_is_not_valid_any_more_is_fetched_anew_once(refusal: httpx.Response) -> None:
    server = Server("Bearer jwt-2")
    server.refusal = refusal
    assert api(server, **USER).ask("GET", "/dags").ok
    assert len(server.logins) == 2
    assert len(server.asked) == 2


def test_a_missing_permission_is_no_reason_to_log_in_again() -> None:
    server = Server("nobody")
    server.refusal = httpx.Response(403, json={"detail": "Forbidden"})
    assert api(server, **USER).ask("GET", "/dags").status == 403
    assert len(server.logins) == 1


def test_a_token_of_a_service_is_sent_as_it_is() -> None:
    server = Server("Bearer token-of-a-service")
    assert api(server, token="env:TOKEN").ask("GET", "/dags").ok
    assert not server.logins


def test_headers_of_a_service_are_sent_with_every_request() -> None:
    server = Server()
    api(server, headers={"X-Token": "env:TOKEN"}).ask("GET", "/dags")
    assert server.asked[0].headers["X-Token"] == "token-of-a-service"
    assert not server.logins


def test_a_rotated_secret_is_picked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server("Bearer the-new-one")
    asking = api(server, token="env:TOKEN")
    assert not asking.ask("GET", "/dags").ok
    monkeypatch.setenv("TOKEN", "the-new-one")
    assert asking.ask("GET", "/dags").ok


def test_airflow_2_is_asked_with_the_password_itself() -> None:
    pair = base64.b64encode(b"hub:open-sesame").decode()
    server = Server(f"Basic {pair}", old=True)
    asking = api(server, **USER)
    assert asking.ask("GET", "/dags").ok
    assert asking.is_old
    assert not server.logins


@pytest.mark.parametrize(
    ("settings", "status", "mend", "permanent"),
    [
        (USER, 401, "check `username` and `password`", True),
        ({}, 401, "set `username` and `password`, `token`, or `headers`", True),
        (USER, 404, "set `token` or `headers` instead", True),
        (USER, 503, "answered 503", False),
        (USER, 429, "answered 429", False),
    ],
)
def test_a_login_that_fails_says_what_to_change_and_no_secret(
    settings: dict[str, Any], status: int, mend: str, permanent: bool
) -> None:
    server = Server()

    def no_login(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(status, text="you sent open-sesame")
        return server(request)

    with pytest.raises(Unavailable) as caught:
        api(no_login, **settings).ask("GET", "/dags")
    assert mend in str(caught.value)
    assert "open-sesame" not in str(caught.value)
    assert caught.value.permanent is permanent


def test_a_secret_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="env:NOT_SET"):
        api(Server(), token="env:NOT_SET").ask("GET", "/dags")


def test_what_is_no_airflow_is_told_so() -> None:
    with pytest.raises(Unavailable, match="set `url`") as caught:
        api(lambda _: httpx.Response(404, text="nginx")).ask("GET", "/dags")
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"url": "airflow.example.com"}, "https://"),
        ({"username": "hub"}, "username and password"),
        ({**USER, "token": "env:TOKEN"}, "either"),
        ({"password": "open-sesame", "username": "hub"}, "reference"),
        ({"pasword": "env:PASSWORD"}, "pasword"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, Any], word: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"url": "http://airflow", **settings})
    assert word in str(caught.value)
    assert "open-sesame" not in str(caught.value)


def test_the_address_may_be_that_of_the_api() -> None:
    assert Config(url="http://airflow/api/v2/").url == "http://airflow"
