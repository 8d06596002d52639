"""The dead-man's switch asks for the right address, and tells nobody what it is."""

from __future__ import annotations

import io

import httpx
import pytest

from alerting.heartbeat import Heartbeat


def heard(status: int = 200) -> tuple[list[str], httpx.Client]:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if status == 0:
            raise httpx.ConnectError("no route to https://hc.example/secret")
        return httpx.Response(status)

    return asked, httpx.Client(transport=httpx.MockTransport(answer))


def test_all_is_well_or_a_loop_fails() -> None:
    asked, client = heard()
    beat = Heartbeat("https://hc.example/uuid/", client)
    assert beat.beat()
    assert beat.beat("evaluate")
    assert asked == ["https://hc.example/uuid", "https://hc.example/uuid/fail"]


def test_the_address_may_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, client = heard()
    monkeypatch.setenv("BEAT", "https://hc.example/secret")
    assert Heartbeat("env:BEAT", client).beat()
    assert asked == ["https://hc.example/secret"]


@pytest.mark.parametrize("status", [0, 500])
def test_what_is_not_heard_is_logged_without_the_address(status: int, stream: io.StringIO) -> None:
    _, client = heard(status)
    assert not Heartbeat("https://hc.example/secret", client).beat()
    assert "heartbeat_not_heard" in stream.getvalue()
    assert "secret" not in stream.getvalue()
