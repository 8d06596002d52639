"""Asking Kubeflow Pipelines: who we are, pages of rows, and what to change on a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from adapters.base import Answer, Headers, Http
from adapters.kubeflow.config import Config
from adapters.kubeflow.wire import (
    OPEN,
    Health,
    Pipeline,
    Pipelines,
    RecurringRun,
    RecurringRuns,
    Run,
    Runs,
    Version,
    read,
)
from hub.errors import Unavailable
from hub.ports import Json

T = TypeVar("T")

BASE: Final = "/apis/v2beta1"
RUNS: Final = f"{BASE}/runs"
#: Rows that are asked for at once; the server gives 200 at most.
ROWS: Final = 100
#: Pages of a list that is read whole.
PAGES: Final = 25


class Api:
    """One Kubeflow Pipelines. date: its clock at its latest answer."""

    def __init__(
        self,
        config: Config,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self.date: datetime | None = None
        self.http = Http(
            config.url,
            authorize=self._headers,
            verify=config.verify,
            transport=transport,
            sleep=sleep,
        )

    def ended(self, since: datetime, token: str) -> Runs:
        """A page of the runs that ended since, the latest first."""
        at = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        where = _where("finished_at", "GREATER_THAN_EQUALS", timestamp_value=at)
        return self._runs(where, "finished_at desc", token)

    def open(self) -> list[Run]:
        """All that have not ended; the newest of very many."""
        where = _where("state", "IN", string_values={"values": list(OPEN)})
        found: list[Run] = []
        token = ""
        for _ in range(PAGES):
            page = self._runs(where, "created_at desc", token)
            found += page.runs
            token = page.next_page_token
            if not token:
                break
        return found

    def called(self, name: str) -> list[Run]:
        """Runs of that name."""
        return self._runs(
            _where("display_name", "EQUALS", string_value=name), "created_at", ""
        ).runs

    def run(self, run_id: str) -> Run | None:
        return self.find(f"{RUNS}/{seg(run_id)}", Run)

    def recurring(self) -> list[RecurringRun]:
        found: list[RecurringRun] = []
        token = ""
        for _ in range(PAGES):
            params = self._params(token, "created_at")
            page = self.get(f"{BASE}/recurringruns", RecurringRuns, params)
            found += page.recurringRuns
            token = page.next_page_token
            if not token:
                break
        return found

    def pipelines(self) -> list[Pipeline]:
        found: list[Pipeline] = []
        token = ""
        for _ in range(PAGES):
            page = self.get(f"{BASE}/pipelines", Pipelines, self._params(token, "created_at"))
            found += page.pipelines
            token = page.next_page_token
            if not token:
                break
        return found

    def pipeline(self, key: str) -> Pipeline | None:
        return self.find(f"{BASE}/pipelines/{seg(key)}", Pipeline)

    def pipeline_called(self, name: str) -> Pipeline | None:
        path = f"{BASE}/pipelines/names/{seg(name)}"
        answer = self.http.ask("GET", path, params=self._space())
        return None if answer.status == HTTPStatus.NOT_FOUND else self.read(answer, path, Pipeline)

    def version(self, pipeline: str, version: str) -> Version | None:
        return self.find(f"{BASE}/pipelines/{seg(pipeline)}/versions/{seg(version)}", Version)

    def health(self) -> Health:
        return self.get(f"{BASE}/healthz", Health)

    # -- one request -----------------------------------------------------------------------------

    def _runs(self, where: str, sort: str, token: str) -> Runs:
        answer = self.http.ask("GET", RUNS, params={**self._params(token, sort), "filter": where})
        page = self.read(answer, RUNS, Runs)
        self.date = answer.date
        return page

    def _params(self, token: str, sort: str) -> dict[str, str]:
        asked = {"page_size": str(ROWS), "sort_by": sort, **self._space()}
        return asked | ({"page_token": token} if token else {})

    def _space(self) -> dict[str, str]:
        namespace = self._config.kubernetes_namespace
        return {"namespace": namespace} if namespace else {}

    def get(self, path: str, kind: type[T], params: Mapping[str, str] | None = None) -> T:
        return self.read(self.http.ask("GET", path, params=params), path, kind)

    def find(self, path: str, kind: type[T]) -> T | None:
        """None: it does not exist (any more)."""
        answer = self.http.ask("GET", path)
        return None if answer.status == HTTPStatus.NOT_FOUND else self.read(answer, path, kind)

    def read(self, answer: Answer, path: str, kind: type[T]) -> T:
        if not answer.ok:
            raise self.failure(answer, path)
        return read(answer.data, kind, self.http.url + path)

    def failure(self, answer: Answer, path: str) -> Unavailable:
        return self.http.failure(answer, path, MEND.get(answer.status, ""))

    def _headers(self, refused: bool) -> Headers:  # noqa: ARG002, FBT001
        """Secrets are resolved for each request, so that a rotated one is picked up."""
        told = {name: ref.resolve().reveal() for name, ref in self._config.headers.items()}
        if self._config.token is not None:
            told["Authorization"] = f"Bearer {self._config.token.resolve().reveal().strip()}"
        return told


def _where(key: str, operation: str, **value: Any) -> str:
    """A filter with one condition: JSON, encoded once more than a query is."""
    told: Sequence[Json] = [{"key": key, "operation": operation, **value}]
    return quote(msgspec.json.encode({"predicates": told}).decode())


MEND: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "check `token`: its audience is pipelines.kubeflow.org",
    HTTPStatus.FORBIDDEN: "let the service account of `token` get and list runs, recurring runs "
    "(jobs) and pipelines of pipelines.kubeflow.org in `kubernetes_namespace`",
    HTTPStatus.NOT_FOUND: "check `url`: /apis/v2beta1/healthz answers below it",
}


def seg(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")
