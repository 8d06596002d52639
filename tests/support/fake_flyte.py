"""A Flyte that answers from memory, not tested live.

Its objects are written after the definitions of Flyte 1.16 (flyteidl/protos/flyteidl/admin and core),
and told as its admin service tells them: names as in the definitions, what is empty as null, "" or 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

import httpx

from adapters.flyte import Flyte
from adapters.flyte.config import Config
from hub.ports import Asked

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLACE = "shop/production"
PLAN = "etl.nightly"
Row = dict[str, Any]
_SINCE = re.compile(r"gte\(updated_at,(.+)\)")
WORKFLOW = {
    "closure": {
        "compiled_workflow": {
            "primary": {
                "template": {
                    "nodes": [
                        {"id": "start-node", "metadata": None},
                        {"id": "n0", "metadata": {"name": "load"}},
                        {"id": "n1", "metadata": {"name": "train"}},
                        {"id": "n2", "metadata": {"name": "train"}},
                        {"id": "end-node", "metadata": None},
                    ]
                }
            }
        }
    }
}


def stamp(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def identifier(kind: str, name: str = PLAN) -> Row:
    project, domain = PLACE.split("/")
    about = {"resource_type": kind, "project": project, "domain": domain, "org": ""}
    return about | {"name": name, "version": "v1"}


def execution_id(name: str) -> Row:
    project, domain = PLACE.split("/")
    return {"project": project, "domain": domain, "name": name, "org": ""}


def execution(number: int, name: str = "", **closure: Any) -> Row:
    """One that was scheduled and has succeeded. updated: when its row was changed, for the fake."""
    at = -3600 + number
    metadata = {
        "mode": "SCHEDULED",
        "principal": "",
        "nesting": 0,
        "scheduled_at": stamp(at - 1),
        "parent_node_execution": None,
    }
    return {
        "id": execution_id(name or f"f{number:019d}"),
        "spec": {
            "launch_plan": identifier("LAUNCH_PLAN"),
            "metadata": metadata,
            "labels": {"values": {"tier": "gold"}},
            "annotations": None,
        },
        "closure": {
            "phase": "SUCCEEDED",
            "created_at": stamp(at),
            "started_at": stamp(at + 2),
            "updated_at": stamp(at + 100),
            "duration": "98s",
            "error": None,
            "workflow_id": identifier("WORKFLOW", "etl.flow"),
            **closure,
        },
        "updated": stamp(at + 101),
    }


def node(execution_name: str, key: str = "n0", **closure: Any) -> Row:
    return {
        "id": {"node_id": key, "execution_id": execution_id(execution_name)},
        "input_uri": "s3://meta/inputs.pb",
        "closure": {
            "phase": "SUCCEEDED",
            "created_at": stamp(-3590),
            "started_at": stamp(-3580),
            "updated_at": stamp(-3510),
            "duration": "70s",
            "error": None,
            **closure,
        },
        "metadata": {"retry_group": "0", "is_parent_node": False, "spec_node_id": key},
    }


def plan(name: str = PLAN, schedule: Row | None = None, **spec: Any) -> Row:
    kinds = {"day": "DATETIME", "n": "INTEGER", "rate": "FLOAT", "dry": "BOOLEAN", "who": "STRING"}
    parameters = {key: {"var": {"type": {"simple": kind}}} for key, kind in kinds.items()}
    timing = schedule or {"cron_schedule": {"schedule": "0 5 * * *", "offset": ""}}
    about = {"schedule": timing, "notifications": []}
    return {
        "id": identifier("LAUNCH_PLAN", name),
        "spec": {
            "workflow_id": identifier("WORKFLOW", "etl.flow"),
            "entity_metadata": about,
            "concurrency_policy": None,
            **spec,
        },
        "closure": {
            "state": "ACTIVE",
            "expected_inputs": {"parameters": parameters},
            "created_at": stamp(-9e5),
        },
    }


class FakeFlyte:
    """cap: rows per page that it gives at most. secret: of a client, if it wants a login."""

    def __init__(self, runs: int = 3, *, cap: int = 1_000, secret: str = "") -> None:
        self.executions = [execution(n) for n in range(runs)]
        self.nodes = [node(row["id"]["name"]) for row in self.executions]
        self.plans = [plan()]
        self.asked: list[httpx.Request] = []
        self.tokens: list[str] = []
        self.cap = cap
        self.secret = secret

    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.asked]

    def adapter(self, **config: Any) -> Flyte:
        settings = Config.model_validate({"url": "http://flyte", "projects": [PLACE]} | config)
        asked, transport = Asked("orch", "space"), httpx.MockTransport(self)
        return Flyte(settings, asked, transport=transport, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path
        if path == "/.well-known/oauth-authorization-server":
            return self._json({"token_endpoint": "http://idp/oauth2/token"})
        if path == "/oauth2/token":
            return self._login(request)
        if self.secret and request.headers.get("Authorization") not in self.tokens[-1:]:
            return self._json({"code": 16, "message": "token parse error"}, 401)
        kind, *rest = path.removeprefix("/api/v1/").split("/")
        return self._answer(request, kind, rest)

    def _answer(self, request: httpx.Request, kind: str, rest: Sequence[str]) -> httpx.Response:
        match kind, *rest:
            case ["version"]:
                return self._json({"control_plane_version": {"Version": "v1.16.8"}})
            case ["executions"]:
                return self._start(json.loads(request.content))
            case ["workflows", *_]:
                return self._json(WORKFLOW)
            case ["executions" | "active_launch_plans", _, _, name]:
                return self._one(self.executions if kind == "executions" else self.plans, name)
        lists: dict[str, tuple[str, Sequence[Row]]] = {
            "executions": ("executions", self._changed(request.url.params)),
            "node_executions": ("node_executions", self._nodes(rest[-1])),
            "active_launch_plans": ("launch_plans", self.plans),
            "launch_plans": ("launch_plans", []),
        }
        return self._page(*lists[kind], request)

    def _nodes(self, name: str) -> list[Row]:
        return [one for one in self.nodes if one["id"]["execution_id"]["name"] == name]

    def _json(self, data: Any, status: int = 200) -> httpx.Response:
        headers = {"Date": format_datetime(NOW)}
        return httpx.Response(status, content=json.dumps(data), headers=headers)

    def _login(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        assert form == {"grant_type": ["client_credentials"], "scope": ["all"]}
        self.tokens.append(f"Bearer token-{len(self.tokens)}")
        return self._json({"access_token": self.tokens[-1].removeprefix("Bearer ")})

    def _one(self, rows: Sequence[Row], name: str) -> httpx.Response:
        found = [row for row in rows if row["id"]["name"] == name]
        return self._json(found[0]) if found else self._json({"code": 5}, 404)

    def _page(self, name: str, rows: Sequence[Row], request: httpx.Request) -> httpx.Response:
        first = int(request.url.params.get("token") or 0)
        end = first + min(int(request.url.params["limit"]), self.cap)
        # Flyte tells a token for each page that is full.
        token = str(end) if end <= len(rows) else ""
        return self._json({name: list(rows[first:end]), "token": token})

    def _changed(self, params: httpx.QueryParams) -> list[Row]:
        found = _SINCE.fullmatch(params.get("filters", ""))
        rows = [row for row in self.executions if found is None or row["updated"] >= found[1]]
        return sorted(rows, key=lambda row: str(row["updated"]))

    def _start(self, body: Row) -> httpx.Response:
        if any(row["id"]["name"] == body["name"] for row in self.executions):
            return self._json({"code": 6, "message": "already exists"}, 409)
        row = execution(3600, body["name"], phase="UNDEFINED", started_at=None)
        row["spec"] |= {key: body["spec"][key] for key in ("metadata", "annotations")}
        self.executions.append(row | {"inputs": body["inputs"]})
        return self._json({"id": row["id"]})
