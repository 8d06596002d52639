"""Asking MLflow: who we are, and what to change on a refusal."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

import httpx

from adapters.base import Answer, Headers, Http
from adapters.mlflow.config import Config
from adapters.mlflow.wire import (
    Experiment,
    Experiments,
    Model,
    Models,
    Run,
    Runs,
    Version,
    VersionAnswer,
    read,
)
from adapters.mlflow.wire import Versions as VersionPage
from hub.ports import Json

T = TypeVar("T")

BASE: Final = "/api/2.0/mlflow"
RUNS: Final = f"{BASE}/runs/search"
EXPERIMENTS: Final = f"{BASE}/experiments/search"
MODELS: Final = f"{BASE}/registered-models/search"
VERSIONS: Final = f"{BASE}/model-versions/search"
VERSION: Final = f"{BASE}/model-versions/get"
#: Rows that are asked for at once.
ROWS: Final = 500
MODEL_ROWS: Final = 100
#: Run ids that are named in one question.
IDS: Final = 100
#: Pages of a list that is read whole.
PAGES: Final = 40


class Api:
    """One MLflow. date: its clock at its latest answer."""

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

    def experiments(self) -> list[Experiment]:
        """All, deleted ones too."""
        found: list[Experiment] = []
        body: Json = {"max_results": ROWS, "view_type": "ALL"}
        for _ in range(PAGES):
            page = self._search(EXPERIMENTS, Experiments, body)
            found += page.experiments
            if not page.next_page_token:
                break
            body = {**body, "page_token": page.next_page_token}
        return found

    def runs(
        self, experiments: Sequence[str], where: str, order: str, token: str | None = None
    ) -> Runs:
        """One page, deleted ones too."""
        body: Json = {
            "experiment_ids": list(experiments),
            "run_view_type": "ALL",
            "filter": where,
            "order_by": [order],
            "max_results": ROWS,
        }
        return self._search(RUNS, Runs, body | ({"page_token": token} if token else {}))

    def runs_by_id(self, experiments: Sequence[str], ids: Sequence[str]) -> list[Run]:
        """Those of the runs that (still) exist."""
        found: list[Run] = []
        ordered = sorted(set(ids))
        for first in range(0, len(ordered), IDS):
            names = ", ".join(f"'{run_id}'" for run_id in ordered[first : first + IDS])
            where = f"attributes.run_id IN ({names})"
            found += self.runs(experiments, where, "attributes.start_time DESC").runs
        return found

    def models(self) -> list[Model]:
        found: list[Model] = []
        params: dict[str, Any] = {"max_results": MODEL_ROWS}
        for _ in range(PAGES):
            page = self._get(MODELS, Models, params)
            found += page.registered_models
            if not page.next_page_token:
                break
            params["page_token"] = page.next_page_token
        return found

    def versions(self) -> Iterator[list[Version]]:
        """Page by page, the latest changed first."""
        params: dict[str, Any] = {
            "max_results": MODEL_ROWS,
            "order_by": "last_updated_timestamp DESC",
        }
        for _ in range(PAGES):
            page = self._get(VERSIONS, VersionPage, params)
            yield page.model_versions
            if not page.next_page_token:
                return
            params["page_token"] = page.next_page_token

    def version(self, one: Version) -> Version | None:
        """None if it was deleted meanwhile."""
        params = {"name": one.name, "version": one.version}
        answer = self.http.ask("GET", VERSION, params=params)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return self._read(answer, VERSION, VersionAnswer).model_version

    def _get(self, path: str, kind: type[T], params: Mapping[str, Any]) -> T:
        return self._read(self.http.ask("GET", path, params=params), path, kind)

    def _search(self, path: str, kind: type[T], body: Json) -> T:
        return self._read(self.http.ask("POST", path, json=body, repeat=True), path, kind)

    def _read(self, answer: Answer, path: str, kind: type[T]) -> T:
        if not answer.ok:
            raise self.http.failure(answer, path, MEND.get(answer.status, ""))
        self.date = answer.date
        return read(answer.data, kind, self.http.url + path)

    def _headers(self, refused: bool) -> Headers:  # noqa: ARG002, FBT001
        """Secrets are resolved for each request, so that a rotated one is picked up."""
        config = self._config
        told = {name: ref.resolve().reveal() for name, ref in config.headers.items()}
        if config.token is not None:
            told["Authorization"] = f"Bearer {config.token.resolve().reveal()}"
        if config.password is not None:
            user = f"{config.username}:{config.password.resolve().reveal()}"
            told["Authorization"] = f"Basic {b64encode(user.encode()).decode()}"
        return told


MEND: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "check `username` and `password`, or `token`",
    HTTPStatus.FORBIDDEN: "let the user read all experiments and registered models, or check "
    "`token` and `headers`",
    HTTPStatus.NOT_FOUND: "check `url`: it is MLFLOW_TRACKING_URI",
}
