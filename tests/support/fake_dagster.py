"""A Dagster that answers from what was recorded, at the place where its HTTP would be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from adapters.dagster import Dagster
from adapters.dagster.config import DagsterConfig
from hub.ports import Asked, KnownRun, RunName

ANSWERS = Path(__file__).parents[1] / "answers" / "dagster"
NOW = datetime(2026, 11, 22, 6, 53, tzinfo=UTC)  # just after the answers were recorded
NAMESPACE = "dagster://demo"
URL = "http://dagster.test"

NO_BACKFILLS = {"__typename": "PartitionBackfills", "results": []}

Json = dict[str, Any]
Answer = Json | httpx.Response | Callable[[Json], "Json | httpx.Response"]


def recorded(name: str) -> Any:
    """`data` of a recorded answer."""
    return json.loads(_text(name))["data"]


@cache
def _text(name: str) -> str:
    return (ANSWERS / f"{name}.json").read_text()


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


def operation(request: httpx.Request) -> str:
    """What is asked for, by our name of the query."""
    query = json.loads(request.content)["query"]
    found = re.match(r"\w+ Trackside(\w+)", query)
    assert found, query
    return found[1]


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
            "OwnBackfills": {"latest": NO_BACKFILLS, "open": NO_BACKFILLS},
            "Partitions": {"assetNodes": []},
            "PartitionKeys": {"assetNodes": []},
            "Log": {"logsForRun": {"__typename": "EventConnection", "events": []}},
            "Ticks": {},
        }
        self.answers = default | answers
        self.asked: list[tuple[str, Json]] = []
        self.headers: list[Mapping[str, str]] = []
        self.slept: list[float] = []

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    def adapter(self, **config: Any) -> Dagster:
        settings = DagsterConfig.model_validate({"url": URL} | config)
        return Dagster(
            settings,
            Asked("demo", NAMESPACE),
            transport=httpx.MockTransport(self),
            sleep=self.slept.append,
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        name = operation(request)
        self.asked.append((name, body["variables"] | {"_query": body["query"]}))
        self.headers.append(request.headers)
        answer = self.answers[name]
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


class WholeDagster(FakeDagster):
    """A Dagster with something of everything, whose clock goes on by 20 s from pulse to pulse.

    Its runs are partitioned, come of a schedule, and have two steps: `flaky` and `fan`.
    """

    TAGS = (
        {"key": "dagster/schedule_name", "value": "nightly"},
        {"key": "dagster/tick", "value": "33"},
        {"key": "dagster/partition", "value": "2026-11-20"},
    )

    def __init__(self, runs: int = 3, *, cap: int = 10_000) -> None:
        super().__init__(
            Pulse=self._pulse,
            Log=recorded("run_log_report"),
            Ticks=self._ticks,
            Jobs=recorded("jobs"),
            Instigators=recorded("schedules") | recorded("sensors"),
            AssetKeys=recorded("asset_nodes_full"),
            Assets=recorded("asset_nodes_full"),
            Reports={"asset0": recorded("external_asset_events")["assetOrError"]},
            OwnBackfills={
                "latest": recorded("backfills")["partitionBackfillsOrError"],
                "open": NO_BACKFILLS,
            },
            Partitions=recorded("partition_statuses"),
            PartitionKeys=recorded("partition_statuses"),
            Check={"version": "1.13.27", "permissions": []},
        )
        self.cap = cap
        self.rows = [self._row(number) for number in range(runs, 0, -1)]

    def _row(self, number: int) -> Json:
        run_id = str(UUID(int=(number << 80) | 0x4000_8000_0000_0000_0000))
        status = "FAILURE" if number == 1 else "SUCCESS"
        at = 1795330020.0 + number
        return run_row(runId=run_id, status=status, updateTime=at, tags=list(self.TAGS))

    def _pulse(self, _: Json) -> Json:
        self.clock += timedelta(seconds=20)
        return pulse(
            workspaceOrError=recorded("workspace")["workspaceOrError"],
            instance=recorded("instance_queue_pools")["instance"]
            | recorded("daemon_health")["instance"],
            waiting=recorded("backlog_queued_runs")["runsOrError"],
        )

    def _ticks(self, variables: Json) -> Json:
        tick = {"tickId": "33", "timestamp": 1795330000.0}
        state = {"__typename": "InstigationState", "tick": tick}
        return {f"tick{number}": state for number in range(len(variables) // 2)}

    def _details(self, variables: Json) -> Json:
        ids = variables["filter"]["runIds"][: self.cap]
        log = recorded("run_log_report")["logsForRun"]["events"]
        other = {
            "stepStats": recorded("run_stats_dyn_success")["runOrError"]["stepStats"][:2],
            "assetMaterializations": [
                event for event in log if event["__typename"] == "MaterializationEvent"
            ],
            "assetChecks": [{}],
        }
        found = [detail(row, **other) for row in self.rows if row["runId"] in ids]
        return {"runsOrError": {"__typename": "Runs", "results": found}}


class FakeKnown:
    """What the hub knows: nothing, or the runs it is made with."""

    def __init__(self, *runs: KnownRun) -> None:
        self._runs = list(runs)

    def open_runs(self, limit: int) -> list[KnownRun]:
        return self._runs[:limit]

    def runs(self, names: Sequence[RunName]) -> Mapping[RunName, KnownRun]:
        return {run.name: run for run in self._runs if run.name in names}
