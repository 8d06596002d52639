"""Connections cost little: their requests begin in time, and there are only so many."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

import httpx
import pytest

from hub.connections import HEAD_BYTES, HEAD_TIMEOUT_S
from tests.support.hub_process import HubProcess, event

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
MOST = 5


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with HubProcess(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


def connected(hub: HubProcess) -> socket.socket:
    parts = urlsplit(hub.url)
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=30)


def answer(connection: socket.socket) -> bytes:
    """All that comes until the hub closes the connection."""
    parts = []
    with suppress(ConnectionResetError):  # it was closed while more was on its way
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def is_served(connection: socket.socket) -> bool:
    connection.sendall(GET + b"\r\n")
    got = b""
    while b"alive" not in got and (part := connection.recv(65_536)):
        got += part
    return got.startswith(b"HTTP/1.1 200") and b"alive" in got


def trickle(connection: socket.socket, data: bytes, pause_s: float) -> None:
    try:
        for number in range(len(data)):
            connection.sendall(data[number : number + 1])
            time.sleep(pause_s)
    except OSError:
        pass  # it was closed, as it should be


def test_a_head_that_does_not_end_costs_the_connection(hub: HubProcess) -> None:
    started = time.monotonic()
    with ExitStack() as stack:
        silent, slow, second = (stack.enter_context(connected(hub)) for _ in range(3))
        assert is_served(second)
        threads = [
            threading.Thread(target=trickle, args=(slow, GET * 9, 0.5)),
            threading.Thread(target=trickle, args=(second, b"\r\n" + GET * 9, 0.5)),
        ]
        for thread in threads:
            thread.start()
        assert hub.post(event("meanwhile")).status_code in {200, 201}
        assert answer(silent) == b""
        # What is still on its way when the hub closes may take the answer with it.
        assert answer(slow)[:13] in {b"HTTP/1.1 408 ", b""}
        assert answer(second)[:13] in {b"HTTP/1.1 408 ", b""}
        assert HEAD_TIMEOUT_S - 1 < time.monotonic() - started < HEAD_TIMEOUT_S + 5
        for thread in threads:
            thread.join()


def test_neither_a_slow_body_nor_a_quiet_connection_is_cut(hub: HubProcess) -> None:
    head = b"POST /api/v1/lineage HTTP/1.1\r\nHost: localhost\r\nContent-Length: 26\r\n\r\n"
    with connected(hub) as sender, connected(hub) as idle:
        assert is_served(idle)
        sender.sendall(head)
        trickle(sender, b" " * 26, (HEAD_TIMEOUT_S + 2) / 26)
        assert sender.recv(65_536).startswith(b"HTTP/1.1 400")
        assert is_served(idle)


def test_a_head_is_only_so_large(hub: HubProcess) -> None:
    with connected(hub) as sender:
        sender.sendall(GET + b"X-Large: " + b"x" * HEAD_BYTES)
        assert answer(sender).startswith(b"HTTP/1.1 431 ")
    with connected(hub) as sender:
        sender.sendall(GET + b"X-Large: " + b"x" * (HEAD_BYTES // 2) + b"\r\n\r\n")
        assert sender.recv(65_536).startswith(b"HTTP/1.1 200")


def test_too_many_connections_are_told_to_come_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    most = {"TRACKSIDE_MAX_CONNECTIONS": str(MOST)}
    with HubProcess(tmp_path_factory.mktemp("full"), environment=most) as hub, ExitStack() as held:
        for _ in range(MOST):
            held.enter_context(connected(hub))
        refused = hub.post(event("full"))
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["connection"] == "close"
        assert "max_connections" in refused.json()["detail"]
        assert httpx.get(f"{hub.url}/healthz").status_code == 200
        held.close()
        time.sleep(0.2)
        assert hub.post(event("full")).status_code == 201
        assert hub.said.count("connections_refused") == 1
