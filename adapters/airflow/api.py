"""Asking Airflow: which version of its API there is, pages of rows, and what to change on a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from adapters.airflow.config import Config
from adapters.airflow.login import Login, refused
from adapters.airflow.wire import Page, read
from adapters.base import Answer, Http
from hub.errors import Unavailable

T = TypeVar("T")
P = TypeVar("P", bound=Page)

#: What a server gives at most per page, whatever is asked for.
ROWS: Final = 100
#: Pages by offset overlap by this many rows: a row that is retried or deleted meanwhile moves the
#: others up, past the reader.
OVERLAP: Final = 10

Position = str | int
"""Where the next page begins: a cursor, or the number of rows before it."""


class Read(Struct, frozen=True):
    """One page; `following` is None after the last."""

    page: Any
    following: Position | None
    date: datetime | None


class Api:
    """One Airflow. Which version of the API it speaks is asked once, before anything else."""

    def __init__(
        self,
        config: Config,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self.url = config.url
        self._base: str | None = None
        self.version = ""
        self._login = Login(config, self._ask, lambda: self.is_old)
        self.http = Http(
            config.url,
            authorize=self._login.headers,
            refused=refused,
            verify=config.verify,
            transport=transport,
            sleep=sleep,
        )

    @property
    def base(self) -> str:
        """`/api/v2`, or `/api/v1` of an Airflow 2."""
        if self._base is None:
            self._base = self._find_base()
        return self._base

    @property
    def is_old(self) -> bool:
        return self.base == "/api/v1"

    def get(self, path: str, kind: type[T], params: Mapping[str, Any] | None = None) -> T:
        return self.read(self.ask("GET", path, params=params), path, kind)

    def find(self, path: str, kind: type[T]) -> T | None:
        """What is there, or None: it does not exist (any more)."""
        answer = self.ask("GET", path)
        return None if answer.status == HTTPStatus.NOT_FOUND else self.read(answer, path, kind)

    def search(self, path: str, kind: type[T], body: Mapping[str, Any]) -> T:
        """A list that is asked for by POST, which changes nothing."""
        return self.read(self.ask("POST", path, json=body, repeat=True), path, kind)

    def page(
        self, path: str, kind: type[P], params: Mapping[str, Any], at: Position | None
    ) -> Read:
        """A page of at most 100 rows, ordered so that rows which change meanwhile hide no others."""
        place: Mapping[str, Any] = {"offset": at} if isinstance(at, int) else {"cursor": at or ""}
        if self.is_old and at is None:
            place = {}
        answer = self.ask("GET", path, params={**params, **place, "limit": ROWS})
        if answer.status == HTTPStatus.BAD_REQUEST and isinstance(at, str):
            raise StaleCursorError(path)
        found = self.read(answer, path, kind)
        return Read(found, _following(found, at), answer.date)

    def ask(self, method: str, path: str, **how: Any) -> Answer:
        return self.http.ask(method, self.base + path, **how)

    def read(self, answer: Answer, path: str, kind: type[T]) -> T:
        if not answer.ok:
            raise self.failure(answer, path)
        return read(answer.data, kind, self.url + self.base + path)

    def failure(self, answer: Answer, path: str) -> Unavailable:
        at, mend = self.base + path, _mend(answer)
        if answer.status == HTTPStatus.NOT_FOUND:
            self._base = None  # it may have been upgraded: ask again which API there is
        return self.http.failure(answer, at, mend)

    def _ask(self, method: str, path: str, **how: Any) -> Answer:
        return self.http.ask(method, path, **how)

    def _find_base(self) -> str:
        for base in ("/api/v2", "/api/v1"):
            path = f"{base}/version"
            answer = self.http.ask("GET", path, authorized=self._login.by_header)
            if answer.ok and isinstance(answer.data, dict) and "version" in answer.data:
                self.version = str(answer.data["version"])
                return base
            if answer.status != HTTPStatus.NOT_FOUND and not answer.ok:
                raise self.http.failure(answer, path, _mend(answer))
        raise Unavailable(
            f"{self.url} answers, but has no REST API of Airflow (neither /api/v2/version nor "
            "/api/v1/version); set `url` to the address of the API server or web server",
            permanent=True,
        )


class StaleCursorError(Unavailable):
    """The server does not know (any more) where we were; the pass begins again."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} does not take its own cursor any more")


def seg(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def _following(found: Page, at: Position | None) -> Position | None:
    if found.next_cursor is not msgspec.UNSET and not isinstance(at, int):
        return found.next_cursor
    rows = next(v for v in msgspec.structs.asdict(found).values() if isinstance(v, list))
    before = at if isinstance(at, int) else 0
    end = before + len(rows)
    if not rows or end >= found.total_entries:
        return None
    return max(end - OVERLAP, before + 1)


def _mend(answer: Answer) -> str:
    """What to change where we are refused."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return "check `username` and `password`, `token`, or `headers`"
    if answer.status == HTTPStatus.FORBIDDEN:
        return (
            "give the user the role Viewer (to launch: User), or check `token` and `headers`; "
            "Airflow 2 also needs basic_auth among [api] auth_backends"
        )
    return ""
