"""An Argo server that answers from memory, not tested live.

Its objects are written after Argo's own documentation: docs/fields.md, docs/rest-api.md and the
definitions of the API (pkg/apis/workflow/v1alpha1, pkg/apiclient) of version 4.1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid5

import httpx

from adapters.argo import Argo
from adapters.argo.config import Config
from hub.ports import Asked

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPACE = UUID(int=9)
OWN = "workflows.argoproj.io"
Row = dict[str, Any]


def stamp(seconds: float) -> str:
    """As Kubernetes writes times: whole seconds."""
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def node(workflow: str, path: str, **fields: Any) -> Row:
    """A pod that has succeeded, under a name such as `.load` or `[0].load(1:eu)`."""
    name = f"{workflow}{path}"
    return {
        "id": workflow if not path else f"{workflow}-{uuid5(SPACE, name).int % 10**9}",
        "name": name,
        "displayName": path.rpartition(".")[2] or workflow,
        "type": "Pod",
        "templateName": "python",
        "templateScope": "local/nightly",
        "phase": "Succeeded",
        "startedAt": stamp(-3590),
        "finishedAt": stamp(-3510),
        "progress": "1/1",
        **fields,
    }


def nodes(*rows: Row) -> Row:
    return {row["id"]: row for row in rows}


def workflow(number: int, **status: Any) -> Row:
    """A run of the cron workflow `nightly` that has succeeded: a DAG with the task `load`."""
    at = -3600 + number
    due = int((NOW + timedelta(seconds=at)).timestamp())
    name = f"nightly-{due}"
    over = status.get("phase", "Succeeded") in {"Succeeded", "Failed", "Error"}
    labels = {f"{OWN}/cron-workflow": "nightly", f"{OWN}/phase": "Succeeded", "tier": "gold"}
    return {
        "metadata": {
            "name": name,
            "namespace": "argo",
            "uid": str(uuid5(SPACE, name)),
            "creationTimestamp": stamp(at),
            "labels": labels | ({f"{OWN}/completed": "true"} if over else {}),
            "annotations": {f"{OWN}/scheduled-time": stamp(at), f"{OWN}/pod-name-format": "v2"},
        },
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "day", "value": "2026-11-22"}]},
            "templates": [{"name": "main"}],
        },
        "status": {
            "phase": "Succeeded",
            "startedAt": stamp(at + 1),
            "finishedAt": stamp(at + 100) if over else None,
            "progress": "1/1",
            "nodes": nodes(
                node(name, "", type="DAG", templateName="main"),
                node(name, ".load", startedAt=stamp(at + 2), finishedAt=stamp(at + 99)),
            ),
            **status,
        },
    }


def cron_workflow(name: str = "nightly", **spec: Any) -> Row:
    annotations = {f"{OWN}/description": "Loads the day"}
    meta = {"name": name, "namespace": "argo", "uid": str(uuid5(SPACE, f"cron {name}"))}
    return {
        "metadata": {
            **meta,
            "creationTimestamp": stamp(-9e5),
            "annotations": annotations,
            "labels": {"tier": "gold"},
        },
        "spec": {
            "schedules": ["0 5 * * *"],
            "timezone": "Europe/Zurich",
            "concurrencyPolicy": "Forbid",
            "workflowSpec": {"entrypoint": "main", "arguments": {}},
            **spec,
        },
        "status": {"active": None, "lastScheduledTime": stamp(-3600), "conditions": None},
    }


def template(name: str) -> Row:
    meta = {"name": name, "namespace": "argo", "creationTimestamp": stamp(-9e5)}
    return {"metadata": meta, "spec": {"entrypoint": "main", "templates": [{"name": "main"}]}}


class FakeArgo:
    """cap: rows per page that it gives at most. archive: workflows whose nodes the list leaves out."""

    def __init__(self, runs: int = 3, *, cap: int = 1_000) -> None:
        self.live = [workflow(n) for n in range(runs)]
        self.archive: list[Row] = []
        self.cron = [cron_workflow()]
        self.templates = [template("etl")]
        self.log: list[str] = []
        self.asked: list[httpx.Request] = []
        self.cap = cap

    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.asked]

    def adapter(self, **config: Any) -> Argo:
        settings = Config.model_validate({"url": "http://argo"} | config)
        asked, transport = Asked("orch", "space"), httpx.MockTransport(self)
        return Argo(settings, asked, transport=transport, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:  # noqa: PLR0911
        self.asked.append(request)
        kind, _, rest = request.url.path.removeprefix("/api/v1/").partition("/")
        namespace, _, name = rest.partition("/")
        match kind, name:
            case "version", _:
                return self._json({"version": "v4.1.2", "platform": "linux/amd64"})
            case "workflows", "submit":
                return self._submit(namespace, json.loads(request.content))
            case "workflows", "":
                return self._list(request)
            case "workflows", _ if name.endswith("/log"):
                return self._logs()
            case "workflows", _:
                return self._one(self.live + self.archive, name)
            case "cron-workflows", "":
                return self._json({"metadata": {}, "items": self.cron or None})
            case "cron-workflows", _:
                return self._one(self.cron, name)
            case "workflow-templates", "":
                return self._json({"metadata": {}, "items": self.templates or None})
            case "workflow-templates", _:
                return self._one(self.templates, name)
            case _:
                return self._missing(rest)

    def _json(self, data: Any, status: int = 200) -> httpx.Response:
        headers = {"Date": format_datetime(NOW)}
        return httpx.Response(status, content=json.dumps(data), headers=headers)

    def _missing(self, name: str) -> httpx.Response:
        return self._json({"code": 5, "message": f'"{name}" not found'}, 404)

    def _one(self, rows: Sequence[Row], name: str) -> httpx.Response:
        found = [row for row in rows if row["metadata"]["name"] == name]
        return self._json(found[0]) if found else self._missing(name)

    def _list(self, request: httpx.Request) -> httpx.Response:
        """The live ones first, then the archived ones, each by when they started."""
        params = request.url.params
        since = params.get("createdAfter", "")
        rows = [*_latest(self.live), *map(_bare, _latest(self.archive))]
        rows = [row for row in rows if row["metadata"]["creationTimestamp"] >= since]
        if params.get("listOptions.labelSelector") == f"{OWN}/completed!=true":
            rows = [row for row in rows if f"{OWN}/completed" not in row["metadata"]["labels"]]
        if "items.status.phase" in params["fields"]:
            rows = [*map(_brief, rows)]
        first = int(params["listOptions.continue"])
        end = first + min(int(params["listOptions.limit"]), self.cap)
        meta = {"continue": str(end)} if end < len(rows) else {}
        return self._json({"metadata": meta, "items": rows[first:end] or None})

    def _submit(self, namespace: str, body: Row) -> httpx.Response:
        options = body["submitOptions"]
        if any(row["metadata"]["name"] == options["name"] for row in self.live):
            return self._json({"code": 6, "message": "already exists"}, 409)
        given = [text.partition("=") for text in options["parameters"]]
        labels = dict(text.split("=") for text in options["labels"].split(","))
        kinds = {"WorkflowTemplate": "workflow-template", "CronWorkflow": "cron-workflow"}
        labels[f"{OWN}/{kinds[body['resourceKind']]}"] = body["resourceName"]
        notes = options.get("annotations")
        meta = {
            "name": options["name"],
            "namespace": namespace,
            "uid": str(uuid5(SPACE, options["name"])),
            "creationTimestamp": stamp(0),
            "generateName": options["generateName"],
            "labels": labels,
            "annotations": dict(text.split("=") for text in notes.split(",")) if notes else {},
        }
        parameters = [{"name": key, "value": value} for key, _, value in given]
        row = {
            "metadata": meta,
            "spec": {"arguments": {"parameters": parameters}},
            "status": {"startedAt": None, "finishedAt": None},
        }
        self.live.append(row)
        return self._json(row)

    def _logs(self) -> httpx.Response:
        """A stream: one message a line."""
        told = [{"result": {"content": line, "podName": "x"}} for line in self.log]
        return httpx.Response(200, content="\n".join(map(json.dumps, told)).encode())


def _latest(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["status"]["startedAt"] or "", reverse=True)


def _bare(row: Row) -> Row:
    """What the archive lists."""
    return {**row, "status": {k: v for k, v in row["status"].items() if k != "nodes"}}


def _brief(row: Row) -> Row:
    told = {k: v for k, v in row["status"].items() if k in {"phase", "startedAt", "finishedAt"}}
    return {"metadata": row["metadata"], "spec": {}, "status": told}
