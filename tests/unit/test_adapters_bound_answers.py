"""What an orchestrator may take of the hub with one answer: so much time, so many bytes, no more."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from adapters.base import Http
from hub.errors import Unavailable

Reply = Callable[[BaseHTTPRequestHandler], None]
MOST = 200_000


@contextmanager
def answering(reply: Reply) -> Iterator[tuple[str, list[float]]]:
    """Its address, and when it was asked."""
    asked: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(time.monotonic())
            try:
                reply(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def begin(handler: BaseHTTPRequestHandler, **headers: object) -> None:
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


def dripping(handler: BaseHTTPRequestHandler) -> None:
    begin(handler)
    for _ in range(200):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def endless(handler: BaseHTTPRequestHandler) -> None:
    begin(handler)
    for _ in range(100_000):
        handler.wfile.write(b"[" * 1000)


def bomb(handler: BaseHTTPRequestHandler) -> None:
    packed = gzip.compress(b"[" * (50 * MOST))
    begin(handler, Content_Encoding="gzip", Content_Length=len(packed))
    handler.wfile.write(packed)


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    begin(handler, Content_Length=100)
    handler.wfile.write(b'{"half": ')
    handler.close_connection = True


def silent(_: BaseHTTPRequestHandler) -> None:
    time.sleep(2)


@pytest.mark.parametrize(
    ("reply", "told", "tries"),
    [
        (dripping, "did not end its answer in 0.5 s", 1),
        (endless, f"answered more than {MOST:,} bytes", 1),
        (bomb, f"answered more than {MOST:,} bytes", 1),
        (cut_off, "can't be reached: RemoteProtocolError", 3),
        (silent, "did not answer in 0.5 s", 3),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bad_answer_ends_within_its_bounds_and_names_the_address(
    monkeypatch: pytest.MonkeyPatch, reply: Reply, told: str, tries: int
) -> None:
    monkeypatch.setattr("adapters.base.http.MAX_ANSWER_BYTES", MOST)
    with answering(reply) as (url, asked), Http(url, timeout_s=0.5, sleep=lambda _: None) as http:
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"/rows") as raised:
            http.get("/rows", {"token": "hunter2"})
        assert time.monotonic() - began < 5
    assert told in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert len(asked) == tries
