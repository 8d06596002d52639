"""What a connection may cost: the head of a request comes in time, and there are only so many.

uvicorn limits neither. Bodies have a time limit of their own (`hub.api.body`).
"""

from __future__ import annotations

import asyncio
import resource
import time
from typing import Any, ClassVar, Final

import structlog
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.api.errors import problem_response
from hub.errors import Overloaded

log = structlog.get_logger(__name__)

#: From the connection, or the first byte of a further request, to the end of its head.
HEAD_TIMEOUT_S: Final = 10.0
HEAD_BYTES: Final = 64 * 1024
#: Answered also when there are too many connections: a busy hub is not a dead one.
PROBES: Final = frozenset({b"/healthz", b"/readyz", b"/metrics"})
_LOG_EVERY_S: Final = 60.0
_OTHER_FILES: Final = 256

_ENDING: Final = b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout" + _ENDING
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large" + _ENDING


class Refusal:
    """The app that answers while more than `limit` connections are open."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._told = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._tell(time.monotonic())
        error = Overloaded(
            f"more than {self.limit} connections are open (max_connections); try again in a moment",
            retry_after=2,
        )
        answer = problem_response(error)
        answer.headers["connection"] = "close"
        await answer(scope, receive, send)

    def _tell(self, now: float) -> None:
        if now - self._told >= _LOG_EVERY_S:
            self._told = now
            log.warning("connections_refused", limit=self.limit)


class Connection(HttpToolsProtocol):
    """One connection of a sender or reader."""

    refusal: ClassVar[Refusal]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._served = self.app
        self._in_head = self._in_body = False
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        of_body = self._in_body
        super().data_received(data)
        if self.transport.is_closing() or not (self._in_head or self._is_idle):
            return
        if self._deadline is None:
            self._expect_head()
        # The rest of a body whose answer was given early is read on: its sender may not listen yet.
        # What ends a body is none of the next head, though the body is over by now.
        self._head_bytes += 0 if of_body or self._in_body else len(data)
        if self._head_bytes > HEAD_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._head_bytes = 0
        self._expect_nothing()
        full = len(self.connections) > self.refusal.limit and self.url not in PROBES
        self.app = self.refusal if full else self._served
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    @property
    def _is_idle(self) -> bool:
        # Before its first request it has no cycle, though its type says so.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self._too_late)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        if self.transport.is_closing():
            return
        if self._head_bytes and self._is_idle:
            self.transport.write(_TOO_SLOW)
        self.shutdown()  # what is being answered still is


def limited_to(limit: int) -> type[Connection]:
    """The protocol of a server with at most so many open connections; and files enough for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * limit + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

    class Limited(Connection):
        refusal = Refusal(limit)

    return Limited
