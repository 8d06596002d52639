"""Opsgenie and the alerts of Jira Service Management that keep its API. One alert per key (alias)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal
from urllib.parse import quote

from pydantic import Field, field_validator

from alerting.notifiers.base import HttpNotifier, short, web_address
from alerting.rendering import cut, headline, links, one_line, plain
from hub.ports import Delivery, Finding, Json, NotifierConfig, SecretRef, Standing, notifiers

MAX_ALIAS: Final = 512
_PRIORITIES: Final = {"critical": "P1", "error": "P2", "warning": "P3", "info": "P5"}
_ACTIONS: Final = {Standing.ACKNOWLEDGED: "acknowledge", Standing.RESOLVED: "close"}


class OpsgenieConfig(NotifierConfig):
    """One integration of the kind API."""

    api_key: SecretRef = Field(
        description="of an API integration that may create and update alerts"
    )
    url: str = Field(
        "https://api.opsgenie.com", description="https://api.eu.opsgenie.com for accounts in Europe"
    )
    priorities: dict[str, Literal["P1", "P2", "P3", "P4", "P5"]] = Field(
        default={}, description="which priority stands for a severity, if not P1, P2, P3, P5"
    )
    teams: list[str] = Field(
        default=[], max_length=50, description="names of teams there that are to respond"
    )

    _address = field_validator("url")(web_address)


@notifiers.register("opsgenie")
class Opsgenie(HttpNotifier):
    Config: ClassVar[type[NotifierConfig]] = OpsgenieConfig
    digests = False
    channel = "Opsgenie"
    mend: ClassVar[Mapping[int, str]] = {
        401: "check api_key, and url for accounts in Europe",
        403: "give the integration the right to create and update alerts",
        422: "a team of `teams` may not exist there",
    }
    config: OpsgenieConfig

    def deliver(self, delivery: Delivery, held: Json) -> Json:
        """To create an alert that is open already only counts it up."""
        standing = delivery.standing
        if standing is Standing.OPEN or (standing is Standing.ACKNOWLEDGED and not held):
            self._post("/v2/alerts", self._alert(delivery))
        if action := _ACTIONS.get(standing):
            alias = quote(short(delivery.key, MAX_ALIAS), safe="")
            note = cut(_latest(delivery), 1000)
            told = {"source": "Trackside", "note": note} if note else {"source": "Trackside"}
            self._post(f"/v2/alerts/{alias}/{action}?identifierType=alias", told)
        return {"version": delivery.version}

    def check(self) -> Sequence[Finding]:
        answer = self.ask("GET", f"{self.config.url}/v2/alerts/count", headers=self._headers())
        return [self.found("api_key", answer, "Opsgenie knows it")]

    def _post(self, path: str, body: Json) -> None:
        headers = self._headers()
        self.expect(self.ask("POST", self.config.url + path, json=body, headers=headers))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"GenieKey {self.reveal(self.config.api_key)}"}

    def _alert(self, delivery: Delivery) -> Json:
        message = delivery.message
        priorities = _PRIORITIES | self.config.priorities
        alert: Json = {
            "message": headline(delivery, 130),
            "alias": short(delivery.key, MAX_ALIAS),
            "description": plain(delivery, 15_000),
            "entity": cut(one_line(message.subject), 512),
            "source": "Trackside",
            "priority": priorities.get(message.severity, "P2"),
            "tags": [cut(one_line(tag), 50) for tag in (message.kind, message.team) if tag],
            "details": {cut(link.text, 70): link.url for link in links(message)},
        }
        if self.config.teams:
            alert["responders"] = [{"type": "team", "name": name} for name in self.config.teams]
        return alert


def _latest(delivery: Delivery) -> str:
    updates = delivery.message.updates
    return one_line(updates[-1].text) if updates else ""
