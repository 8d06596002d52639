"""An Airflow that answers from memory, with rows like the recorded ones, and pages as the real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.support.answers import answer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Row = dict[str, Any]


def stamp(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def dag_run(number: int, **fields: Any) -> Row:
    whole = {
        "dag_id": "etl",
        "dag_run_id": f"run-{number:05}",
        "state": "success",
        "run_type": "manual",
        "run_after": stamp(-3600 + number),
        "queued_at": stamp(-3600 + number),
        "start_date": stamp(-3599 + number),
        "end_date": stamp(-3500 + number),
    }
    return {**whole, **fields}


def task(number: int, **fields: Any) -> Row:
    whole = {
        "id": f"01a20200-{number:04x}-7000-8000-000000000000",
        "dag_id": "etl",
        "dag_run_id": f"run-{number:05}",
        "task_id": "load",
        "map_index": -1,
        "state": "success",
        "try_number": 1,
        "max_tries": 0,
        "run_after": stamp(-3600 + number),
        "scheduled_when": stamp(-3598 + number),
        "queued_when": stamp(-3597 + number),
        "start_date": stamp(-3596 + number),
        "end_date": stamp(-3501 + number),
        "pool": "default_pool",
    }
    return {**whole, **fields}


class FakeAirflow:
    """cap: rows per page, whatever is asked for. cursors: whether it pages by cursor (3.2 on).

    `between` is called before each answer, so that a test can change the rows under the reader.
    """

    def __init__(
        self,
        runs: int = 3,
        *,
        cap: int = 100,
        cursors: bool = True,
        old: bool = False,
        between: Callable[[FakeAirflow], None] = lambda _: None,
    ) -> None:
        self.runs = [dag_run(n) for n in range(runs)]
        self.tasks = [task(n) for n in range(runs)]
        self.tries: dict[str, Sequence[Row]] = {}
        self.asked: list[httpx.Request] = []
        self.token = "jwt-1"
        self._cap = cap
        self._cursors = cursors and not old
        self._old = old
        self._base = "/api/v1" if old else "/api/v2"
        self._recorded = "airflow/v1/" if old else "airflow/v2/"
        self._between = between

    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.asked]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self._between(self)
        self.asked.append(request)
        path = request.url.path
        if path == "/auth/token":
            return self._json({"access_token": self.token}, 201)
        if not path.startswith(self._base + "/"):
            return self._json({"detail": "Not Found"}, 404)
        if path.endswith("/version"):
            return self._json(answer(f"{self._recorded}01_version"))
        if not self._known(request):
            return self._json({"detail": "Not authenticated"}, 401)
        return self._route(request, path.removeprefix(self._base))

    def _known(self, request: httpx.Request) -> bool:
        sent = request.headers.get("Authorization", "")
        return (
            bool(sent.startswith("Basic ")) if self._old else bool(sent == f"Bearer {self.token}")
        )

    def _route(self, request: httpx.Request, path: str) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        if path.endswith("/tries"):
            return self._json({"task_instances": self.tries.get(path, [])})
        if path == "/dags/~/dagRuns":
            states = request.url.params.get_list("state")
            rows = [row for row in self.runs if not states or row["state"] in states]
            return self._page(request, "dag_runs", rows)
        if path == "/dags/~/dagRuns/~/taskInstances":
            return self._page(request, "task_instances", self.tasks)
        if path == "/dags/~/dagRuns/~/taskInstances/list":
            return self._search("task_instances", self.tasks, body)
        if path == "/dags/~/dagRuns/list":
            return self._search("dag_runs", self.runs, body)
        if path.startswith("/dags/") and "/dagRuns/" in path:
            return self._one(path)
        return self._fixed(request, path)

    def _one(self, path: str) -> httpx.Response:
        _, _, dag, _, run = path.split("/")
        for row in self.runs:
            if (row["dag_id"], row["dag_run_id"]) == (dag, run):
                return self._json(row)
        return self._json({"detail": "The DagRun was not found"}, 404)

    def _search(self, name: str, every: Sequence[Row], body: Row) -> httpx.Response:
        keys = {"dag_ids": "dag_id", "dag_run_ids": "dag_run_id"}
        keys |= {"state": "state", "states": "state"}
        rows = [
            row
            for row in every
            if all(row[mine] in body[theirs] for theirs, mine in keys.items() if theirs in body)
        ]
        shown = rows[: body.get("page_limit", 100)]
        return self._json({name: shown, "total_entries": len(rows)})

    def _page(self, request: httpx.Request, name: str, rows: Sequence[Row]) -> httpx.Response:
        params = request.url.params
        limit = min(int(params.get("limit", 100)), self._cap)
        if self._cursors and "cursor" in params:
            first = int(params["cursor"] or 0)
            following = str(first + limit) if first + limit < len(rows) else None
            shown = rows[first : first + limit]
            return self._json({name: shown, "total_entries": len(rows), "next_cursor": following})
        first = int(params.get("offset", 0))
        return self._json({name: rows[first : first + limit], "total_entries": len(rows)})

    def _fixed(self, request: httpx.Request, path: str) -> httpx.Response:
        names = {
            "/health": "02_health",
            "/monitor/health": "02_health",
            "/pools": "11_pools",
            "/assets": "21_assets",
            "/datasets": "21_datasets",
            "/assets/events": "22_asset_events",
            "/datasets/events": "22_dataset_events",
            "/importErrors": "07_import_errors_2",
            "/dags": "05_dags" if self._old else "05_dags_list",
        }
        if path.endswith("/details"):
            return self._json(
                answer(self._recorded + ("05_dag_details" if self._old else "06_dag_details"))
            )
        if path.endswith("/tasks"):
            return self._json(answer("airflow/v2/08_tasks"))
        if path.endswith("/dagVersions"):
            return self._json({"dag_versions": [], "total_entries": 0})
        if self._old and path == "/importErrors":
            return self._json({"import_errors": [], "total_entries": 0})
        if path == "/assets/events":
            body = answer(f"{self._recorded}22_asset_events")
            since = request.url.params.get("timestamp_gte", "")
            rows = [row for row in body["asset_events"] if row["timestamp"] >= since]
            return self._json({"asset_events": rows, "total_entries": len(rows)})
        if path == "/dags":
            rows = answer(self._recorded + names[path])["dags"][:3]
            return self._json({"dags": rows, "total_entries": len(rows)})
        if path in names:
            return self._json(answer(self._recorded + names[path]))
        return self._json({"detail": "Not Found"}, 404)

    @staticmethod
    def _json(body: Any, status: int = 200) -> httpx.Response:
        date = NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return httpx.Response(status, json=body, headers={"Date": date})
