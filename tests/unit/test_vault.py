"""Secrets in Vault: asked as its key-value engine wants it, kept for a minute, never shown."""

from __future__ import annotations

import httpx
import pytest

from hub.errors import ConfigError
from hub.vaults.hashicorp import resolver
from hub.vaults.kept import Kept
from tests.support.fake_vault import TOKEN, VALUE, FakeVault


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeVault:
    monkeypatch.setenv("VAULT_ADDR", "http://vault:8200/")
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    return FakeVault()


@pytest.fixture
def vault(fake: FakeVault) -> Kept:
    return resolver(httpx.MockTransport(fake.answer), lambda: fake.now)


def test_a_rotated_secret_is_used_after_a_minute(fake: FakeVault, vault: Kept) -> None:
    assert vault("secret/team/slack#token") == VALUE
    fake.data["team/slack"]["token"] = "rotated"
    fake.now = 59
    assert (vault("secret/team/slack#token"), fake.asked) == (VALUE, 1)
    fake.now = 61
    assert (vault("secret/team/slack#token"), fake.asked) == ("rotated", 2)


def test_what_was_read_serves_an_hour_while_vault_is_away(fake: FakeVault, vault: Kept) -> None:
    vault("secret/team/slack#token")
    fake.status, fake.now = 503, 3599
    assert vault("secret/team/slack#token") == VALUE
    fake.now = 3601
    with pytest.raises(ConfigError, match="Vault answers 503") as caught:
        vault("secret/team/slack#token")
    assert VALUE not in str(caught.value)


def test_one_that_is_away_is_not_waited_for_at_each_use(fake: FakeVault) -> None:
    tries: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(fake.now)
        return fake.answer(request)

    vault = resolver(httpx.MockTransport(answer), lambda: fake.now)
    vault("secret/team/slack#token")
    tries.clear()
    fake.status = 503
    for fake.now in (61, 62, 70, 72):
        assert vault("secret/team/slack#token") == VALUE
    assert tries == [61, 72]
    with pytest.raises(ConfigError, match="503"):
        vault("secret/team/other#token")
    fake.status, fake.now = 200, 82
    fake.data["team/slack"]["token"] = "rotated"
    assert vault("secret/team/slack#token") == "rotated"


def test_a_refusal_is_believed_at_once(fake: FakeVault, vault: Kept) -> None:
    vault("secret/team/slack#token")
    fake.status, fake.now = 403, 61
    with pytest.raises(ConfigError, match="may not"):
        vault("secret/team/slack#token")
    fake.status = 503
    with pytest.raises(ConfigError, match="503"):
        vault("secret/team/slack#token")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("secret/team/none#token", "not there"),
        ("secret/team/slack#none", "no text in the field 'none'"),
        ("secret/team/slack#n", "no text in the field 'n'"),
        ("secret/team/slack", "MOUNT/PATH#FIELD"),
        ("secret/../sys#token", "MOUNT/PATH#FIELD"),
    ],
)
def test_what_cant_be_had_is_told_by_name(name: str, told: str, vault: Kept) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        vault(name)
    assert VALUE not in str(caught.value)


def test_an_engine_of_the_first_version_is_asked_as_it_wants(fake: FakeVault, vault: Kept) -> None:
    fake.version = "1"
    assert vault("secret/team/slack#token") == VALUE


def test_where_vault_does_not_tell_the_version_it_is_the_second(
    fake: FakeVault, vault: Kept
) -> None:
    fake.hides_mounts = True
    assert vault("secret/team/slack#token") == VALUE
