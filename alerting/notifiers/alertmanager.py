"""Prometheus Alertmanager, as one more source of alerts (API v2).

Alertmanager forgets an alert that is not sent again, so the same is sent three times within
`hold_s` until the incident is over: one that is lost on the way ends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from pydantic import Field, field_validator

from alerting.notifiers.base import HttpNotifier, web_address
from alerting.rendering import clean, cut, headline, links, one_line, sections
from hub.errors import Unavailable
from hub.ports import (
    Delivery,
    Finding,
    Grade,
    Json,
    Message,
    NotifierConfig,
    SecretRef,
    Standing,
    notifiers,
)


class AlertmanagerConfig(NotifierConfig):
    """One Alertmanager, or every member of a cluster."""

    urls: list[str] = Field(
        min_length=1, description="of every member, as in http://alertmanager:9093"
    )
    hold_s: float = Field(
        900,
        ge=10,
        le=86_400,
        description="how long an alert fires if it is not sent again, seconds",
    )
    labels: dict[str, str] = Field(default={}, description="further labels of each alert")
    headers: dict[str, SecretRef] = Field(
        default={}, description="for a proxy in front of it, as in Authorization"
    )
    verify: bool = Field(default=True, description="check the server's certificate")

    @property
    def again_s(self) -> float | None:
        return self.hold_s / 3

    @field_validator("urls")
    @classmethod
    def _addresses(cls, urls: list[str]) -> list[str]:
        return [web_address(url).removesuffix("/api/v2") for url in urls]


@notifiers.register("alertmanager")
class Alertmanager(HttpNotifier):
    Config: ClassVar[type[NotifierConfig]] = AlertmanagerConfig
    digests = False
    channel = "Alertmanager"
    config: AlertmanagerConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        """An alert is its labels: where they have changed, the former one is ended as well."""
        labels = self._labels(delivery)
        alerts = [self._alert(delivery, labels)]
        before = held.get("labels")
        if before and before != labels:
            alerts.append(self._ended(before, delivery.message))
        self._post_to_all(alerts)
        return {"labels": labels, "version": delivery.version}

    def check(self) -> Sequence[Finding]:
        return [self._check(url) for url in self.config.urls]

    def _post_to_all(self, alerts: Sequence[Json]) -> None:
        """Members tell each other of notifications but not of alerts; one that took it will do."""
        failures = []
        for url in self.config.urls:
            try:
                self.expect(
                    self.ask("POST", f"{url}/api/v2/alerts", json=alerts, headers=self._headers())
                )
            except Unavailable as failure:
                failures.append(failure)
        if len(failures) == len(self.config.urls):
            raise next((each for each in failures if not each.permanent), failures[0])

    def _alert(self, delivery: Delivery, labels: Mapping[str, str]) -> Json:
        message, told, now = delivery.message, links(delivery.message), self.clock()
        alert = {
            "labels": labels,
            "annotations": _annotations(delivery),
            "startsAt": _text(min(message.since, now)),
            "endsAt": _text(self._end(delivery, now)),
        }
        return alert | ({"generatorURL": told[0].url} if told else {})

    def _end(self, delivery: Delivery, now: datetime) -> datetime:
        """Never before the start, for which the whole request would be refused."""
        if delivery.standing is not Standing.RESOLVED:
            return now + timedelta(seconds=self.config.hold_s)
        end = max(delivery.message.resolved_at or now, delivery.message.since)
        return min(end, now)

    def _ended(self, labels: Mapping[str, str], message: Message) -> Json:
        now = self.clock()
        return {"labels": labels, "startsAt": _text(min(message.since, now)), "endsAt": _text(now)}

    def _labels(self, delivery: Delivery) -> dict[str, str]:
        message = delivery.message
        told = self.config.labels | {
            "alertname": message.rule or message.kind,
            "trackside_key": delivery.key,
            "severity": message.severity,
            "kind": message.kind,
            "subject": message.subject,
            "team": message.team or "",
        }
        return {name: text for name, value in told.items() if (text := cut(one_line(value), 1000))}

    def _headers(self) -> dict[str, str]:
        return {name: self.reveal(value) for name, value in self.config.headers.items()}

    def _check(self, url: str) -> Finding:
        answer = self.ask("GET", f"{url}/api/v2/status", headers=self._headers())
        data = answer.data if isinstance(answer.data, dict) else {}
        if answer.ok and not data.get("versionInfo"):
            mend = "give the address of the API, with its path prefix if it has one"
            return Finding(url, Grade.BAD, "what answers there is no Alertmanager", mend)
        told = data.get("versionInfo")
        version = told.get("version", "?") if isinstance(told, dict) else "?"
        return self.found(url, answer, f"Alertmanager {version}")


def _annotations(delivery: Delivery) -> dict[str, str]:
    told = {"summary": headline(delivery), "standing": delivery.standing.value}
    names = {"Cause": "cause", "Who is hit": "who_is_hit", "What to do": "what_to_do"}
    for section in sections(delivery.message):
        told[names.get(section.label, section.label.lower().replace(" ", "_"))] = section.text
    return {name: clean(value) for name, value in told.items()}


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
