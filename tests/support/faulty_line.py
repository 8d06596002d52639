"""A line for HTTP between two programs: it says things twice, and loses answers to what was done."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from types import TracebackType
from typing import Any, Self

import httpx

#: What is of one connection, and not of what is said over it.
_OF_CONNECTIONS = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"}
)


class Mishap(StrEnum):
    """BEFORE: 500, and nothing was done. AFTER: it was done, then 500. LOST: it was done, and the
    connection ends without a word. LATE: it was done, and the answer never comes.
    """

    NONE = "none"
    BEFORE = "before"
    AFTER = "after"
    LOST = "lost"
    LATE = "late"


class FaultyLine:
    """Hands requests on to `target`; those of which `at_risk` holds meet the mishaps, in their order.

    copies: so often a POST is handed on. late_s: how long an answer that never comes is waited for.
    met: how often each mishap came, and under "copies" what was handed on once more.
    """

    def __init__(
        self,
        target: str,
        at_risk: Callable[[str, str, bytes], bool] = lambda *_: False,
        mishaps: Iterable[Mishap] = (),
        *,
        copies: int = 1,
        late_s: float = 60,
    ) -> None:
        self.target, self.late_s, self.copies = target, late_s, copies
        self.met: Counter[str] = Counter()
        self._at_risk = at_risk
        self._mishaps = chain(mishaps, repeat(Mishap.NONE))
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._client = httpx.Client(timeout=60)
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"line": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def mishap_of(self, method: str, path: str, body: bytes) -> Mishap:
        if not self._at_risk(method, path, body):
            return Mishap.NONE
        with self._lock:
            found = next(self._mishaps)
            self.met[found] += 1
        return found

    def hand_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        """The answer to the first copy. Raises httpx's errors."""
        told = {name: value for name, value in headers.items() if name not in _OF_CONNECTIONS}
        told["host"] = httpx.URL(self.target).netloc.decode()
        if "content-encoding" in headers:
            told["content-encoding"] = headers["content-encoding"]
        answers = []
        for number in range(self.copies if method == "POST" else 1):
            answers.append(
                self._client.request(method, self.target + path, headers=told, content=body)
            )
            with self._lock:
                self.met["copies"] += number
        return answers[0]

    def wait_late(self) -> None:
        self._closed.wait(self.late_s)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._client.close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a killed hub that has left."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    line: FaultyLine

    def _go(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        mishap = self.line.mishap_of(self.command, self.path, body)
        if mishap is Mishap.BEFORE:
            self._tell(500, {}, b"before")
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            found = self.line.hand_on(self.command, self.path, headers, body)
        except httpx.HTTPError:
            self._tell(503, {}, b"nobody is there")
            return
        self._answer(mishap, found)

    def _answer(self, mishap: Mishap, found: httpx.Response) -> None:
        match mishap:
            case Mishap.AFTER:
                self._tell(500, {}, b"after")
            case Mishap.LATE | Mishap.LOST:
                if mishap is Mishap.LATE:
                    self.line.wait_late()
                self.close_connection = True
            case _:
                self._tell(found.status_code, dict(found.headers), found.content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _go  # noqa: N815

    def _tell(self, status: int, headers: dict[str, str], body: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in _OF_CONNECTIONS | {"date", "server"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True  # who asked is gone

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""
