"""Secrets in Google Secret Manager: asked with a token of the machine, kept for a minute, never shown."""

from __future__ import annotations

import base64
import json
import logging
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from google.auth import environment_vars

from hub.errors import ConfigError
from hub.vaults.google import resolver
from hub.vaults.kept import Kept

VALUE = "hunter2"
FLAVOR = {"Metadata-Flavor": "Google"}
METADATA = {"metadata.google.internal", "169.254.169.254"}


@dataclass
class FakeGoogle:
    """A machine's metadata server and Secret Manager, for one project; `token` is the right one."""

    secrets: dict[str, list[bytes]] = field(
        default_factory=lambda: {
            "slack": [json.dumps({"token": VALUE, "n": 7}).encode()],
            "plain": [b"old", VALUE.encode()],
            "binary": [b"\xff"],
        }
    )
    token: str = "ya29.right"
    status: int = 200
    away: bool = False
    asked: Counter[str] = field(default_factory=Counter)
    now: float = 0.0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked[request.url.host] += 1
        if self.away:
            raise httpx.ConnectError("refused", request=request)
        if request.url.host in METADATA:
            return self._metadata(request)
        assert str(request.url).startswith("https://secretmanager.googleapis.com/v1/projects/shop/")
        assert request.method == "GET"
        return self._secret(request)

    def _metadata(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("Metadata-Flavor") != "Google":
            return httpx.Response(403, headers=FLAVOR)
        path = request.url.path.removeprefix("/computeMetadata/v1")
        account = {"email": "hub@shop.test", "scopes": ["cloud-platform"], "aliases": ["default"]}
        known: dict[str, object] = {
            "/": "",
            "": "",
            "/project/project-id": "shop",
            "/universe/universe-domain": "googleapis.com",
            "/instance/service-accounts/default/": account,
            "/instance/service-accounts/default/token": self._told(),
            "/instance/service-accounts/hub@shop.test/token": self._told(),
        }
        if path not in known:
            return httpx.Response(404, headers=FLAVOR)
        told = known[path]
        if isinstance(told, str):
            return httpx.Response(200, text=told, headers=FLAVOR)
        return httpx.Response(200, json=told, headers=FLAVOR)

    def _told(self) -> dict[str, object]:
        return {"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"}

    def _secret(self, request: httpx.Request) -> httpx.Response:
        if self.status != 200:
            return httpx.Response(self.status, json={"error": {"message": VALUE}})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return httpx.Response(401, json={"error": {"status": "UNAUTHENTICATED"}})
        place = request.url.path.removeprefix("/v1/projects/shop/secrets/")
        name, _, version = place.removesuffix(":access").partition("/versions/")
        versions = self.secrets.get(name, [])
        number = len(versions) if version == "latest" else int(version)
        if not place.endswith(":access") or not 1 <= number <= len(versions):
            return httpx.Response(404, json={"error": {"status": "NOT_FOUND"}})
        data = base64.b64encode(versions[number - 1]).decode()
        full = f"projects/1/secrets/{name}/versions/{number}"
        return httpx.Response(200, json={"name": full, "payload": {"data": data}})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGoogle:
    for name in (environment_vars.CREDENTIALS, environment_vars.NO_GCE_CHECK):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    return FakeGoogle()


@pytest.fixture
def vault(fake: FakeGoogle) -> Kept:
    return resolver(httpx.MockTransport(fake.answer), lambda: fake.now)


def test_a_secret_is_read_by_project_version_and_field(vault: Kept) -> None:
    found = [vault("shop/plain"), vault("shop/plain/1"), vault("shop/slack#token")]
    assert found == [VALUE, "old", VALUE]


def test_a_rotated_secret_is_used_after_a_minute(fake: FakeGoogle, vault: Kept) -> None:
    assert vault("shop/plain") == VALUE
    fake.secrets["plain"].append(b"rotated")
    fake.now = 59
    assert (vault("shop/plain"), fake.asked["secretmanager.googleapis.com"]) == (VALUE, 1)
    fake.now = 61
    assert vault("shop/plain") == "rotated"


def test_a_token_is_asked_for_once_while_it_holds(fake: FakeGoogle, vault: Kept) -> None:
    vault("shop/plain")
    before = sum(fake.asked[host] for host in METADATA)
    fake.now = 61
    vault("shop/plain")
    assert sum(fake.asked[host] for host in METADATA) == before


def test_what_was_read_serves_an_hour_while_google_is_away(fake: FakeGoogle, vault: Kept) -> None:
    vault("shop/plain")
    fake.status, fake.now = 503, 3599
    assert vault("shop/plain") == VALUE
    fake.away = True
    assert vault("shop/plain") == VALUE
    fake.now = 3612
    with pytest.raises(ConfigError, match="Google can't be reached"):
        vault("shop/plain")


def test_a_refusal_is_believed_at_once(fake: FakeGoogle, vault: Kept) -> None:
    vault("shop/plain")
    fake.status, fake.now = 403, 61
    with pytest.raises(ConfigError, match="Secret Manager Secret Accessor") as caught:
        vault("shop/plain")
    assert VALUE not in str(caught.value)
    fake.status = 503
    with pytest.raises(ConfigError, match="Google answers 503"):
        vault("shop/plain")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shop/none", "not there"),
        ("shop/plain/7", "not there"),
        ("shop/slack#none", "no text in the field 'none'"),
        ("shop/slack#n", "no text in the field 'n'"),
        ("shop/plain#token", "is no JSON"),
        ("shop/binary", "is binary"),
        ("shop", "PROJECT/SECRET#FIELD"),
        ("shop/slack#", "PROJECT/SECRET#FIELD"),
        ("a/b/c/d", "PROJECT/SECRET#FIELD"),
    ],
)
def test_what_cant_be_had_is_told_by_name(name: str, told: str, vault: Kept) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        vault(name)
    assert VALUE not in str(caught.value)


def test_a_key_file_that_is_none_is_told_of(
    vault: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(environment_vars.CREDENTIALS, str(tmp_path / "none.json"))
    with pytest.raises(ConfigError, match="application default credentials"):
        vault("shop/plain")


def test_no_log_holds_a_secret_or_a_token(
    fake: FakeGoogle, vault: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        vault("shop/plain")
    assert VALUE not in caplog.text
    assert fake.token not in caplog.text


def test_without_the_extra_it_says_which(vault: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(ConfigError, match=r"pip install 'trackside\[secrets-gcp\]'"):
        vault("shop/plain")
