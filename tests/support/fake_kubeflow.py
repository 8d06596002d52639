"""A Kubeflow Pipelines that answers from memory, not tested live.

Its objects are written after the definitions of the API v2beta1 (backend/api/v2beta1, with its
swagger) of kubeflow/pipelines in August 2026, and pages and filters as its server treats them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid5

import httpx

from adapters.kubeflow import Kubeflow
from adapters.kubeflow.config import Config
from hub.ports import Asked

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPACE = UUID(int=11)
PIPELINE, VERSION, NIGHTLY = (str(uuid5(SPACE, it)) for it in ("pipeline", "version", "nightly"))
NEVER = "1970-01-01T00:00:00Z"
SPEC = {
    "pipelineInfo": {"name": "churn"},
    "root": {"dag": {"tasks": {"prepare": {}, "train": {}}}},
    "components": {
        "comp-train": {"dag": {"tasks": {"fit": {}}}},
        "comp-fit": {"executorLabel": "x"},
    },
}
Row = dict[str, Any]


def stamp(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def states(*told: tuple[str, float]) -> list[Row]:
    return [{"state": state, "update_time": stamp(at)} for state, at in told]


def task(name: str, **fields: Any) -> Row:
    """One that has succeeded."""
    return {
        "task_id": str(uuid5(SPACE, f"task {name}")),
        "display_name": name,
        "create_time": stamp(-3590),
        "start_time": stamp(-3590),
        "end_time": stamp(-3510),
        "state": "SUCCEEDED",
        **fields,
    }


def run(number: int, **fields: Any) -> Row:
    """A run of the recurring run `nightly` of the pipeline `churn` that has succeeded."""
    at = -3600 + number
    run_id = str(uuid5(SPACE, f"run {number}"))
    prepare = task("prepare", start_time=stamp(at + 5), end_time=stamp(at + 50))
    prepare["task_id"] = str(uuid5(SPACE, f"prepare {number}"))
    return {
        "run_id": run_id,
        "display_name": f"nightly-{number}",
        "experiment_id": str(uuid5(SPACE, "experiment")),
        "recurring_run_id": NIGHTLY,
        "storage_state": "AVAILABLE",
        "pipeline_version_reference": {"pipeline_id": PIPELINE, "pipeline_version_id": VERSION},
        "runtime_config": {"parameters": {"depth": 3}},
        "created_at": stamp(at),
        "scheduled_at": stamp(at - 1),
        "finished_at": stamp(at + 100),
        "state": "SUCCEEDED",
        "run_details": {"task_details": [prepare]},
        "state_history": states(("PENDING", at), ("RUNNING", at + 1), ("SUCCEEDED", at + 101)),
        **fields,
    }


def recurring_run(**fields: Any) -> Row:
    return {
        "recurring_run_id": NIGHTLY,
        "display_name": "nightly",
        "pipeline_version_reference": {"pipeline_id": PIPELINE, "pipeline_version_id": VERSION},
        "max_concurrency": "1",
        "trigger": {"cron_schedule": {"cron": "0 0 5 * * *"}},
        "mode": "ENABLE",
        "status": "ENABLED",
        "created_at": stamp(-9e5),
        "updated_at": stamp(-9e5),
        "no_catchup": True,
        **fields,
    }


class FakeKubeflow:
    """cap: rows per page that it gives at most."""

    def __init__(self, runs: int = 3, *, cap: int = 200) -> None:
        self.runs = [run(n) for n in range(runs)]
        self.recurring = [recurring_run()]
        self.pipelines: list[Row] = [
            {"pipeline_id": PIPELINE, "name": "churn", "created_at": stamp(-9e5)}
        ]
        self.versions: list[Row] = [{"pipeline_version_id": VERSION, "pipeline_spec": SPEC}]
        self.health = {"multi_user": False}
        self.asked: list[httpx.Request] = []
        self.cap = cap

    def adapter(self, **config: Any) -> Kubeflow:
        settings = Config.model_validate({"url": "http://kubeflow/pipeline"} | config)
        asked, transport = Asked("orch", "space"), httpx.MockTransport(self)
        return Kubeflow(settings, asked, transport=transport, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path.partition("/apis/v2beta1/")[2].split("/")
        match path:
            case ["healthz"]:
                return self._json(self.health)
            case ["runs"] if request.method == "POST":
                return self._start(json.loads(request.content))
            case ["runs"]:
                return self._page("runs", self._runs(request.url.params), request)
            case ["recurringruns"]:
                return self._page("recurringRuns", self.recurring, request)
            case ["pipelines"]:
                return self._page("pipelines", self.pipelines, request)
            case _:
                return self._one(path)

    def _json(self, data: Any, status: int = 200) -> httpx.Response:
        headers = {"Date": format_datetime(NOW)}
        return httpx.Response(status, content=json.dumps(data), headers=headers)

    def _one(self, path: Sequence[str]) -> httpx.Response:
        held: dict[tuple[str, ...], tuple[Sequence[Row], str]] = {
            ("pipelines", "names"): (self.pipelines, "name"),
            ("pipelines", PIPELINE, "versions"): (self.versions, "pipeline_version_id"),
            ("runs",): (self.runs, "run_id"),
            ("recurringruns",): (self.recurring, "recurring_run_id"),
            ("pipelines",): (self.pipelines, "pipeline_id"),
        }
        rows, by = held.get(tuple(path[:-1]), ([], ""))
        found = [row for row in rows if row[by] == path[-1]]
        return self._json(found[0]) if found else self._json({"code": 5}, 404)

    def _page(self, name: str, rows: Sequence[Row], request: httpx.Request) -> httpx.Response:
        """What is empty is left out."""
        params = request.url.params
        first = int(params.get("page_token", "0"))
        end = first + min(int(params["page_size"]), self.cap)
        more = {"next_page_token": str(end)} if end < len(rows) else {}
        found = {name: list(rows[first:end])} if rows[first:end] else {}
        return self._json(found | more | {"total_size": len(rows)})

    def _runs(self, params: httpx.QueryParams) -> list[Row]:
        (wanted,) = json.loads(unquote(params["filter"]))["predicates"]
        rows = [row for row in self.runs if _holds(row, wanted)]
        by, _, order = params["sort_by"].partition(" ")
        return sorted(rows, key=lambda row: str(row.get(by)), reverse=order == "desc")

    def _start(self, body: Row) -> httpx.Response:
        row = body | {
            "run_id": str(uuid5(SPACE, f"started {len(self.runs)}")),
            "created_at": stamp(0),
            "scheduled_at": stamp(0),
            "finished_at": NEVER,
            "state": "PENDING",
        }
        self.runs.append(row)
        return self._json(row)


def _holds(row: Row, wanted: Row) -> bool:
    value = row.get(wanted["key"])
    match wanted["operation"]:
        case "GREATER_THAN_EQUALS":
            return bool(str(value) >= wanted["timestamp_value"])
        case "IN":
            return bool(value in wanted["string_values"]["values"])
        case _:
            return bool(value == wanted["string_value"])
