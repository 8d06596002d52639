"""Grafana annotations: one region per incident, from since to resolved, on every dashboard that asks.

Found again by a tag that is made of the key, before one is made whose fate is not known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from pydantic import Field, field_validator

from alerting.notifiers.base import Answer, HttpNotifier, web_address
from alerting.rendering import cut, headline, in_html, links, one_line, sections
from hub.ports import Delivery, Finding, Json, NotifierConfig, SecretRef, notifiers

#: Characters of the tags as JSON (Grafana: [annotations] tags_length).
MAX_TAGS: Final = 500


class GrafanaConfig(NotifierConfig):
    """One Grafana; all of its dashboards, or one."""

    url: str = Field(description="of Grafana, with its path prefix")
    token: SecretRef = Field(
        description="of a service account that may read, create and write annotations"
    )
    dashboard: str | None = Field(None, description="uid of a dashboard; else on all of them")
    tags: list[str] = Field(default=[], description="further tags")
    verify: bool = Field(default=True, description="check the server's certificate")

    _address = field_validator("url")(web_address)


@notifiers.register("grafana")
class Grafana(HttpNotifier):
    Config: ClassVar[type[NotifierConfig]] = GrafanaConfig
    digests = False
    channel = "Grafana"
    mend: ClassVar[Mapping[int, str]] = {
        401: "check token: it may have expired",
        403: "give the service account the rights annotations:read, :create and :write",
        404: "check url, with Grafana's path prefix",
    }
    config: GrafanaConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        annotation = self._annotation(delivery)
        known = held.get("id") or self._find(delivery.key)
        if known is not None and self._change(known, annotation):
            return {"id": known, "version": delivery.version}
        made = self.expect(self._ask("POST", "/api/annotations", annotation | self._place()))
        return {"id": self._id(made), "version": delivery.version}

    def check(self) -> Sequence[Finding]:
        answer = self._ask("GET", "/api/annotations?limit=1")
        return [self.found("token", answer, "annotations can be read")]

    def _find(self, key: str) -> int | None:
        asked = urlencode({"tags": _tag(key), "limit": 1, "type": "annotation"})
        found = self.expect(self._ask("GET", f"/api/annotations?{asked}"))
        return self._id(found[0]) if isinstance(found, list) and found else None

    def _id(self, told: Any) -> int:
        number = told.get("id") if isinstance(told, dict) else None
        if not isinstance(number, int):
            mend = "check that `url` is Grafana's own"
            raise self.failure(f"its answer names no annotation; {mend}", permanent=True)
        return number

    def _change(self, known: int, annotation: Json) -> bool:
        """False if somebody has deleted it."""
        answer = self._ask("PATCH", f"/api/annotations/{known}", annotation)
        if answer.status == 404:
            return False
        self.expect(answer)
        return True

    def _ask(self, method: str, path: str, body: Json | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.reveal(self.config.token)}"}
        return self.ask(method, self.config.url + path, json=body, headers=headers)

    def _place(self) -> Json:
        return {"dashboardUID": self.config.dashboard} if self.config.dashboard else {}

    def _annotation(self, delivery: Delivery) -> Json:
        message = delivery.message
        tags = ["trackside", _tag(delivery.key), message.severity, message.kind, message.team or ""]
        start = message.since
        end = max(message.resolved_at or start, start)
        return {
            "time": _millis(start),
            "timeEnd": _millis(end),
            "tags": _tags([*tags, *self.config.tags]),
            "text": _text(delivery),
        }


def _text(delivery: Delivery) -> str:
    """HTML, of which Grafana itself takes the harmless part."""
    lines = [f"<b>{in_html(headline(delivery, 300))}</b>"]
    for part in sections(delivery.message, 2000):
        told = "<br>".join(in_html(line) for line in part.lines)
        lines.append(f"{part.label}: {told}")
    lines += [
        f'<a href="{in_html(link.url)}">{in_html(link.text)}</a>'
        for link in links(delivery.message)
    ]
    return "<br>".join(lines)


def _tags(told: Sequence[str]) -> list[str]:
    """As many as Grafana's column for them takes."""
    found: list[str] = []
    for tag in told:
        one = cut(one_line(tag), 60)
        if one and len(json.dumps([*found, one])) <= MAX_TAGS:
            found.append(one)
    return found


def _tag(key: str) -> str:
    return "trackside-" + sha256(key.encode()).hexdigest()[:24]


def _millis(at: datetime) -> int:
    return round(at.timestamp() * 1000)
