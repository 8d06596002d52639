"""A hub that is only a door: it takes batches of events, or does what a hub in trouble does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeDoor:
    """events: those that were taken. status: what it answers. tokens: as they were shown."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.status = 200
        self.url = ""

    def kinds(self) -> list[str]:
        return [event["eventType"] for event in self.events]

    def take(self, path: str, body: bytes, token: str | None) -> int:
        assert path == "/api/v1/lineage/batch"
        self.tokens.append(token)
        events = [json.loads(line) for line in body.splitlines()]
        assert all(event["run"]["runId"] and event["eventTime"].endswith("Z") for event in events)
        if self.status == 200:
            self.events += events
        return self.status


@contextmanager
def fake_door() -> Iterator[FakeDoor]:
    door = FakeDoor()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = door.take(self.path, body, self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    door.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
