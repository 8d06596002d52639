"""Asking Prefect: who we are, pages of rows, and what to change on a refusal."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx

from adapters.base import Answer, Headers, Http
from adapters.prefect.config import Config
from adapters.prefect.wire import read
from hub.errors import Unavailable
from hub.ports import Json

T = TypeVar("T")

#: What Prefect gives at most at once, unless its operator has set less.
ROWS: Final = 200


class Api:
    """One Prefect."""

    def __init__(
        self,
        config: Config,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self._csrf: Headers = {}
        self._client = str(uuid4())
        self.rows = ROWS
        self.http = Http(
            config.url,
            authorize=self._headers,
            refused=_refused,
            verify=config.verify,
            transport=transport,
            sleep=sleep,
        )

    def get(self, path: str, kind: type[T], params: Mapping[str, Any] | None = None) -> T:
        return self.read(self.http.ask("GET", path, params=params), path, kind)

    def find(self, path: str, kind: type[T]) -> T | None:
        """What is there, or None: it does not exist (any more)."""
        answer = self.http.ask("GET", path)
        return None if answer.status == HTTPStatus.NOT_FOUND else self.read(answer, path, kind)

    def search(self, path: str, kind: type[T], body: Json) -> T:
        """What is asked for by POST, which changes nothing."""
        return self.read(self.http.ask("POST", path, json=body, repeat=True), path, kind)

    def page(self, path: str, kind: type[T], body: Json) -> tuple[list[T], datetime | None]:
        """As many rows as the server gives at once, and its clock. There are no more if these are
        fewer than `rows`.
        """
        while True:
            wanted = {**body, "limit": self.rows}
            answer = self.http.ask("POST", path, json=wanted, repeat=True)
            if not _too_many(answer) or self.rows == 1:
                return self.read(answer, path, list[kind]), answer.date  # type: ignore[valid-type]
            self.rows //= 2

    def by_ids(self, path: str, kind: type[T], of: str, ids: Sequence[UUID]) -> list[T]:
        """Those of the rows that (still) exist."""
        found: list[T] = []
        ordered = sorted(set(ids))
        while ordered:
            wanted, ordered = ordered[: self.rows], ordered[self.rows :]
            found += self.page(path, kind, {of: {"id": any_of(wanted)}})[0]
        return found

    def read(self, answer: Answer, path: str, kind: type[T]) -> T:
        if not answer.ok:
            raise self.failure(answer, path)
        return read(answer.data, kind, self.http.url + path)

    def failure(self, answer: Answer, path: str) -> Unavailable:
        return self.http.failure(answer, path, _MEND.get(answer.status, ""))

    def _headers(self, refused: bool) -> Headers:  # noqa: FBT001
        """Secrets are resolved for each request, so that a rotated one is picked up."""
        told = {name: ref.resolve().reveal() for name, ref in self._config.headers.items()}
        if self._config.api_key is not None:
            told["Authorization"] = f"Bearer {self._config.api_key.resolve().reveal()}"
        if self._config.auth is not None:
            user = self._config.auth.resolve().reveal().encode()
            told["Authorization"] = f"Basic {b64encode(user).decode()}"
        if refused:
            self._csrf = self._protection(told)
        return {**told, **self._csrf}

    def _protection(self, proof: Headers) -> Headers:
        """What a server wants with each POST that guards against forged requests of browsers."""
        params = {"client": self._client}
        asked = self.http.ask(
            "GET", "/csrf-token", params=params, authorized=False, headers=dict(proof)
        )
        token = asked.data.get("token") if asked.ok and isinstance(asked.data, dict) else None
        if not isinstance(token, str):
            return {}
        return {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": self._client}


def _refused(answer: Answer) -> bool:
    if answer.status == HTTPStatus.FORBIDDEN:
        return "csrf" in answer.text.lower()
    return answer.status == HTTPStatus.UNAUTHORIZED


def _too_many(answer: Answer) -> bool:
    return answer.status == HTTPStatus.UNPROCESSABLE_ENTITY and "limit" in answer.text


_MEND: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "check `api_key` (Prefect Cloud) or `auth` (a server of your own)",
    HTTPStatus.FORBIDDEN: "give the owner of `api_key` the role Viewer in the workspace (to launch: "
    "Runner), or check `auth` and `headers`",
    HTTPStatus.NOT_FOUND: "check `url`: it is PREFECT_API_URL, with /api, and on Prefect Cloud with "
    "account and workspace",
}


def any_of(values: Sequence[UUID | str]) -> Json:
    return {"any_": [str(value) for value in values]}


def seg(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")
