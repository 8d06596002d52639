"""PagerDuty's Events API v2: what it takes, how it deduplicates, and how it signs webhooks."""

from __future__ import annotations

import hmac
import json
from datetime import datetime
from hashlib import sha256

from msgspec import Struct

from tests.support.channels.server import (
    FakeChannel,
    Json,
    RefusalError,
    Reply,
    Request,
    only,
    text,
)

ROUTING_KEY = "R0123456789abcdef0123456789abcde"
OTHER_KEY = "RfedcbaABCDEF0123456789abcdefFED"
WEBHOOK_SECRET = "pd-webhook-secret-0123456789"
SHOWN = {"triggered": "OPEN", "acknowledged": "ACKNOWLEDGED", "resolved": "RESOLVED"}


class Incident(Struct):
    key: str
    status: str
    payloads: list[Json]
    routing_key: str


class FakePagerDuty(FakeChannel):
    """Two services, each with a key of its own. Each trigger of an open key is logged with it; after a resolve it is a new one."""

    def __init__(self) -> None:
        super().__init__()
        self.incidents: list[Incident] = []
        self.changes: list[Json] = []
        self.dropped: list[Json] = []

    def settings(self) -> Json:
        return {
            "routing_key": "env:FAKE_PD_KEY",
            "url": self.url,
            "webhook_secrets": ["env:FAKE_PD_HOOK"],
        }

    def secrets(self) -> dict[str, str]:
        return {"FAKE_PD_KEY": ROUTING_KEY, "FAKE_PD_HOOK": WEBHOOK_SECRET}

    def count(self) -> int:
        return len(self.incidents)

    def standing(self, key: str) -> str | None:
        found = [each for each in self.incidents if each.key == key]
        return SHOWN[found[-1].status] if found else None

    def answer(self, request: Request) -> Reply:
        event = request.json()
        _require(len(request.body) <= 512_000, "event size exceeds 512 KB", 413)
        _require(isinstance(event, dict), "event is not an object")
        _require(event.get("routing_key") in {ROUTING_KEY, OTHER_KEY}, "Invalid routing key")
        if (request.method, request.path) == ("POST", "/v2/change/enqueue"):
            only(event, need={"routing_key", "payload"}, may={"links"}, where="change")
            _check_change(event["payload"])
            self.changes.append(event)
            return Reply(202, {"status": "success", "message": "Change event processed"})
        _require((request.method, request.path) == ("POST", "/v2/enqueue"), "no such route", 404)
        return self._take(event)

    def _take(self, event: Json) -> Reply:
        may = {"dedup_key", "payload", "images", "links", "client", "client_url"}
        only(event, need={"routing_key", "event_action"}, may=may, where="event")
        action = event["event_action"]
        _require(action in {"trigger", "acknowledge", "resolve"}, "event_action is invalid")
        text(event.get("dedup_key", "x"), 255, "dedup_key")
        _require(action == "trigger" or "dedup_key" in event, "dedup_key is required")
        for link in event.get("links", ()):
            only(link, need={"href"}, may={"text"}, where="link")
        if action == "trigger":
            _check_payload(event.get("payload"))
        self._do(action, event)
        body = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        return Reply(202, body)

    def _do(self, action: str, event: Json) -> None:
        key, service = event["dedup_key"], event["routing_key"]
        here = [each for each in self.incidents if (each.key, each.routing_key) == (key, service)]
        alive = [each for each in here if each.status != "resolved"]
        if action == "trigger":
            if not alive:
                self.incidents.append(Incident(key, "triggered", [], service))
                alive = self.incidents[-1:]
            alive[0].payloads.append(event)
        elif alive:
            alive[0].status = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
        else:
            self.dropped.append(event)


def webhook(
    kind: str,
    key: str,
    at: datetime,
    *,
    who: str = "Ana",
    agent: str = "user_reference",
    secret: str = WEBHOOK_SECRET,
) -> tuple[dict[str, str], bytes]:
    """Headers and body of a v3 webhook, as PagerDuty sends it while secrets are being replaced."""
    event = {
        "id": "01DEN4GGKJ0Q",
        "event_type": kind,
        "resource_type": "incident",
        "occurred_at": at.isoformat().replace("+00:00", "Z"),
        "agent": {"id": "PUSER", "type": agent, "summary": who},
        "client": None,
        "data": {
            "id": "PGR0VU2",
            "type": "incident",
            "incident_key": key,
            "status": "acknowledged",
        },
    }
    body = json.dumps({"event": event}).encode()
    right = hmac.new(secret.encode(), body, sha256).hexdigest()
    return {"x-pagerduty-signature": f"v1={'0' * 64},v1={right}", "x-webhook-id": "w1"}, body


def _check_payload(payload: Json | None) -> None:
    _require(isinstance(payload, dict), "payload is missing")
    assert payload is not None
    may = {"timestamp", "component", "group", "class", "custom_details"}
    only(payload, need={"summary", "source", "severity"}, may=may, where="payload")
    text(payload["summary"], 1024, "payload.summary")
    text(payload["source"], 10_000, "payload.source")
    good = payload["severity"] in {"critical", "error", "warning", "info"}
    _require(good, "payload.severity is invalid")
    datetime.fromisoformat(payload.get("timestamp", "2026-01-01T00:00:00+00:00"))


def _check_change(payload: Json) -> None:
    only(payload, need={"summary"}, may={"source", "timestamp", "custom_details"}, where="payload")
    text(payload["summary"], 1024, "payload.summary")


def _require(good: bool, why: str, status: int = 400) -> None:
    if not good:
        body = {"status": "invalid event", "message": "Event object is invalid", "errors": [why]}
        raise RefusalError(status, body)
