"""What surrounds every request: a name for it, a line in the log, a count, and safe headers.

Plain ASGI. The order, from outside: `Shell` (here), `Guard` (who is asking, from where), the app.
"""

from __future__ import annotations

import logging
import os
import re
import time
from itertools import count
from typing import Any, Final

import structlog
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.api import errors
from hub.api.body import BodyLimit, read_body
from hub.api.guard import Guard
from hub.errors import Overloaded, TracksideError
from hub.logs import request_id
from hub.metrics import Metrics
from hub.store.faults import Fault, fault_of

__all__ = ["Shell", "install", "read_body"]

log = structlog.get_logger(__name__)
_plain = logging.getLogger(__name__)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_GIVEN_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
#: An id is the process and the number of the request: unlike a random one it costs no system call,
#: in which the thread would lose its turn.
_PREFIX: Final = os.urandom(4).hex()
_NUMBERS: Final = count()
_CLIENT_LEFT: Final = 499  # nginx's word for a sender that did not wait for the answer

_STREAM: Final = b"text/event-stream; charset=utf-8"
#: Without a referrer browsers would send forms with `Origin: null`, which the guard refuses.
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
)

#: Where facts come in. They read their bodies themselves, each with its own limit.
DOORS: Final = frozenset(
    {
        "/api/v1/lineage",
        "/api/v1/lineage/batch",
        "/api/v1/observations",
        "/api/v1/otlp/v1/metrics",
        "/api/v1/checks",
        *(f"/api/v1/checks/{tool}" for tool in ("dbt", "great-expectations", "soda")),
    }
)

#: Asked so often that a success is worth a line only when debugging; all are counted.
_BUSY: Final = DOORS | {"/healthz", "/readyz", "/metrics", "/ping"}


def install(app: FastAPI, hub: Any) -> None:
    """Puts the shell around the app; `hub` has settings, authenticator and metrics."""
    errors.install(app)
    app.user_middleware.append(Middleware(NoteRoute))  # the innermost
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, limit=hub.settings.max_body_bytes, doors=DOORS)
    app.add_middleware(
        Guard, authenticator=hub.authenticator, settings=hub.settings, people=hub.people
    )
    app.add_middleware(Shell, metrics=hub.metrics)


class Shell:
    """Names, times, counts and logs each request, and answers what nobody expected."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._requests = metrics.http_requests
        self._seconds = metrics.http_seconds
        self._counters: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = scope["exchange"] = _Exchange(scope, send)
        token = request_id.set(exchange.id)
        try:
            await self.app(scope, receive, exchange.send)
        except ClientDisconnect:
            exchange.status = _CLIENT_LEFT
        except Exception as error:  # noqa: BLE001  nothing may pass the outermost layer
            await exchange.fail(error, receive)
        finally:
            self._tell(exchange)
            request_id.reset(token)

    def _tell(self, exchange: _Exchange) -> None:
        seconds = time.perf_counter() - exchange.started
        scope, status = exchange.scope, exchange.status or _CLIENT_LEFT
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = scope["path"] if scope["path"] in _BUSY else exchange.route
        requests, timer = self._counter(method, route, status)
        requests.inc()
        if not exchange.streams:
            timer.observe(seconds)
        quiet = status < 400 and route in _BUSY
        # Asked of the standard logger: structlog would spend 5 us on saying nothing.
        if quiet and not _plain.isEnabledFor(logging.DEBUG):
            return
        log.log(
            logging.DEBUG if quiet else logging.INFO,
            "http_request",
            method=method,
            path=shown_path(scope["path"]),
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            principal=exchange.principal,
        )

    def _counter(self, method: str, route: str, status: int) -> tuple[Any, Any]:
        key = (method, route, status)
        found = self._counters.get(key)
        if found is None:
            found = self._requests.labels(method, route, str(status)), self._seconds.labels(route)
            self._counters[key] = found
        return found


class _Exchange:
    """One request and its answer."""

    __slots__ = ("_send", "id", "route", "scope", "started", "status", "streams")

    def __init__(self, scope: Scope, send: Send) -> None:
        self.started = time.perf_counter()
        self.scope = scope
        self.status = 0  # until the answer starts
        self.streams = False  # it lasts as long as somebody listens, which is nobody's delay
        self.route = "none"  # its template; a bounded number of names
        self.id = _id_of(scope)
        self._send = send

    @property
    def principal(self) -> str | None:
        principal = self.scope.get("principal")
        return principal.name if principal else None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = message.get("headers", ())
            self.streams = (b"content-type", _STREAM) in given
            headers = [*given, *_HEADERS, (b"x-request-id", self.id.encode())]
            message = {**message, "headers": headers}
        await self._send(message)

    async def fail(self, error: Exception, receive: Receive) -> None:
        """Answers an error that no handler knows, if it isn't too late for an answer."""
        known = _known(error)
        if known is None:
            log.error("request_failed", path=shown_path(self.scope["path"]), exc_info=error)
        else:
            log.warning("store_unavailable", error=type(error).__name__)
        if not self.status:
            answer = (
                errors.problem_response(known) if known else errors.unexpected_response(self.id)
            )
            await answer(self.scope, receive, self.send)


def shown_path(path: str) -> str:
    """The path for the log: what stands behind /ping/ is a secret."""
    return "/ping/***" if path.startswith("/ping/") else path


def _known(error: Exception) -> TracksideError | None:
    if isinstance(error, TracksideError):
        return error
    if fault_of(error) is Fault.PASSING:
        return Overloaded("the store does not answer; try again in a moment", retry_after=2)
    return None


def _id_of(scope: Scope) -> str:
    """The id that a proxy in front of us gave, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return str(value, "ascii")
    return f"{_PREFIX}{next(_NUMBERS):08x}"


class NoteRoute:
    """Tells the exchange which route answered: middlewares in between work on copies of the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            if "exchange" in scope and "route" in scope:
                scope["exchange"].route = _template(scope["route"])


def _template(route: object) -> str:
    found = getattr(route, "path_format", None) or getattr(route, "path", None)
    return str(found or "none")
