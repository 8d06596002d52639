"""PagerDuty, over the Events API v2, and its signed webhooks back.

One incident there per key: the key is the dedup_key, and the reference of the routing key is held,
so that a resolve goes where the trigger went even when the settings have changed since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal

import structlog
from pydantic import Field, field_validator

from alerting.notifiers.base import HttpNotifier, encode, short, signed, web_address
from alerting.rendering import cut, headline, links, one_line, sections
from hub.errors import Unauthorized, Unavailable
from hub.ports import (
    Action,
    Delivery,
    Finding,
    Json,
    Message,
    NotifierConfig,
    SecretRef,
    Standing,
    WhatToDo,
    notifiers,
)

log = structlog.get_logger(__name__)

MAX_EVENT_BYTES: Final = 512_000
MAX_SUMMARY: Final = 1024
MAX_KEY: Final = 255
#: PagerDuty tries a webhook for some 20 minutes; what is older is a replay.
MAX_AGE: Final = timedelta(hours=1)

Severity = Literal["critical", "error", "warning", "info"]
_ACTIONS: Final = {Standing.ACKNOWLEDGED: "acknowledge", Standing.RESOLVED: "resolve"}
_ASKS: Final = {
    "incident.acknowledged": WhatToDo.ACKNOWLEDGE,
    "incident.resolved": WhatToDo.RESOLVE,
}


class PagerDutyConfig(NotifierConfig):
    """One service of PagerDuty, by an integration of the kind Events API v2."""

    routing_key: SecretRef = Field(
        description="integration key of the service (Integrations, Events API v2)"
    )
    url: str = Field(
        "https://events.pagerduty.com",
        description="https://events.eu.pagerduty.com for accounts in Europe",
    )
    webhook_secrets: list[SecretRef] = Field(
        default=[],
        description="of generic webhooks (v3) that tell what people do there; "
        "several while one is being replaced",
    )
    severities: dict[str, Severity] = Field(
        default={}, description="which severity there stands for one of ours, if not the same"
    )

    _address = field_validator("url")(web_address)


@notifiers.register("pagerduty")
class PagerDuty(HttpNotifier):
    Config: ClassVar[type[NotifierConfig]] = PagerDutyConfig
    digests = False
    changes = True
    channel = "PagerDuty"
    mend: ClassVar[Mapping[int, str]] = {
        400: "check that routing_key is the integration key of an Events API v2 integration",
        429: "it takes no more events of this key for some minutes",
    }
    config: PagerDutyConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        """An acknowledge of what may never have been triggered is preceded by the trigger."""
        if delivery.message.change:
            self._tell_change(delivery.message)
            return {"version": delivery.version}
        reference = self._reference(held, delivery.standing)
        standing = delivery.standing
        if standing is Standing.OPEN or (standing is Standing.ACKNOWLEDGED and not held):
            self._send(self._trigger(delivery), reference)
        if action := _ACTIONS.get(standing):
            self._act(action, delivery.key, reference)
        if (before := held.get("routing_key")) and before != str(reference):
            self._leave(delivery.key, SecretRef.parse(before))
        return {"routing_key": str(reference), "version": delivery.version}

    def _act(self, action: str, key: str, reference: SecretRef) -> None:
        self._send({"event_action": action, "dedup_key": short(key, MAX_KEY)}, reference)

    def _leave(self, key: str, reference: SecretRef) -> None:
        """The service that showed it before the target had another routing key."""
        try:
            self.reveal(reference)
        except Unavailable as error:  # the secret is gone, and with it the way there
            log.warning("incident_left_open", target=self.target, error=str(error))
        else:
            self._act("resolve", key, reference)

    def _tell_change(self, message: Message) -> None:
        """A change event: shown beside the service's incidents, and calls nobody."""
        payload = {
            "summary": cut(one_line(message.title), MAX_SUMMARY),
            "source": cut(one_line(message.subject), 1000) or "trackside",
            "timestamp": message.since.astimezone(UTC).isoformat(),
            "custom_details": {part.label: part.text for part in sections(message, 100_000)},
        }
        event = {
            "routing_key": self.reveal(self.config.routing_key),
            "payload": payload,
            "links": [{"href": link.url, "text": link.text} for link in links(message)],
        }
        self.expect(self.ask("POST", f"{self.config.url}/v2/change/enqueue", json=event))

    def inbound(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Action]:
        told = headers.get("x-pagerduty-signature", "")
        signatures = [part.strip()[3:] for part in told.split(",") if part.strip()[:3] == "v1="]
        secrets = [self.reveal(reference) for reference in self.config.webhook_secrets]
        if not any(signed(secret, body, signatures) for secret in secrets):
            raise Unauthorized("PagerDuty has not signed this with one of webhook_secrets")
        event = _event(body)
        if abs(now - _time(event)) > MAX_AGE:
            raise Unauthorized("this webhook of PagerDuty is over an hour old")
        return _actions(event)

    def check(self) -> Sequence[Finding]:
        """Resolves a key that was never triggered, which PagerDuty takes and drops."""
        event = {
            "routing_key": self.reveal(self.config.routing_key),
            "event_action": "resolve",
            "dedup_key": "trackside-check",
        }
        answer = self.ask("POST", f"{self.config.url}/v2/enqueue", json=event)
        return [self.found("routing_key", answer, "PagerDuty knows it")]

    def _reference(self, held: Json, standing: Standing) -> SecretRef:
        """A new trigger goes where the settings say, all else where the trigger went."""
        before = held.get("routing_key")
        if standing is Standing.OPEN or not before:
            return self.config.routing_key
        return SecretRef.parse(before)

    def _send(self, event: Json, reference: SecretRef) -> None:
        body = encode({"routing_key": self.reveal(reference)} | event)
        headers = {"Content-Type": "application/json"}
        self.expect(
            self.ask("POST", f"{self.config.url}/v2/enqueue", content=body, headers=headers)
        )

    def _trigger(self, delivery: Delivery) -> Json:
        """Within PagerDuty's limits: details are left out, largest first, until it fits."""
        message = delivery.message
        told = links(message)
        event: Json = {
            "event_action": "trigger",
            "dedup_key": short(delivery.key, MAX_KEY),
            "client": "Trackside",
            "links": [{"href": link.url, "text": link.text} for link in told],
            "payload": self._payload(delivery),
        }
        if told:
            event["client_url"] = told[0].url
        details = event["payload"]["custom_details"]
        while len(encode(event)) > MAX_EVENT_BYTES - 200 and details:
            del details[max(details, key=lambda name: len(encode(details[name])))]
        return event

    def _payload(self, delivery: Delivery) -> Json:
        message = delivery.message
        payload: Json = {
            "summary": headline(delivery, MAX_SUMMARY),
            "source": cut(one_line(message.subject), 1000) or "trackside",
            "severity": self._severity(message),
            "timestamp": message.since.astimezone(UTC).isoformat(),
            "component": cut(one_line(message.subject), 1000),
            "group": cut(one_line(message.team), 1000),
            "class": cut(one_line(message.kind), 1000),
            "custom_details": {part.label: part.text for part in sections(message, 100_000)},
        }
        if message.evidence:
            payload["custom_details"]["Evidence"] = message.evidence
        return {name: value for name, value in payload.items() if value}

    def _severity(self, message: Message) -> str:
        wanted = self.config.severities.get(message.severity, message.severity)
        return wanted if wanted in {"critical", "error", "warning", "info"} else "error"


def _event(body: bytes) -> Json:
    try:
        found = json.loads(body)["event"]
        return found if isinstance(found, dict) else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def _time(event: Json) -> datetime:
    try:
        found = datetime.fromisoformat(event["occurred_at"])
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (KeyError, ValueError, TypeError):
        raise Unauthorized("this webhook of PagerDuty does not tell when it happened") from None


def _actions(event: Json) -> list[Action]:
    """What a person did; what our own events did comes back too, and is left out."""
    data, agent = _part(event, "data"), _part(event, "agent")
    what, key = _ASKS.get(str(event.get("event_type"))), data.get("incident_key")
    if what is None or not key or agent.get("type") != "user_reference":
        return []
    who = str(agent.get("summary") or agent.get("id") or "PagerDuty")
    return [Action(str(event.get("id")), str(key), what, who, "in PagerDuty")]


def _part(event: Json, name: str) -> Json:
    found: Any = event.get(name)
    return found if isinstance(found, dict) else {}
