"""Senders that are slow, or gone before the answer: nobody else waits, and nothing is half done."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.hub_process import HubProcess, event


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with HubProcess(tmp_path_factory.mktemp("hub")) as hub:
        yield hub


def opened(hub: HubProcess, body: bytes) -> socket.socket:
    """A connection on which the head of a request has been sent."""
    parts = urlsplit(hub.url)
    sender = socket.create_connection((parts.hostname, parts.port or 80), timeout=30)
    sender.sendall(
        f"POST /api/v1/lineage HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    return sender


def jobs(hub: HubProcess) -> set[str]:
    found = httpx.get(f"{hub.url}/api/v1/jobs", params={"limit": 1000}).json()["jobs"]
    return {job["name"] for job in found}


def until_there(hub: HubProcess, job: str) -> None:
    deadline = time.monotonic() + 10
    while job not in jobs(hub):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nobody_waits_for_a_slow_sender(hub: HubProcess) -> None:
    body = json.dumps(event("slow")).encode()
    with opened(hub, body) as sender:
        others_answered = threading.Event()

        def trickle() -> None:
            for number in range(len(body) - 1):
                sender.sendall(body[number : number + 1])
                time.sleep(0.005)
            others_answered.wait()
            sender.sendall(body[-1:])

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            for number in range(30):
                assert hub.post(event("fast", number)).status_code == 201
            assert "slow" not in jobs(hub)
        finally:
            others_answered.set()
            thread.join()
        assert sender.recv(100).startswith(b"HTTP/1.1 201")
    assert "slow" in jobs(hub)


def test_half_a_body_is_nothing(hub: HubProcess) -> None:
    body = json.dumps(event("half")).encode()
    for _ in range(20):
        with opened(hub, body) as sender:
            sender.sendall(body[: len(body) // 2])
    assert hub.post(event("after half")).status_code == 201
    assert "half" not in jobs(hub)
    letters = httpx.get(f"{hub.url}/api/v1/dead-letters").json()
    assert "half" not in json.dumps(letters)


def test_what_a_sender_sent_before_it_left_is_recorded(hub: HubProcess) -> None:
    for number in range(20):
        body = json.dumps(event(f"left_{number}")).encode()
        with opened(hub, body) as sender:
            sender.sendall(body)
            # A reset, as of a process that was killed.
            sender.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
            )
            time.sleep(0.005)
    until_there(hub, "left_19")
    assert hub.post(event("after all")).status_code == 201
    assert httpx.get(f"{hub.url}/readyz").json()["status"] == "ready"
