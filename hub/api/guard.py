"""Who is asking, and from where: the first thing that happens to a request.

The principal stands in `scope["principal"]` afterwards; what it may do is asked by each route
(`hub.api.access`). A browser that is signed in shows its token as a cookie. On loopback the Host header must name this computer: else any web page could
point a name of its own at 127.0.0.1 and read the hub through its visitor's browser.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from hub.access import ANONYMOUS, Principal
from hub.api.errors import problem_response
from hub.authenticator import Authenticator
from hub.errors import Forbidden
from hub.people import People
from hub.settings import Settings

#: Probes and scrapes come by address and hold nothing to steal.
_FOR_ALL: Final = frozenset({"/healthz", "/readyz", "/metrics"})

#: Where a browser keeps the token of who has signed in.
COOKIE: Final = b"trackside_token"
#: Where it keeps who has signed in elsewhere.
SESSION_COOKIE: Final = b"trackside_session"
_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

#: A flood of made-up tokens may keep so many threads and readers busy, no more.
_VERIFYING: Final = 2


class Guard:
    """Checks Host and Origin, and finds the principal."""

    def __init__(
        self, app: ASGIApp, authenticator: Authenticator, settings: Settings, people: People
    ) -> None:
        self.app = app
        self._people = people
        self._authenticator = authenticator
        self._hosts = allowed_hosts(settings)
        self._limiter = CapacityLimiter(_VERIFYING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        host, origin, authorization, cookie = _told(scope["headers"])
        refusal = self._refusal(scope["path"], host, origin, authorization)
        person = None
        if authorization is None:
            if shown := token_of(cookie):
                authorization = b"Bearer " + shown
            else:
                person = self._person(scope, cookie)
            if shown or person is not None:
                refusal = refusal or _of_a_page(scope["method"], origin)
        if refusal:
            await problem_response(refusal)(scope, receive, send)
            return
        scope["principal"] = (
            person
            or self._authenticator.known(authorization)
            # Whether the hub is alive is answered also while the store, which knows tokens, is not.
            or (ANONYMOUS if scope["path"] in _FOR_ALL else await self._verify(authorization))
        )
        await self.app(scope, receive, send)

    def _person(self, scope: Scope, cookie: bytes) -> Principal | None:
        """Who has signed in elsewhere: what the browser keeps says so, or the proxy in front."""
        shown = kept_in(cookie, SESSION_COOKIE)
        if shown:
            return self._people.of_session(shown.decode("latin-1"), datetime.now(UTC))
        peer = scope.get("peer") or scope.get("client")
        return self._people.of_proxy(peer[0] if peer else None, _once(scope["headers"]))

    async def _verify(self, authorization: bytes | None) -> Principal:
        return await anyio.to_thread.run_sync(
            self._authenticator.verify, authorization, limiter=self._limiter
        )

    def _refusal(
        self, path: str, host: bytes, origin: bytes | None, authorization: bytes | None
    ) -> Forbidden | None:
        named = host_name(host)
        if self._hosts is not None and named not in self._hosts and path not in _FOR_ALL:
            return _wrong("Host", host)
        # A browser sends a token only for a page that holds it; a page without needs to be ours.
        if origin is None or authorization is not None:
            return None
        origin_named = urlsplit(origin.decode("latin-1")).netloc.encode("latin-1")
        if host_name(origin_named) in (self._hosts or {named}):
            return None
        return _wrong("Origin", origin)


def allowed_hosts(settings: Settings) -> frozenset[bytes] | None:
    """The hosts that may be named, None for any.

    Checked where the hub listens on loopback, and where the operator has set them.
    """
    told = "allowed_hosts" in settings.model_fields_set
    if "*" in settings.allowed_hosts or not (told or settings.is_loopback):
        return None
    ours = [settings.public_url and urlsplit(settings.public_url).netloc]
    if settings.is_loopback:
        ours.append(settings.host)
    names = [*settings.allowed_hosts, *filter(None, ours)]
    return frozenset(host_name(name.encode()) for name in names)


def host_name(host: bytes) -> bytes:
    """A Host header without its port, in lower case; `[::1]` keeps its brackets."""
    host = host.strip().lower()
    if host.startswith(b"["):
        return host.partition(b"]")[0] + b"]"
    return host.partition(b":")[0] if host.count(b":") <= 1 else b"[" + host + b"]"


def token_of(cookie: bytes) -> bytes:
    """The token that a browser keeps since somebody signed in; empty without one."""
    return kept_in(cookie, COOKIE)


def kept_in(cookie: bytes, wanted: bytes) -> bytes:
    """The value of a cookie; empty without one."""
    for part in cookie.split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == wanted:
            return value
    return b""


def _once(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name. What stands more than once is left out: one of them may be the visitor's."""
    found: dict[bytes, bytes] = {}
    twice = set()
    for name, value in headers:
        if name in found:
            twice.add(name)
        found[name] = value
    return {name: value for name, value in found.items() if name not in twice}


def _of_a_page(method: str, origin: bytes | None) -> Forbidden | None:
    """Browsers send the cookie by themselves, so what changes something must come from our pages.

    Which origin that is was checked already; here it must be told at all.
    """
    if origin is not None or method in _HARMLESS:
        return None
    return Forbidden(
        "a browser that is signed in tells with an Origin header which page it asks for; this "
        "request has none. Programs send their token as Authorization: Bearer <token>"
    )


def _told(
    headers: Iterable[tuple[bytes, bytes]],
) -> tuple[bytes, bytes | None, bytes | None, bytes]:
    """Host, Origin, Authorization and Cookie."""
    host, origin, authorization, cookie = b"", None, None, b""
    for name, value in headers:
        if name == b"host":
            host = value
        elif name == b"origin":
            origin = value
        elif name == b"authorization":
            authorization = value
        elif name == b"cookie":
            cookie += b";" + value
    return host, origin, authorization, cookie


def _wrong(header: str, found: bytes) -> Forbidden:
    name = found[:80].decode("latin-1")
    return Forbidden(
        f"the {header} header names {name!r}, which is not this hub; if it should be, add its "
        "name to allowed_hosts in trackside.yaml or TRACKSIDE_ALLOWED_HOSTS"
    )
