"""People who signed in elsewhere: what their groups grant, and what nobody can make up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from hub.access import Scope
from hub.errors import ConfigError
from hub.people import People
from hub.seals import Signer
from hub.secrets import Secret
from hub.settings import Settings

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY = "k" * 32
GROUPS: list[dict[str, Any]] = [
    {
        "group": "sales",
        "teams": ["sales"],
        "scopes": ["read", "operate"],
        "namespaces": ["sales-*"],
    },
    {"group": "*", "scopes": ["read"]},
]
PROXY = {"addresses": ["10.0.0.0/8"]}


def people(**sign_in: Any) -> People:
    return People(Settings(sign_in={"groups": GROUPS, **sign_in}))


def test_what_was_signed_is_read_until_it_is_over() -> None:
    signer = Signer(Secret(KEY))
    text = signer.sign("share", {"incident": 7}, NOW + timedelta(hours=1))
    assert signer.read("share", text, NOW) == {"incident": 7}
    assert signer.read("share", text, NOW + timedelta(hours=2)) is None


@pytest.mark.parametrize("change", ["x{}", "{}x", "", ".", "a.b", "ä{}", "{}.{}"])
def test_what_was_changed_is_nothing(change: str) -> None:
    signer = Signer(Secret(KEY))
    text = signer.sign("share", {"incident": 7}, NOW + timedelta(hours=1))
    assert signer.read("share", change.format(text, text), NOW) is None


def test_another_purpose_or_another_key_is_nothing() -> None:
    text = Signer(Secret(KEY)).sign("share", {}, NOW + timedelta(hours=1))
    assert Signer(Secret(KEY)).read("session", text, NOW) is None
    assert Signer(Secret("o" * 32)).read("share", text, NOW) is None


def test_a_short_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="at least 32") as error:
        Signer(Secret("too-short"))
    assert "too-short" not in str(error.value)


def test_groups_grant_together_what_each_grants() -> None:
    found = people(proxy=PROXY).principal("ada", ["sales", "unknown"])
    assert found.scopes == {Scope.READ, Scope.OPERATE}
    assert (set(found.teams), found.namespaces) == ({"sales"}, ("sales-*",))
    assert people(proxy=PROXY).principal("bob", []).scopes == {Scope.READ}


def test_a_proxy_is_believed_from_its_addresses_alone() -> None:
    headers = {b"x-forwarded-user": b"ada", b"x-forwarded-groups": b"other, sales"}
    mine = people(proxy=PROXY)
    found = mine.of_proxy("10.1.2.3", headers)
    assert found is not None
    assert (found.name, set(found.teams)) == ("ada", {"sales"})
    for peer in ("192.168.0.1", "nonsense", None):
        assert mine.of_proxy(peer, headers) is None
    assert mine.of_proxy("10.1.2.3", {}) is None
    assert people().of_proxy("10.1.2.3", headers) is None


def test_a_session_holds_the_groups_that_grant_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING", KEY)
    mine = people(signing_key="env:SIGNING")
    found = mine.of_session(mine.session("ada", ["sales", "other"], NOW), NOW)
    assert found is not None
    assert found.teams == {"sales"}
    assert mine.of_session(mine.session("ada", [], NOW), NOW + timedelta(hours=13)) is None


@pytest.mark.parametrize(
    ("sign_in", "told"),
    [
        ({"oidc": {"issuer": "https://id.example", "client_id": "hub"}}, "oidc needs signing_key"),
        ({"proxy": PROXY}, "needs groups"),
        ({"proxy": {"addresses": []}}, "addresses"),
        ({"signing_key": "the key itself"}, "signing_key"),
    ],
)
def test_settings_that_do_not_hold_together_are_refused(sign_in: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told) as error:
        Settings(sign_in=sign_in)
    assert "the key itself" not in str(error.value)
