"""The hub logs in at Vault as an AppRole, or by its Kubernetes service account; nothing of it is shown."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from hub.errors import ConfigError
from hub.vaults.hashicorp import resolver
from hub.vaults.kept import Kept
from tests.support.fake_vault import LASTS_S, VALUE, FakeVault

NAME = "secret/team/slack#token"
VARIABLES = (
    "VAULT_TOKEN", "VAULT_TOKEN_FILE", "VAULT_ROLE_ID", "VAULT_SECRET_ID", "VAULT_SECRET_ID_FILE",
    "VAULT_ROLE", "VAULT_JWT_FILE", "VAULT_AUTH_MOUNT", "VAULT_NAMESPACE",
)  # fmt: skip


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeVault:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAULT_ADDR", "http://vault:8200/")
    return FakeVault(tokens={})


@pytest.fixture
def vault(fake: FakeVault) -> Kept:
    return resolver(httpx.MockTransport(fake.answer), lambda: fake.now)


@pytest.fixture
def by_role(fake: FakeVault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ROLE_ID", "hub")
    monkeypatch.setenv("VAULT_SECRET_ID", "sid-right")


@pytest.mark.usefixtures("by_role")
def test_an_approle_logs_in_once_while_its_token_lasts(fake: FakeVault, vault: Kept) -> None:
    assert vault(NAME) == VALUE
    fake.now = LASTS_S / 3
    assert (vault(NAME), fake.logins) == (VALUE, ["approle"])
    fake.now = LASTS_S * 0.7
    assert (vault(NAME), fake.logins) == (VALUE, ["approle", "approle"])


@pytest.mark.usefixtures("by_role")
def test_who_is_refused_with_a_token_of_a_login_logs_in_anew(fake: FakeVault, vault: Kept) -> None:
    vault(NAME)
    fake.tokens.clear()  # revoked
    fake.now = 61
    assert (vault(NAME), len(fake.logins)) == (VALUE, 2)


def test_a_secret_id_may_stand_in_a_file_and_the_method_elsewhere(
    fake: FakeVault, vault: Kept, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "id").write_text("sid-right\n")
    fake.mounts = {"roles": "approle"}
    monkeypatch.setenv("VAULT_ROLE_ID", "hub")
    monkeypatch.setenv("VAULT_SECRET_ID_FILE", str(tmp_path / "id"))
    monkeypatch.setenv("VAULT_AUTH_MOUNT", "roles")
    assert (vault(NAME), fake.logins) == (VALUE, ["roles"])


def test_a_service_account_of_kubernetes_logs_in_with_the_token_as_it_is_then(
    fake: FakeVault, vault: Kept, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    jwt = tmp_path / "token"
    jwt.write_text("jwt.old")
    monkeypatch.setenv("VAULT_ROLE", "trackside")
    monkeypatch.setenv("VAULT_JWT_FILE", str(jwt))
    with pytest.raises(ConfigError, match=r"the login at auth/kubernetes/login is refused \(400\)"):
        vault(NAME)
    jwt.write_text("jwt.right")
    assert vault(NAME) == VALUE


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({}, "need VAULT_TOKEN, VAULT_TOKEN_FILE, VAULT_ROLE_ID"),
        ({"VAULT_ROLE_ID": "hub", "VAULT_SECRET_ID": "sid-wrong"}, "is refused"),
        ({"VAULT_ROLE": "trackside", "VAULT_JWT_FILE": "/none"}, "file of VAULT_JWT_FILE can't"),
        ({"VAULT_TOKEN_FILE": "/none"}, "file of VAULT_TOKEN_FILE can't"),
    ],
)
def test_a_login_that_fails_says_what_is_wrong_and_shows_nothing(
    told: dict[str, str], says: str, vault: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=says) as refused:
        vault(NAME)
    assert "sid-wrong" not in str(refused.value)


@pytest.mark.usefixtures("by_role")
def test_while_vault_is_away_no_login_is_a_refusal(fake: FakeVault, vault: Kept) -> None:
    vault(NAME)
    fake.status, fake.now = 503, LASTS_S
    assert vault(NAME) == VALUE
