"""A Prefect that answers from memory, with rows like the recorded ones, and pages as the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid5

import httpx

from adapters.prefect import Prefect
from adapters.prefect.config import Config
from hub.ports import Asked
from tests.support.answers import answer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPACE = UUID(int=7)
Row = dict[str, Any]

_BASE = re.compile(r"^/api(/accounts/[^/]+/workspaces/[^/]+)?")


def stamp(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def state(kind: str, at: str, name: str | None = None, message: str | None = None) -> Row:
    word = name or kind.capitalize()
    key = str(uuid5(SPACE, f"{kind}{at}{word}"))
    return {"id": key, "type": kind, "name": word, "timestamp": at, "message": message}


def flow_run(number: int, **fields: Any) -> Row:
    """A run of etl/nightly that has completed."""
    (row,) = [one for one in answer("prefect/flow_runs") if one["tags"]]
    times = {
        "expected_start_time": stamp(-3600 + number),
        "start_time": stamp(-3599 + number),
        "end_time": stamp(-3500 + number),
    }
    mine = {"id": str(uuid5(SPACE, f"flow {number}")), "name": f"run-{number}", **times}
    return {**row, **mine, "state": state("COMPLETED", times["end_time"]), **fields}


def task_run(number: int, **fields: Any) -> Row:
    """Of the flow run of that number: its task `flaky`, whose third try has completed."""
    (row,) = [one for one in answer("prefect/task_runs") if one["run_count"] == 3]
    times = {
        "expected_start_time": stamp(-3599 + number),
        "start_time": stamp(-3598 + number),
        "end_time": stamp(-3595 + number),
    }
    mine = {
        "id": str(uuid5(SPACE, f"task {number}")),
        "flow_run_id": str(uuid5(SPACE, f"flow {number}")),
        **times,
    }
    return {**row, **mine, "state": state("COMPLETED", times["end_time"]), **fields}


def states_of(row: Row) -> list[Row]:
    """As Prefect keeps them of a task that was tried three times, without a wait between."""
    begun = datetime.fromisoformat(row["start_time"])
    tries = [begun + timedelta(milliseconds=100 * number) for number in range(row["run_count"])]
    texts = [at.isoformat().replace("+00:00", "Z") for at in tries]
    names = ["Running", *["Retrying"] * (len(texts) - 1)]
    found = [state("RUNNING", at, name) for at, name in zip(texts, names, strict=True)]
    return [state("PENDING", row["expected_start_time"]), *found, row["state"]]


class FakePrefect:
    """cap: rows per page that its operator allows. `between` is called before each answer, so that a
    test can change the rows under the reader.
    """

    def __init__(
        self,
        runs: int = 3,
        *,
        cap: int = 200,
        between: Callable[[FakePrefect], None] = lambda _: None,
    ) -> None:
        self.flow_runs = [flow_run(n) for n in range(runs)]
        self.task_runs = [task_run(n) for n in range(runs)]
        self.states: dict[str, list[Row]] = {}
        self.deployments: list[Row] = answer("prefect/deployments")
        self.events: list[Row] = []
        self.artifacts: list[Row] = []
        self.asked: list[httpx.Request] = []
        self.cap = cap
        self._between = between

    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.asked]

    def adapter(self, **config: Any) -> Prefect:
        settings = Config.model_validate({"url": "http://prefect"} | config)
        asked = Asked("orch", "space")
        transport = httpx.MockTransport(self)
        return Prefect(settings, asked, transport=transport, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self._between(self)
        self.asked.append(request)
        path = _BASE.sub("", request.url.path)
        body = json.loads(request.content) if request.content else {}
        if path == "/events/filter":
            return self._json({"events": self.events, "total": 0, "next_page": None})
        if path.endswith("/filter"):
            if body.get("limit", 0) > self.cap:
                told = f"Invalid limit: must be less than or equal to {self.cap}."
                return self._json({"detail": told}, 422)
            return self._json(self._rows(path.split("/")[-2], body))
        if path in {"/flow_run_states/", "/task_run_states/"}:
            (key,) = request.url.params.values()
            return self._json(self.states.get(key) or states_of(self._named(key)))
        if path == "/admin/version":
            return self._json(answer("prefect/version"))
        return self._json({"detail": "Not Found"}, 404)

    def _json(self, data: Any, status: int = 200) -> httpx.Response:
        headers = {"Date": format_datetime(NOW)}
        return httpx.Response(status, content=json.dumps(data), headers=headers)

    def _named(self, key: str) -> Row:
        return next(row for row in [*self.flow_runs, *self.task_runs] if row["id"] == key)

    def _rows(self, what: str, body: Row) -> Sequence[Row]:
        held: dict[str, Sequence[Row]] = {
            "flow_runs": self.flow_runs,
            "task_runs": self.task_runs,
            "flows": answer("prefect/flows"),
            "deployments": self.deployments,
            "work_pools": answer("prefect/work_pools"),
            "work_queues": answer("prefect/work_queues"),
            "artifacts": self.artifacts,
            "logs": answer("prefect/logs"),
        }
        wanted = body.get(what, {})
        rows = [row for row in held[what] if _wanted(row, wanted)]
        if body.get("sort") == "END_TIME_DESC":
            rows.sort(key=lambda row: str(row["end_time"]), reverse=True)
        offset = body.get("offset", 0)
        return rows[offset : offset + body.get("limit", self.cap)]


def _wanted(row: Row, wanted: Row) -> bool:
    ids = wanted.get("id", {}).get("any_")
    states = wanted.get("state", {}).get("type", {}).get("any_")
    keys = wanted.get("idempotency_key", {}).get("any_")
    span = wanted.get("end_time")
    return (
        (ids is None or row["id"] in ids)
        and (states is None or row["state"]["type"] in states)
        and (keys is None or row.get("idempotency_key") in keys)
        and (span is None or _within(row["end_time"], span))
    )


def _within(end: str | None, span: Row) -> bool:
    if end is None:
        return False
    at = datetime.fromisoformat(end)
    after, before = span.get("after_"), span.get("before_")
    return (after is None or at >= datetime.fromisoformat(after)) and (
        before is None or at <= datetime.fromisoformat(before)
    )
