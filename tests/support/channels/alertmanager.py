"""Alertmanager's API v2, as far as a source of alerts meets it; tests/real has the real one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from tests.support.channels.server import FakeChannel, Json, Reply, Request, only, require

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
TOKEN = "Bearer am-proxy-token-0123456789"


class FakeAlertmanager(FakeChannel):
    """An alert is its labels. now: what time it is for it; None: as the computer has it."""

    def __init__(self, now: datetime | None = None) -> None:
        super().__init__()
        self.alerts: dict[str, Json] = {}
        self.now = now

    def settings(self) -> Json:
        return {"urls": [self.url], "headers": {"Authorization": "env:FAKE_AM_TOKEN"}}

    def secrets(self) -> dict[str, str]:
        return {"FAKE_AM_TOKEN": TOKEN}

    def firing(self) -> list[Json]:
        now = self.now or datetime.now(UTC)
        return [each for each in self.alerts.values() if _time(each["endsAt"]) > now]

    def count(self) -> int:
        return len(self.alerts)

    def standing(self, key: str) -> str | None:
        mine = [a for a in self.alerts.values() if a["labels"]["trackside_key"] == key]
        if not mine:
            return None
        if not any(each in self.firing() for each in mine):
            return "RESOLVED"
        return str(mine[-1]["annotations"]["standing"])

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != TOKEN:
            return Reply(401, "who are you?")
        if request.path == "/api/v2/status":
            return Reply(200, {"versionInfo": {"version": "0.25.0"}, "cluster": {}, "config": {}})
        require(request.path == "/api/v2/alerts", "not found", 404)
        alerts = request.json()
        require(isinstance(alerts, list), "expected a list")
        for alert in alerts:
            _check(alert)
            self.alerts[json.dumps(alert["labels"], sort_keys=True)] = alert
        return Reply(200)


def _check(alert: Json) -> None:
    may = {"annotations", "startsAt", "endsAt", "generatorURL"}
    only(alert, need={"labels"}, may=may, where="alert")
    require(alert["labels"], "at least one label")
    for name, value in (alert["labels"] | alert.get("annotations", {})).items():
        require(LABEL.fullmatch(name) and isinstance(value, str), f"label {name!r}")
    require(_time(alert["startsAt"]) <= _time(alert["endsAt"]), "start time after end time")


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    require(found.tzinfo, "no time zone")
    return found
