"""A JobManager that answers from memory, not tested live.

Its answers are written after Flink's own description of its REST API, version 1
(docs/static/generated/rest_v1_dispatcher.yml, and the snapshot that its tests keep).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid5

import httpx

from adapters.flink import Flink
from adapters.flink.config import Config
from hub.ports import Asked

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPACE = UUID(int=13)
Row = dict[str, Any]


def millis(seconds: float) -> int:
    return int((NOW + timedelta(seconds=seconds)).timestamp() * 1000)


def job(number: int, **fields: Any) -> Row:
    """One that has run for an hour."""
    over = fields.get("state", "RUNNING") in {"FINISHED", "FAILED", "CANCELED"}
    return {
        "jid": uuid5(SPACE, f"job {number}").hex,
        "name": "orders",
        "state": "RUNNING",
        "start-time": millis(-3600 + number),
        "end-time": millis(-100 + number) if over else -1,
        "duration": 3_600_000,
        "last-modification": millis(-3590 + number),
        "tasks": {"total": 4, "running": 0 if over else 4, "scheduled": 0, "finished": 0},
        **fields,
    }


def failure(text: str) -> Row:
    name, _, _ = text.partition(":")
    entry = {
        "exceptionName": name,
        "stacktrace": f"{text}\n\tat org.example.Orders.map(Orders.java:7)\n",
        "timestamp": millis(-60),
        "taskName": "Source: orders -> Map (1/4)",
        "concurrentExceptions": [],
    }
    return {"exceptionHistory": {"entries": [entry], "truncated": False}, "truncated": False}


def checkpoint(number: int, **fields: Any) -> Row:
    return {"id": number, "trigger_timestamp": millis(-90), "is_savepoint": False, **fields}


class FakeFlink:
    """exceptions, checkpoints: by job id."""

    def __init__(self, runs: int = 3, *, cap: int = 0) -> None:
        self.jobs = [job(n) for n in range(runs)]
        self.exceptions: dict[str, Row] = {}
        self.checkpoints: dict[str, Row] = {}
        self.asked: list[httpx.Request] = []

    def paths(self) -> list[str]:
        return [request.url.path for request in self.asked]

    def adapter(self, **config: Any) -> Flink:
        settings = Config.model_validate({"url": "http://flink:8081"} | config)
        asked, transport = Asked("orch", "space"), httpx.MockTransport(self)
        return Flink(settings, asked, transport=transport, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        match request.url.path.split("/")[1:]:
            case ["config"]:
                return self._json({"flink-version": "2.1.0", "timezone-name": "UTC"})
            case ["overview"]:
                return self._json({"taskmanagers": 2, "slots-total": 8, "slots-available": 2})
            case ["jobs", "overview"]:
                return self._json({"jobs": self.jobs})
            case ["jobs", jid, what] if any(row["jid"] == jid for row in self.jobs):
                return self._json(self._of(jid, what))
        return self._json({"errors": ["Not found."]}, 404)

    def _of(self, jid: str, what: str) -> Row:
        if what == "exceptions":
            return self.exceptions.get(jid, {"exceptionHistory": {"entries": []}})
        latest = self.checkpoints.get(jid, {"completed": checkpoint(7), "failed": None})
        return {"counts": {"total": 7}, "latest": latest, "history": []}

    def _json(self, data: Any, status: int = 200) -> httpx.Response:
        headers = {"Date": format_datetime(NOW)}
        return httpx.Response(status, content=json.dumps(data), headers=headers)
