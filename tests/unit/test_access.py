"""Principals, scopes, namespaces, and where a hub may listen."""

import re
import time

import pytest

from hub.access import (
    ANONYMOUS,
    LOCAL,
    OPEN,
    Kind,
    Principal,
    Scope,
    digest_of,
    listening_rule,
    may_write_namespace,
    new_token,
    viewer_of,
)
from hub.errors import ConfigError, Forbidden, Unauthorized
from hub.model import Viewer
from hub.settings import Settings


def holder(*scopes: Scope, **more: object) -> Principal:
    return Principal("ann", Kind.TOKEN, frozenset(scopes), **more)  # type: ignore[arg-type]


def test_a_token_is_tsk_and_43_base62_characters() -> None:
    assert re.fullmatch(r"tsk_[0-9A-Za-z]{43}", new_token())


def test_no_two_tokens_are_the_same() -> None:
    assert len({new_token() for _ in range(1000)}) == 1000


def test_the_digest_does_not_depend_on_text_or_bytes() -> None:
    assert digest_of("tsk_1") == digest_of(b"tsk_1")
    assert len(digest_of("tsk_1")) == 32


@pytest.mark.parametrize("scope", Scope)
def test_admin_includes_every_scope(scope: Scope) -> None:
    holder(Scope.ADMIN).require(scope)


@pytest.mark.parametrize("scope", sorted(set(Scope) - {Scope.READ}))
def test_no_other_scope_includes_another(scope: Scope) -> None:
    with pytest.raises(Forbidden):
        holder(Scope.READ).require(scope)


def test_a_known_sender_without_the_scope_is_told_which_one_is_missing() -> None:
    with pytest.raises(Forbidden, match="the scope 'operate'; 'ann' has: read"):
        holder(Scope.READ).require(Scope.OPERATE)


def test_an_open_hub_takes_and_shows_and_nothing_else() -> None:
    OPEN.require(Scope.INGEST)
    OPEN.require(Scope.READ)
    for scope in (Scope.OPERATE, Scope.TRIGGER, Scope.ADMIN):
        with pytest.raises(Unauthorized, match=f"trackside token create NAME --scope {scope}"):
            OPEN.require(scope)


def test_an_anonymous_sender_may_do_nothing() -> None:
    for scope in Scope:
        with pytest.raises(Unauthorized, match="trackside token create"):
            ANONYMOUS.require(scope)


@pytest.mark.parametrize(
    ("globs", "namespace", "granted"),
    [
        ((), "sales", False),
        (("*",), "anything at all", True),
        (("sales",), "sales", True),
        (("sales",), "sales-eu", False),
        (("sales-*",), "sales-eu", True),
        (("sales-*",), "pre-sales-eu", False),
        (("sales-*", "hr"), "hr", True),
        (("sales",), "Sales", False),
        (("sales",), "sales\nhr", False),
        (("postgres://db:5432*",), "postgres://db:5432/x", True),
        (("s.les",), "sales", False),
        (("[ab]",), "b", True),
    ],
)
def test_namespaces_are_granted_by_globs(
    globs: tuple[str, ...], namespace: str, granted: bool
) -> None:
    assert may_write_namespace(holder(Scope.INGEST, namespaces=globs), namespace) is granted


def test_an_admin_may_write_every_namespace() -> None:
    assert may_write_namespace(holder(Scope.ADMIN), "sales")


def test_a_namespace_that_was_not_granted_is_named() -> None:
    with pytest.raises(Forbidden, match=r"'ann' may not write the namespace 'hr'; granted: sales"):
        holder(Scope.INGEST, namespaces=("sales",)).require_namespace("hr")


def test_a_hostile_glob_takes_no_time() -> None:
    started = time.perf_counter()
    assert not may_write_namespace(holder(namespaces=("*a" * 60 + "b",)), "a" * 5000)
    assert time.perf_counter() - started < 1


def test_only_admins_see_every_private_team() -> None:
    assert viewer_of(holder(Scope.READ, teams=frozenset({"hr"}))) == Viewer(frozenset({"hr"}))
    assert viewer_of(OPEN) == Viewer()
    assert viewer_of(holder(Scope.ADMIN)).all
    assert viewer_of(LOCAL).all


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.0.1"])
def test_a_hub_may_listen_on_loopback_without_tokens(host: str) -> None:
    listening_rule(Settings(host=host), 0)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "hub.example.com"])
def test_a_hub_refuses_to_listen_elsewhere_without_tokens(host: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        listening_rule(Settings(host=host), 0)
    for way_out in ("trackside token create", "--host 127.0.0.1", "--insecure"):
        assert way_out in str(refusal.value)


def test_a_hub_with_tokens_or_told_insecure_listens_anywhere() -> None:
    listening_rule(Settings(host="0.0.0.0"), 1)
    listening_rule(Settings(host="0.0.0.0", insecure=True), 0)
