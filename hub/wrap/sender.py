"""Sends events to the hub, beside the command. Nothing here may fail or delay it."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

from hub.wrap.spool import EVENTS, OBSERVATIONS, Spool, kind_of, read, remove

#: By what a file holds: where it goes, and as what.
_DOORS: Final = {
    EVENTS: ("/api/v1/lineage/batch", "application/x-ndjson"),
    OBSERVATIONS: ("/api/v1/observations", "application/json"),
}
_TAKEN: Final = frozenset({200, 201})
#: For one request; a hub that hangs is one that is away.
TIMEOUT_S: Final = 10.0
#: Kept files that one run sends besides its own events.
MOST_FILES: Final = 50
#: Answers after which the same is not sent again: the hub has understood, and won't have it.
_REFUSED: Final = frozenset({400, 413, 415, 422})


class Away(Exception):
    """The hub did not take it; why."""


class Named(Protocol):
    """A hub, and what opens its door."""

    @property
    def url(self) -> str: ...

    def token(self) -> str | None: ...


class Line:
    """Requests to one hub."""

    def __init__(self, hub: Named, timeout_s: float = TIMEOUT_S) -> None:
        self._hub = hub
        self._url = urlsplit(hub.url)
        self._timeout_s = timeout_s

    def send(self, told: bytes, kind: str = EVENTS) -> None:
        """Returns once it is durable, or refused for good. Raises Away."""
        path, content_type = _DOORS[kind]
        headers = {"Content-Type": content_type}
        token = self._hub.token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection: http.client.HTTPConnection | None = None
        try:
            connection = self._connect()
            connection.request("POST", self._url.path + path, told, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Away(
                f"no answer from {self._host}: {str(error) or type(error).__name__}"
            ) from None
        finally:
            if connection is not None:
                connection.close()
        if answer.status not in _TAKEN | _REFUSED:
            raise Away(f"{self._host} answers {answer.status}")

    @property
    def _host(self) -> str:
        return self._url.netloc.rpartition("@")[2]

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout_s)


class Sender:
    """A thread that sends what it is given, in order; what is left in the end is kept on disk."""

    def __init__(
        self, line: Line, spool: Spool, alive: Callable[[], bytes], interval_s: float
    ) -> None:
        """alive: makes a sign of life, one at each interval."""
        self._line = line
        self._spool = spool
        self._alive = alive
        self._interval_s = interval_s
        self._changed = threading.Condition()
        self._unsent: list[bytes] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        #: Why the hub did not take the last that was sent; "" if it did.
        self.trouble = ""

    def start(self, first: bytes) -> None:
        self._unsent.append(first)
        self._thread.start()

    def close(self, last: bytes, wait_s: float) -> None:
        """Sends the last event too, and keeps on disk what the hub does not take within the time."""
        with self._changed:
            self._unsent.append(last)
            self._closing = True
            self._changed.notify()
        self._thread.join(wait_s)
        with self._changed:
            left = list(self._unsent)
        if left:
            self._keep(left)

    def _keep(self, left: list[bytes]) -> None:
        """What is on its way just now may come twice: the same bytes, which the hub notices."""
        try:
            self._spool.put(left)
        except OSError as error:
            self.trouble = f"{self.trouble}; nor can it be kept: {error}".removeprefix("; ")

    def _run(self) -> None:
        if self._send_mine():
            flush(self._line, self._spool, MOST_FILES, enough=lambda: self._closing)
        while not self._is_closing(self._interval_s):
            # A sign of life that can't be sent is worth nothing later; what else waits is.
            if self._send_mine():
                self._try(self._alive())
        if self._send_mine():
            flush(self._line, self._spool, MOST_FILES)

    def _is_closing(self, wait_s: float) -> bool:
        with self._changed:
            return self._closing or (self._changed.wait(wait_s) and self._closing)

    def _send_mine(self) -> bool:
        with self._changed:
            mine = list(self._unsent)
        if mine and not self._try(b"\n".join(mine)):
            return False
        with self._changed:
            del self._unsent[: len(mine)]
        return True

    def _try(self, events: bytes) -> bool:
        try:
            self._line.send(events)
        except Away as error:
            self.trouble = str(error)
            return False
        self.trouble = ""
        return True


def flush(
    line: Line, spool: Spool, most: int | None = None, *, enough: Callable[[], bool] = lambda: False
) -> tuple[int, str]:
    """Sends what is kept, the oldest first: how many files, and why not all."""
    sent = 0
    try:
        with spool.alone() as alone:
            if not alone:
                return 0, "somebody else is sending just now"
            for file in spool.files()[:most]:
                if enough():
                    break
                told = read(file)
                if told:
                    line.send(told, kind_of(file))
                remove(file)
                sent += 1
    except (Away, OSError) as error:
        return sent, str(error)
    return sent, ""
