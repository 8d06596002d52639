"""An Airflow of any size, as far as polling it goes: the REST API v2 with made-up rows.

    python -m benchmarks.airflow_server --port 8099 --dags 5000 --runs 200000

Rows have every field that a real Airflow 3.3 answers, so that reading them costs what it costs.
Every run has one task. All have ended; the last one ended a minute before the start.
"""

from __future__ import annotations

import argparse
import re
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
import uvicorn

Json = dict[str, Any]
PAGE: Final = 100
DAYS: Final = 25
_API: Final = "/api/v2"


class Rows:
    """Dags and runs by number, and what the API answers about them."""

    def __init__(self, dags: int, runs: int) -> None:
        self.dags = dags
        self.runs = runs
        self.now = datetime.now(UTC)
        first, step = self.now - timedelta(days=DAYS), timedelta(days=DAYS) / runs
        self.ends = [first + step * (number + 1) - timedelta(minutes=1) for number in range(runs)]

    def answer(self, path: str, asked: dict[str, list[str]]) -> Json:
        if path == "/dags":
            offset = int(asked.get("offset", ["0"])[0])
            numbers = range(offset, min(offset + PAGE, self.dags))
            return {"dags": [self.dag(n) for n in numbers], "total_entries": self.dags}
        if path in {"/dags/~/dagRuns", "/dags/~/dagRuns/~/taskInstances"}:
            return self._updated(path.rpartition("/")[2], asked)
        if match := re.fullmatch(r"/dags/dag_(\d+)/(details|tasks)", path):
            number = int(match[1])
            return self.details(number) if match[2] == "details" else {"tasks": [_TASK]}
        return _FIXED.get(path, {"total_entries": 0})

    def _updated(self, what: str, asked: dict[str, list[str]]) -> Json:
        key, row = ("dag_runs", self.run) if what == "dagRuns" else ("task_instances", self.task)
        if "state" in asked:
            return {key: [], "total_entries": 0, "next_cursor": None}
        since = datetime.fromisoformat(asked["updated_at_gte"][0])
        start = bisect_left(self.ends, since)
        at = int(asked.get("cursor", [""])[0] or start)
        end = min(at + PAGE, self.runs)
        following = str(end) if end < self.runs else None
        rows = [row(number) for number in range(at, end)]
        return {key: rows, "total_entries": self.runs - start, "next_cursor": following}

    def dag(self, number: int) -> Json:
        name = f"dag_{number}"
        told = {"dag_id": name, "dag_display_name": name, "last_parsed_time": _iso(self.now)}
        tags = [{"name": f"team:team-{number % 40}", "dag_id": name, "dag_display_name": name}]
        return _DAG | told | {"tags": tags, "next_dagrun_run_after": _iso(self.now)}

    def details(self, number: int) -> Json:
        more = {"catchup": False, "timezone": "UTC", "last_parsed": _iso(self.now), "params": {}}
        return self.dag(number) | more | {"asset_expression": None, "doc_md": None}

    def run(self, number: int) -> Json:
        name, end = f"dag_{number % self.dags}", self.ends[number]
        at = _iso(end - timedelta(minutes=5))
        times = {"logical_date": at, "queued_at": at, "start_date": at, "end_date": _iso(end)}
        version = _VERSION | {"dag_id": name, "dag_display_name": name}
        more = {"run_after": at, "data_interval_start": at, "data_interval_end": at}
        return (
            _RUN
            | times
            | more
            | {"dag_id": name, "dag_run_id": f"scheduled__{at}", "dag_versions": [version]}
        )

    def task(self, number: int) -> Json:
        name, end = f"dag_{number % self.dags}", self.ends[number]
        at = _iso(end - timedelta(minutes=5))
        times = {"logical_date": at, "run_after": at, "start_date": at, "end_date": _iso(end)}
        more = {"queued_when": at, "scheduled_when": at, "id": f"id-{number}"}
        return _TI | times | more | {"dag_id": name, "dag_run_id": f"scheduled__{at}"}


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


_VERSION: Final = {
    "id": "01a20200-7183-7151-85e8-ea28ff5abba5",
    "version_number": 1,
    "bundle_name": "dags-folder",
    "bundle_version": None,
    "created_at": "2026-11-01T06:45:13.210336Z",
    "bundle_url": None,
}
_DAG: Final[Json] = {
    "is_paused": False,
    "is_stale": False,
    "last_parse_duration": 1.1,
    "last_expired": None,
    "bundle_name": "dags-folder",
    "relative_fileloc": "etl.py",
    "fileloc": "/opt/airflow/dags/etl.py",
    "description": None,
    "timetable_summary": "0 * * * *",
    "timetable_description": "Hourly",
    "timetable_partitioned": False,
    "timetable_periodic": True,
    "max_active_tasks": 16,
    "max_active_runs": 16,
    "max_consecutive_failed_dag_runs": 0,
    "has_import_errors": False,
    "owners": ["ann", "bob"],
    "is_backfillable": True,
}
_RUN: Final[Json] = {
    "duration": 300.0,
    "last_scheduling_decision": "2026-11-22T06:50:02.978737Z",
    "run_type": "scheduled",
    "state": "success",
    "triggered_by": "timetable",
    "triggering_user_name": None,
    "conf": {},
    "note": None,
    "bundle_version": None,
    "partition_key": None,
    "partition_date": None,
}
_TI: Final[Json] = {
    "task_id": "load",
    "map_index": -1,
    "duration": 300.0,
    "state": "success",
    "try_number": 1,
    "max_tries": 0,
    "task_display_name": "load",
    "hostname": "worker",
    "unixname": "airflow",
    "pool": "default_pool",
    "pool_slots": 1,
    "queue": "default",
    "priority_weight": 1,
    "operator": "_PythonDecoratedOperator",
    "pid": 26349,
    "executor": None,
    "executor_config": "{}",
    "note": None,
    "rendered_map_index": None,
    "rendered_fields": {"templates_dict": None, "op_args": [], "op_kwargs": {}},
    "trigger": None,
    "triggerer_job": None,
    "dag_version": _VERSION,
}
_TASK: Final[Json] = {"task_id": "load", "owner": "airflow", "downstream_task_ids": []}
_HEALTHY: Final = {"status": "healthy"}
_FIXED: Final[dict[str, Json]] = {
    "/version": {"version": "3.3.2", "git_version": None},
    "/monitor/health": dict.fromkeys(
        ("metadatabase", "scheduler", "triggerer", "dag_processor"), _HEALTHY
    ),
    "/pools": {
        "pools": [
            {
                "name": "default_pool",
                "slots": 128,
                "running_slots": 0,
                "queued_slots": 0,
                "scheduled_slots": 0,
                "open_slots": 128,
                "deferred_slots": 0,
                "occupied_slots": 0,
            }
        ],
        "total_entries": 1,
    },
    "/dags/~/dagVersions": {"dag_versions": [], "total_entries": 0},
    "/importErrors": {"import_errors": [], "total_entries": 0},
    "/assets": {"assets": [], "total_entries": 0},
    "/assets/events": {"asset_events": [], "total_entries": 0},
    "/dags/~/dagRuns/~/taskInstances/list": {"task_instances": [], "total_entries": 0},
    "/dags/~/dagRuns/list": {"dag_runs": [], "total_entries": 0},
}

Receive = Callable[[], Awaitable[Json]]
Send = Callable[[Json], Awaitable[None]]


class Server:
    """The rows as an ASGI application; anybody gets a token."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    async def __call__(self, scope: Json, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        path = scope["path"]
        if path == "/auth/token":
            status, told = 201, {"access_token": "t"}
        else:
            asked = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
            status, told = 200, self._rows.answer(path.removeprefix(_API), asked)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": msgspec.json.encode(told)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dags", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=200_000)
    told = parser.parse_args()
    server: Any = Server(Rows(told.dags, told.runs))
    uvicorn.run(server, host="127.0.0.1", port=told.port, log_level="warning")


if __name__ == "__main__":
    main()
