"""A channel that is a real HTTP server on loopback, and can fail in the ways that channels fail."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

Json = dict[str, Any]


class Fault(StrEnum):
    """LOST: done, but the answer is lost. ECHO: refused, with all that was sent in the answer."""

    UNAUTHORIZED = "unauthorized"
    REFUSED = "refused"
    BUSY = "busy"
    BROKEN = "broken"
    LOST = "lost"
    HANGS = "hangs"
    TRICKLES = "trickles"
    ECHO = "echo"


class Request(Struct, frozen=True):
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Refused, unless it says that it is JSON and is."""
        require("application/json" in self.headers.get("content-type", ""), "not JSON", 415)
        try:
            return json.loads(self.body)
        except ValueError:
            raise RefusalError(400, {"message": "malformed JSON"}) from None


class Reply(Struct, frozen=True):
    """body: text is sent as it is, None is nothing, all else is JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = {}


class RefusalError(Exception):
    """The request is not what the channel takes."""

    def __init__(self, status: int, body: Any) -> None:
        self.reply = Reply(status, body)
        super().__init__(status, body)


def require(good: object, why: str, status: int = 400) -> None:
    if not good:
        raise RefusalError(status, {"message": why})


def only(found: Mapping[str, Any], *, need: set[str], may: set[str], where: str) -> None:
    """Fields that must be there and may be there, and no others."""
    require(not need - found.keys(), f"{where}: {sorted(need - found.keys())} missing")
    unknown = sorted(found.keys() - need - may)
    require(not unknown, f"{where}: {unknown} unknown")


def text(value: object, most: int, where: str, least: int = 1) -> None:
    good = isinstance(value, str) and least <= len(value) <= most
    require(good, f"{where}: expected a text of {least} to {most} characters")


class FakeChannel:
    """The base of all: answers one request at a time, remembers what it refused."""

    def __init__(self) -> None:
        self.faults: deque[Fault | Reply] = deque()
        self.refused: list[Reply] = []
        self.requests: list[Request] = []
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def answer(self, request: Request) -> Reply:
        """What the real one would answer; raises RefusalError."""
        raise NotImplementedError

    def settings(self) -> Json:
        """Of a notifier that is to reach it; secrets are references to variables."""
        raise NotImplementedError

    def secrets(self) -> dict[str, str]:
        """The variables that the settings refer to."""
        raise NotImplementedError

    def count(self) -> int:
        """How many things it shows: incidents, alerts, messages."""
        raise NotImplementedError

    def standing(self, key: str) -> str | None:
        """What it shows last of the incident with this key; None: it can't tell, or has nothing."""
        raise NotImplementedError

    def fail(self, *faults: Fault | Reply) -> None:
        """The next requests fail like this."""
        self.faults.extend(faults)

    def reply(self, request: Request) -> Reply | None:
        """None: the connection breaks."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, Reply):
            return fault
        if fault is None or fault is Fault.LOST:
            good = self._judged(request)
            return None if fault else good
        if fault is Fault.HANGS:
            self.stopped.wait(30)
            return None
        return self.failure(fault, request)

    def failure(self, fault: Fault, request: Request) -> Reply:
        if fault is Fault.ECHO:
            sent = f"{request.path}?{request.query} {dict(request.headers)} {request.body[:500]!r}"
            return Reply(400, sent)
        status = {Fault.UNAUTHORIZED: 401, Fault.REFUSED: 404, Fault.BUSY: 429, Fault.BROKEN: 503}
        headers = {"Retry-After": "7"} if fault is Fault.BUSY else {}
        return Reply(status[fault], {"message": fault.value}, headers)

    def _judged(self, request: Request) -> Reply:
        with self._lock:
            try:
                return self.answer(request)
            except RefusalError as refusal:
                self.refused.append(refusal.reply)
                return refusal.reply

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()


def _whole(stream: BufferedIOBase, size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise ConnectionAbortedError("its sender was killed amidst it: it has not arrived")
    return body


def _handler(channel: FakeChannel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = _whole(self.rfile, int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            request = Request(self.command, parts.path, query, headers, body)
            if channel.faults and channel.faults[0] is Fault.TRICKLES:
                return self._trickle()
            reply = channel.reply(request)
            self.close_connection = True
            return self._send(reply) if reply else None

        do_GET = do_POST = do_PATCH = do_HEAD = do_PUT = _any  # noqa: N815

        def _send(self, reply: Reply) -> None:
            told = reply.body
            body = b"" if told is None else json.dumps(told).encode()
            body = told.encode() if isinstance(told, str) else body
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _trickle(self) -> None:
            channel.faults.popleft()
            self.close_connection = True
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not channel.stopped.wait(0.05):
                try:
                    self.wfile.write(b"x")
                    self.wfile.flush()
                except OSError:
                    return

        def log_message(self, *_: object) -> None:
            """Tests tell what they need to."""

    return Handler
