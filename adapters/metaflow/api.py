"""Asking the metadata service: who we are, and what to change on a refusal.

It has no pages and no filters: a list is told whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote

import httpx

from adapters.base import Answer, Headers, Http
from adapters.metaflow.config import Config
from adapters.metaflow.wire import Artifact, Datum, Flow, Run, Step, Task, read

T = TypeVar("T")


class Api:
    """One metadata service."""

    def __init__(
        self,
        config: Config,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._config = config
        self._whole = True
        self.http = Http(
            config.url,
            authorize=self._headers,
            verify=config.verify,
            transport=transport,
            sleep=sleep,
        )

    def flows(self) -> list[Flow]:
        return self._get("/flows", list[Flow])

    def runs(self, flow: str) -> list[Run]:
        return self._get(f"{_flow(flow)}/runs", list[Run])

    def tasks(self, flow: str, run: str, step: str) -> list[Task]:
        return self._get(f"{_run(flow, run)}/steps/{seg(step)}/tasks", list[Task])

    def metadata(self, flow: str, run: str) -> list[Datum]:
        """Of all tasks of a run: at once, or task by task where the service knows no such list."""
        path = f"{_run(flow, run)}/metadata"
        if self._whole:
            answer = self.http.ask("GET", path)
            if answer.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
                return self._read(answer, path, list[Datum])
        found = [
            datum
            for step in self._get(f"{_run(flow, run)}/steps", list[Step])
            for task in self.tasks(flow, run, step.step_name)
            for datum in self._get(
                f"{_task(flow, run, step.step_name, task)}/metadata", list[Datum]
            )
        ]
        self._whole = False
        return found

    def artifacts(self, flow: str, run: str, step: str, task: str) -> list[Artifact]:
        path = f"{_run(flow, run)}/steps/{seg(step)}/tasks/{seg(task)}/artifacts"
        return self._get(path, list[Artifact])

    def _get(self, path: str, kind: type[T]) -> T:
        return self._read(self.http.ask("GET", path), path, kind)

    def _read(self, answer: Answer, path: str, kind: type[T]) -> T:
        if not answer.ok:
            raise self.http.failure(answer, path, MEND.get(answer.status, ""))
        return read(answer.data, kind, self.http.url + path)

    def _headers(self, refused: bool) -> Headers:  # noqa: ARG002, FBT001
        """Secrets are resolved for each request, so that a rotated one is picked up."""
        told = {name: ref.resolve().reveal() for name, ref in self._config.headers.items()}
        if self._config.auth_key is not None:
            told["x-api-key"] = self._config.auth_key.resolve().reveal().strip()
        return told


MEND: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "check `auth_key` and `headers`",
    HTTPStatus.FORBIDDEN: "check `auth_key` and `headers`",
    HTTPStatus.NOT_FOUND: "check `url`: it is METAFLOW_SERVICE_URL, and /ping answers below it",
}


def _flow(flow: str) -> str:
    return f"/flows/{seg(flow)}"


def _run(flow: str, run: str) -> str:
    return f"{_flow(flow)}/runs/{seg(run)}"


def _task(flow: str, run: str, step: str, task: Task) -> str:
    return f"{_run(flow, run)}/steps/{seg(step)}/tasks/{seg(str(task.task_id))}"


def seg(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")
