"""Opsgenie's alert API: one open alert per alias, all else counted up."""

from __future__ import annotations

from urllib.parse import unquote

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

KEY = "0f9e8d7c-fake-genie-key-123456789"
SHOWN = {"open": "OPEN", "acked": "ACKNOWLEDGED", "closed": "RESOLVED"}
_LENGTHS = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100}
_MAY = {"alias", "description", "responders", "tags", "details", "entity", "source", "priority"}


class Alert(Struct):
    alias: str
    status: str
    count: int
    body: Json


class FakeOpsgenie(FakeChannel):
    def __init__(self) -> None:
        super().__init__()
        self.alerts: list[Alert] = []

    def settings(self) -> Json:
        return {"api_key": "env:FAKE_GENIE_KEY", "url": self.url, "teams": ["data"]}

    def secrets(self) -> dict[str, str]:
        return {"FAKE_GENIE_KEY": KEY}

    def count(self) -> int:
        return len(self.alerts)

    def standing(self, key: str) -> str | None:
        found = [each for each in self.alerts if each.alias == key]
        return SHOWN[found[-1].status] if found else None

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"GenieKey {KEY}":
            return Reply(401, {"message": "Could not authenticate"})
        if request.path == "/v2/alerts/count":
            return Reply(200, {"data": {"count": self.count()}, "took": 0.01, "requestId": "r"})
        body = request.json()
        if request.path == "/v2/alerts":
            self._create(body)
        else:
            _, _, _, alias, action = request.path.split("/")
            _valid(request.query.get("identifierType") == "alias", "identifierType")
            only(body, need=set(), may={"user", "source", "note"}, where="body")
            self._change(unquote(alias), action)
        told = {"result": "Request will be processed", "took": 0.1, "requestId": "r"}
        return Reply(202, told)

    def _create(self, body: Json) -> None:
        only(body, need={"message"}, may=_MAY, where="alert")
        for name, most in _LENGTHS.items():
            if name in body:
                text(body[name], most, name, least=0)
        _valid(len(body.get("tags", ())) <= 20, "tags")
        _valid(all(len(tag) <= 50 for tag in body.get("tags", ())), "a tag is over 50")
        size = sum(len(name) + len(value) for name, value in body.get("details", {}).items())
        _valid(size <= 8000, "details over 8000")
        _valid(body.get("priority", "P3") in {"P1", "P2", "P3", "P4", "P5"}, "priority")
        alive = [a for a in self.alerts if a.alias == body["alias"] and a.status != "closed"]
        if alive:
            alive[0].count += 1
        else:
            self.alerts.append(Alert(body["alias"], "open", 1, body))

    def _change(self, alias: str, action: str) -> None:
        """What is there no more is taken all the same, for it is done later."""
        status = {"acknowledge": "acked", "close": "closed"}[action]
        for alert in self.alerts:
            if alert.alias == alias and alert.status != "closed":
                alert.status = status


def _valid(good: bool, why: str) -> None:
    if not good:
        raise RefusalError(422, {"message": "Request body is not processable", "errors": [why]})
