"""Which addresses a notifier may reach, and that it reaches the one that was judged."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import pytest

from hub.reach import PrivateAddressError, Reach, connect
from tests.support.channels.receivers import FakeJson
from tests.support.channels.server import Reply

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]
PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names are resolved to."""
    known: dict[str, list[str]] = {}

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in known.get(host, [host])]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused(names: dict[str, list[str]], address: str) -> None:
    names["alerts.example.org"] = [address]
    with pytest.raises(PrivateAddressError):
        connect("alerts.example.org", 443, [], 1)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_reached(
    names: dict[str, list[str]], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["alerts.example.org"] = [address]
    tried: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda where, _: tried.append(where))
    connect("alerts.example.org", 443, [], 1)
    assert tried == [(address, 443)]


def test_one_private_address_among_public_ones_is_one_too_many(
    names: dict[str, list[str]],
) -> None:
    names["alerts.example.org"] = ["93.184.216.34", "10.0.0.1"]
    with pytest.raises(PrivateAddressError):
        connect("alerts.example.org", 443, [], 1)


def test_a_network_that_is_allowed_is_reached() -> None:
    with FakeJson() as fake:
        connect("127.0.0.1", fake.port, ["127.0.0.0/8"], 1).close()


def test_a_name_is_resolved_once_so_that_it_cannot_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """First it names a public address, then a private one: what was judged is what is reached."""
    asked: list[str] = []

    def turn(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", ("192.0.0.9" if len(asked) == 1 else "127.0.0.1", port))]

    tried: list[Any] = []

    def remember(where: Any, *_: Any, **__: Any) -> None:
        tried.append(where[0])
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", turn)
    monkeypatch.setattr(socket, "create_connection", remember)
    request = httpx.Request("GET", "http://alerts.example.org/")
    with pytest.raises(httpx.ConnectError):
        Reach().handle_request(request)
    assert (asked, tried) == (["alerts.example.org"], ["192.0.0.9"])


def test_a_redirect_is_not_followed() -> None:
    with FakeJson() as fake:
        fake.fail(Reply(302, None, {"Location": "http://169.254.169.254/"}))
        request = httpx.Request("GET", fake.url)
        with Reach(["127.0.0.0/8"]) as reach:
            response = reach.handle_request(request)
            response.close()
        assert response.status_code == 302


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeJson() as fake:
        monkeypatch.setenv("http_proxy", fake.url)
        request = httpx.Request("POST", "http://alerts.example.org/x")
        with Reach() as reach:
            reach.handle_request(request).close()
        assert len(fake.requests) == 1
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(PrivateAddressError):
            Reach().handle_request(httpx.Request("GET", fake.url))
