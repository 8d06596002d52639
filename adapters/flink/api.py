"""Asking Flink, and what to change on a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote

import httpx

from adapters.base import Answer, Headers, Http
from adapters.flink.config import Config
from adapters.flink.wire import (
    Checkpoints,
    Configuration,
    Exceptions,
    Job,
    Jobs,
    Overview,
    read,
)

T = TypeVar("T")

JOBS: Final = "/jobs/overview"


class Api:
    """One JobManager."""

    def __init__(
        self,
        config: Config,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self.http = Http(
            config.url,
            authorize=self._headers,
            verify=config.verify,
            transport=transport,
            sleep=sleep,
        )

    def jobs(self) -> list[Job]:
        """All that it knows: those that are open, and for an hour those that have ended."""
        return self._get(JOBS, Jobs).jobs

    def exceptions(self, jid: str) -> Exceptions:
        """None are told of a job that was forgotten meanwhile."""
        return self._find(f"/jobs/{seg(jid)}/exceptions", Exceptions) or Exceptions()

    def checkpoints(self, jid: str) -> Checkpoints:
        return self._find(f"/jobs/{seg(jid)}/checkpoints", Checkpoints) or Checkpoints()

    def overview(self) -> Overview:
        return self._get("/overview", Overview)

    def version(self) -> str:
        return self._get("/config", Configuration).flink_version

    def _get(self, path: str, kind: type[T]) -> T:
        return self._read(self.http.ask("GET", path), path, kind)

    def _find(self, path: str, kind: type[T]) -> T | None:
        answer = self.http.ask("GET", path)
        return None if answer.status == HTTPStatus.NOT_FOUND else self._read(answer, path, kind)

    def _read(self, answer: Answer, path: str, kind: type[T]) -> T:
        if not answer.ok:
            raise self.http.failure(answer, path, MEND.get(answer.status, ""))
        return read(answer.data, kind, self.http.url + path)

    def _headers(self, refused: bool) -> Headers:  # noqa: ARG002, FBT001
        """Secrets are resolved for each request, so that a rotated one is picked up."""
        told = {name: ref.resolve().reveal() for name, ref in self._config.headers.items()}
        if self._config.token is not None:
            told["Authorization"] = f"Bearer {self._config.token.resolve().reveal().strip()}"
        return told


MEND: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "the proxy in front of Flink refuses us: check `token` and `headers`",
    HTTPStatus.FORBIDDEN: "the proxy in front of Flink refuses us: check `token` and `headers`",
    HTTPStatus.NOT_FOUND: "check `url`: Flink's JobManager answers /jobs/overview there",
}


def seg(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")
