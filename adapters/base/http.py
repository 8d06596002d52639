"""Asking over HTTP, within bounds.

One connection, one request at a time. An answer is bounded in time and size, a passing failure of
a read is tried again, and whatever goes wrong is an Unavailable whose text names the address
without its query or credentials, and what to change.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, ClassVar, Final, Self

import httpx
import msgspec
from msgspec import Struct

from hub.errors import Unavailable, shorten

MAX_ANSWER_BYTES: Final = 64 * 2**20
TIMEOUT_S: Final = 30.0
TRIES: Final = 3
#: What we wait at most when we are told to come back later; beyond it the next poll will do.
PATIENCE_S: Final = 10.0
PASSING: Final = frozenset({429, 500, 502, 503, 504})

Headers = Mapping[str, str]
Body = Mapping[str, Any]
_NONE: Final[Headers] = {}


class Answer(Struct, frozen=True):
    """What came back; `data` is the decoded JSON, None if there was none, `body` all as it came.

    retry_after_s: when it says to come back, in seconds; 0 if it does not.
    """

    status: int
    data: Any
    date: datetime | None = None
    text: str = ""
    retry_after_s: float = 0.0
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return self.status < HTTPStatus.MULTIPLE_CHOICES


class Http:
    """A connection to one orchestrator.

    authorize: headers that prove who we are; called with True after they were refused, so that a
    token can be fetched anew. refused: whether an answer means that (401, if not told otherwise).
    """

    _safe: ClassVar = frozenset({"GET", "HEAD"})

    def __init__(
        self,
        url: str,
        *,
        authorize: Callable[[bool], Headers] = lambda _: {},
        refused: Callable[[Answer], bool] = lambda answer: answer.status == HTTPStatus.UNAUTHORIZED,
        verify: bool = True,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._authorize = authorize
        self._refused = refused
        self._timeout_s = timeout_s
        self._closed = threading.Event()
        self._socket: socket.socket | None = None
        self._sleep = sleep or self._closed.wait
        self._client = httpx.Client(
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 10)),
            verify=verify,
            transport=transport,
            limits=httpx.Limits(max_connections=1),
            headers={"Accept": "application/json", "User-Agent": "trackside"},
        )
        self.requests = 0
        self.skew_s: float | None = None

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON that a GET answers; Unavailable if it answers with an error."""
        return self.expect(self.ask("GET", path, params=params), path)

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        repeat: bool | None = None,
        authorized: bool = True,
        content: bytes | None = None,
        headers: Headers = _NONE,
    ) -> Answer:
        """The answer, whatever its status; Unavailable if there is none.

        repeat: whether asking twice does no harm, so that a passing failure is tried again; GET
        and HEAD do none. content: the body, instead of `json`. headers: besides our own.
        """
        safe = method in self._safe if repeat is None else repeat
        body = {"json": json, "content": content}
        proof = self._authorize(False) if authorized else {}  # noqa: FBT003
        answer = self._persistently(method, path, params, body, {**proof, **headers}, safe=safe)
        if authorized and self._refused(answer):
            proof = self._authorize(True)  # noqa: FBT003
            answer = self._persistently(method, path, params, body, {**proof, **headers}, safe=safe)
        return answer

    def expect(self, answer: Answer, path: str) -> Any:
        """The JSON of a good answer, else Unavailable."""
        if not answer.ok:
            raise self.failure(answer, path)
        if answer.data is None:
            raise Unavailable(f"{self._at(path)} answered {answer.status} without JSON")
        return answer.data

    def failure(self, answer: Answer, path: str, mend: str = "") -> Unavailable:
        """What to raise for an answer that is an error."""
        passing = answer.status in PASSING
        text = f"{self._at(path)} answered {answer.status}: {shorten(answer.text, 300)}"
        told = f"{text}. {mend}" if mend else text
        return Unavailable(told, permanent=not passing, retry_after_s=answer.retry_after_s or None)

    def close(self) -> None:
        """From another thread it also ends an answer that is waited for, as Unavailable."""
        self._closed.set()
        if self._socket is not None:
            with suppress(OSError):  # it was closed before
                self._socket.shutdown(socket.SHUT_RDWR)
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- one request -----------------------------------------------------------------------------

    def _persistently(
        self, method: str, path: str, params: Any, body: Body, headers: Headers, *, safe: bool
    ) -> Answer:
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES or not safe
            try:
                answer = self._once(method, path, params, body, headers)
            except httpx.TransportError as error:
                if last or self._closed.is_set():
                    raise self._unreachable(path, error) from None
                self._sleep(0.2 * 2**attempt)
                continue
            if answer.status not in PASSING or last or answer.retry_after_s > PATIENCE_S:
                return answer
            self._sleep(answer.retry_after_s or 0.2 * 2**attempt)
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, params: Any, body: Body, headers: Headers) -> Answer:
        if self._closed.is_set():
            raise Unavailable(f"{self._at(path)} is not asked any more: the connection was closed")
        self.requests += 1
        end = time.monotonic() + self._timeout_s
        with self._client.stream(
            method,
            self.url + path,
            params=params,
            headers=dict(headers),
            extensions={"trace": self._traced},
            **body,
        ) as response:
            told = bytearray()
            for chunk in response.iter_bytes():
                told += chunk
                if len(told) > MAX_ANSWER_BYTES:
                    raise Unavailable(
                        f"{self._at(path)} answered more than {MAX_ANSWER_BYTES:,} bytes"
                    )
                if time.monotonic() > end:
                    raise Unavailable(
                        f"{self._at(path)} did not end its answer in {self._timeout_s:g} s"
                    )
        date = _date(response.headers.get("Date"))
        if date is not None and self.skew_s is None:
            self.skew_s = (date - datetime.now(UTC)).total_seconds()
        wait_s = _seconds(response.headers.get("Retry-After"))
        content = bytes(told)
        text = _text(content)
        return Answer(response.status_code, _decode(content), date, text, wait_s, content)

    def _traced(self, step: str, told: Mapping[str, Any]) -> None:
        """Keeps the socket of the connection, which nothing else of httpx tells in time."""
        if step in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._socket = told["return_value"].get_extra_info("socket")

    def _unreachable(self, path: str, error: httpx.TransportError) -> Unavailable:
        if isinstance(error, httpx.TimeoutException):
            return Unavailable(f"{self._at(path)} did not answer in {self._timeout_s:g} s")
        return Unavailable(f"{self._at(path)} can't be reached: {type(error).__name__}: {error}")

    def _at(self, path: str) -> str:
        """The address as it may be told: without query and credentials."""
        url = httpx.URL(self.url + path)
        return str(url.copy_with(username="", password="", query=None, fragment=None))


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _text(body: bytes) -> str:
    return body[:2000].decode(errors="replace")


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text) if text else None
    except ValueError:
        return None


def _seconds(text: str | None) -> float:
    """Of Retry-After, a number of seconds or a date."""
    if not text:
        return 0.0
    if text.strip().isdigit():
        return float(text)
    date = _date(text)
    return 0.0 if date is None else max(0.0, (date - datetime.now(UTC)).total_seconds())
