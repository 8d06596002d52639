"""A Dagster that answers from what was recorded, at the place where its HTTP would be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx

from adapters.dagster import Dagster
from adapters.dagster.config import DagsterConfig
from hub.ports import Asked, KnownRun, RunName

ANSWERS = Path(__file__).parents[1] / "answers" / "dagster"
NOW = datetime(2026, 11, 22, 6, 53, tzinfo=UTC)  # just after the answers were recorded
NAMESPACE = "dagster://demo"
URL = "http://dagster.test"

Json = dict[str, Any]
Answer = Json | httpx.Response | Callable[[Json], "Json | httpx.Response"]


def recorded(name: str) -> Any:
    """`data` of a recorded answer."""
    return json.loads((ANSWERS / f"{name}.json").read_text())["data"]


def run_row(**other: Any) -> Json:
    """A row of runsOrError: a run that succeeded."""
    row = {
        "runId": "11111111-1111-4111-8111-111111111111",
        "status": "SUCCESS",
        "jobName": "orders",
        "creationTime": 1795330000.0,
        "startTime": 1795330010.0,
        "endTime": 1795330020.0,
        "updateTime": 1795330020.0,
        "tags": [],
        "repositoryOrigin": {
            "repositoryName": "__repository__",
            "repositoryLocationName": "hub_demo",
        },
    }
    return row | other


def runs_answer(rows: Sequence[Json], count: int | None = None) -> Json:
    told = {"count": len(rows) if count is None else count, "results": list(rows)}
    return {"runsOrError": {"__typename": "Runs"} | told}


def detail(row: Json, **other: Any) -> Json:
    """What is told of the run beyond its row: nothing much."""
    stats = {"__typename": "RunStatsSnapshot", "enqueuedTime": row["creationTime"]}
    return {"runId": row["runId"], "stats": stats, "stepStats": []} | other


def pulse(**other: Any) -> Json:
    return {
        "version": "1.13.27",
        "workspaceOrError": {"__typename": "Workspace", "locationEntries": []},
        "instance": {"daemonHealth": {"allDaemonStatuses": []}, "concurrencyLimits": []},
        "waiting": {"__typename": "Runs", "count": 0, "results": []},
        "running": {"__typename": "Runs", "count": 0, "results": []},
    } | other


class FakeDagster:
    """Answers each query by its name: with JSON, a whole response, or what a function says."""

    def __init__(self, **answers: Answer) -> None:
        self.rows: list[Json] = []
        self.clock = NOW
        self.cap = 10_000  # rows that are given at most, whatever is asked for
        default: dict[str, Answer] = {
            "Pulse": lambda _: pulse(),
            "Runs": self._runs,
            "Details": self._details,
            "Jobs": {"repositoriesOrError": {"__typename": "RepositoryConnection", "nodes": []}},
            "AssetKeys": {"assetNodes": []},
            "Log": {"logsForRun": {"__typename": "EventConnection", "events": []}},
            "Ticks": {},
        }
        self.answers = default | answers
        self.asked: list[tuple[str, Json]] = []
        self.headers: list[Mapping[str, str]] = []

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    def adapter(self, **config: Any) -> Dagster:
        settings = DagsterConfig.model_validate({"url": URL} | config)
        transport = httpx.MockTransport(self._answer)
        adapter = Dagster(settings, Asked("demo", NAMESPACE), transport=transport)
        adapter._http._sleep = lambda _: None
        return adapter

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        found = re.match(r"\w+ Trackside(\w+)", body["query"])
        assert found, body["query"]
        self.asked.append((found[1], body["variables"] | {"_query": body["query"]}))
        self.headers.append(request.headers)
        answer = self.answers[found[1]]
        told = answer(body["variables"]) if callable(answer) else answer
        if isinstance(told, httpx.Response):
            return told
        date = format_datetime(self.clock)
        return httpx.Response(200, content=json.dumps({"data": told}), headers={"Date": date})

    def _runs(self, variables: Json) -> Json:
        """As Dagster does: newest first, strictly after, the cursor being the last run seen."""
        wanted = variables["filter"]
        rows = [row for row in self.rows if _wanted(row, wanted)]
        ids = [row["runId"] for row in rows]
        if after := variables.get("cursor"):
            rows = rows[ids.index(after) + 1 :] if after in ids else []
        return runs_answer(rows[: min(self.cap, variables["limit"])], len(ids))

    def _details(self, variables: Json) -> Json:
        ids = variables["filter"]["runIds"]
        found = [detail(row) for row in self.rows if row["runId"] in ids]
        return {"runsOrError": {"__typename": "Runs", "results": found[: self.cap]}}


def _wanted(row: Json, wanted: Json) -> bool:
    if "runIds" in wanted:
        return row["runId"] in wanted["runIds"]
    if "tags" in wanted:
        return all(tag in row["tags"] for tag in wanted["tags"])
    return bool(row["updateTime"] > wanted["updatedAfter"])


class FakeKnown:
    """What the hub knows: nothing, or the runs it is made with."""

    def __init__(self, *runs: KnownRun) -> None:
        self._runs = list(runs)

    def open_runs(self, limit: int) -> list[KnownRun]:
        return self._runs[:limit]

    def runs(self, names: Sequence[RunName]) -> Mapping[RunName, KnownRun]:
        return {run.name: run for run in self._runs if run.name in names}
