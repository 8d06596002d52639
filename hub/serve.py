"""Runs one hub until it is told to stop.

Order matters: the lock before the store is touched, the port before anything is started, and on
the way out first the door, then the loops, then the writer, so that all it accepted is durable.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import structlog
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from hub.api.hub import Hub
from hub.connections import limited_to
from hub.errors import ConfigError
from hub.metrics import Metrics
from hub.process import tune_collector
from hub.settings import Settings

log = structlog.get_logger(__name__)

#: Senders keep connections open between tasks; closing one under a request costs them a retry.
KEEP_ALIVE_S: Final = 75
#: What is being answered may take this long after SIGTERM. Kubernetes kills after 30 seconds.
GRACE_S: Final = 20
WATCH_S: Final = 0.5


class Server(uvicorn.Server):
    """uvicorn, except that a signal only ends the serving: what comes after it must still run."""

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        metrics: Metrics,
        leaving: Callable[[], None] = lambda: None,
    ) -> None:
        """leaving: called before requests that are being answered are waited for."""
        super().__init__(config)
        self._leaving = leaving
        self._ready = ready
        self._lag = metrics.loop_lag_seconds.labels("requests")
        self._watching: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._ready()
            tune_collector()
            self._watching = asyncio.create_task(self._watch())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._leaving()
        await super().shutdown(sockets)

    async def _watch(self) -> None:
        """How late the event loop is: what every request waits besides its own work."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + WATCH_S
            await asyncio.sleep(WATCH_S)
            self._lag.set(max(0.0, loop.time() - due))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        interrupt = signal.signal(signal.SIGINT, self.handle_exit)
        signal.signal(signal.SIGTERM, self.handle_exit)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the process is ending as it was told
            signal.signal(signal.SIGINT, interrupt)  # but a second Ctrl-C is meant


def run(app: ASGIApp, sock: socket.socket, ready: Callable[[], None], hub: Hub) -> None:
    """Serves `app` on the socket until SIGTERM or SIGINT, then until all requests are answered."""
    config = uvicorn.Config(
        _with_peer(app),
        proxy_headers=False,  # done here, for who really asks must be known besides
        loop="uvloop",
        http=limited_to(hub.settings.max_connections),
        ws="none",  # nobody is served one
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )

    def leaving() -> None:
        hub.watch.close()

    Server(config, ready, hub.metrics, leaving).run(sockets=[sock])


def _with_peer(app: ASGIApp) -> ASGIApp:
    """Keeps who really asks, and then takes a proxy's word for whom it asks."""
    trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1")
    behind = cast("ASGIApp", ProxyHeadersMiddleware(cast("Any", app), trusted))

    async def kept(scope: Scope, receive: Receive, send: Send) -> None:
        scope["peer"] = scope.get("client")
        await behind(scope, receive, send)

    return kept


def listen(settings: Settings) -> socket.socket:
    """A listening socket; ConfigError says which setting is wrong and what to do."""
    host, port = settings.host.strip("[]"), settings.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        raise ConfigError(_cannot_listen(host, port, error)) from None
    return sock


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port: {port} on {host} is taken by another program; stop that one, or choose "
            f"another port (--port {port + 1}, TRACKSIDE_PORT={port + 1}; 0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return f"port: listening on {port} is not permitted to this user; choose one above 1023"
    return (
        f"host: {host} is not an address of this computer ({error.strerror}); use 127.0.0.1, "
        "0.0.0.0 for all, or one of its own"
    )


def url_of(sock: socket.socket) -> str:
    """Where the socket is reached from this computer."""
    host, port = sock.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104  not bound here, only told
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
