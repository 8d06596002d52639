"""An MLflow that answers from memory, with rows like the recorded ones, and pages as the real one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid5

import httpx

from adapters.mlflow import MLflow
from adapters.mlflow.config import Config
from hub.ports import Asked
from tests.support.answers import answer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Row = dict[str, Any]
_BOUND = re.compile(r"attributes\.end_time (>=|<=) (\d+)")
_NAMED = re.compile(r"'([0-9a-f]{32})'")


def millis(seconds: float) -> int:
    return int((NOW + timedelta(seconds=seconds)).timestamp() * 1000)


def run(number: int, **info: Any) -> Row:
    """A nested run of the experiment `churn` that has finished."""
    (row,) = [r for r in answer("mlflow/runs")["runs"] if r["info"]["run_name"] == "try-2"]
    run_id = uuid5(UUID(int=7), f"run {number}").hex
    times = {"start_time": millis(-3600 + number), "end_time": millis(-3500 + number)}
    return {**row, "info": {**row["info"], "run_id": run_id, **times, **info}}


class FakeMLflow:
    """cap: rows per page that it gives at most, whatever is asked for."""

    def __init__(self, runs: int = 3, *, cap: int = 1_000) -> None:
        self.runs = [run(n) for n in range(runs)]
        self.models: list[Row] = answer("mlflow/registered_models")["registered_models"]
        self.versions: list[Row] = answer("mlflow/model_versions")["model_versions"]
        self.asked: list[httpx.Request] = []
        self.cap = cap

    def adapter(self, **config: Any) -> MLflow:
        settings = Config.model_validate({"url": "http://mlflow"} | config)
        asked = Asked("orch", "space")
        transport = httpx.MockTransport(self)
        return MLflow(settings, asked, transport=transport, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path.removeprefix("/api/2.0/mlflow")
        body = json.loads(request.content) if request.content else dict(request.url.params)
        match path:
            case "/experiments/search":
                return self._page("experiments", answer("mlflow/experiments")["experiments"], body)
            case "/runs/search":
                return self._page("runs", self._runs(body.get("filter", "")), body)
            case "/registered-models/search":
                return self._page("registered_models", self.models, body)
            case "/model-versions/search":
                return self._page("model_versions", self.versions, body)
            case "/model-versions/get":
                found = [v for v in self.versions if v["version"] == body["version"]]
                return self._json({"model_version": found[0]}) if found else self._json({}, 404)
            case _:
                return self._json({"error_code": "ENDPOINT_NOT_FOUND"}, 404)

    def _json(self, data: Any, status: int = 200) -> httpx.Response:
        headers = {"Date": format_datetime(NOW)}
        return httpx.Response(status, content=json.dumps(data), headers=headers)

    def _page(self, name: str, rows: Sequence[Row], body: Row) -> httpx.Response:
        first = int(body.get("page_token") or 0)
        end = first + min(int(body.get("max_results", self.cap)), self.cap)
        more = {"next_page_token": str(end)} if end < len(rows) else {}
        # MLflow leaves an empty list out.
        return self._json(({name: list(rows[first:end])} if rows[first:end] else {}) | more)

    def _runs(self, where: str) -> list[Row]:
        if " IN " in where:
            return [row for row in self.runs if row["info"]["run_id"] in _NAMED.findall(where)]
        if "status !=" in where:
            over = {"FINISHED", "FAILED", "KILLED"}
            return [row for row in self.runs if row["info"]["status"] not in over]
        found = [row for row in self.runs if _within(row["info"].get("end_time"), where)]
        return sorted(found, key=lambda row: -int(row["info"]["end_time"]))


def _within(end: int | None, where: str) -> bool:
    bounds = {sign: int(value) for sign, value in _BOUND.findall(where)}
    return end is not None and bounds.get(">=", 0) <= end <= bounds.get("<=", end)
