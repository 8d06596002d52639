"""Grafana's annotations."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256

from tests.support.channels.server import FakeChannel, Json, Reply, Request, only, require

TOKEN = "glsa_fake0123456789abcdef"
MAX_TAGS = 500  # of the tags as JSON, Grafana's default


class FakeGrafana(FakeChannel):
    def __init__(self) -> None:
        super().__init__()
        self.annotations: dict[int, Json] = {}
        self.made = 0

    def settings(self) -> Json:
        return {"url": self.url, "token": "env:FAKE_GRAFANA_TOKEN", "tags": ["prod"]}

    def secrets(self) -> dict[str, str]:
        return {"FAKE_GRAFANA_TOKEN": TOKEN}

    def count(self) -> int:
        return len(self.annotations)

    def standing(self, key: str) -> str | None:
        tag = "trackside-" + sha256(key.encode()).hexdigest()[:24]
        mine = [one for one in list(self.annotations.values()) if tag in one["tags"]]
        if not mine:
            return None
        text = mine[-1]["text"]
        word = text.removeprefix("<b>").partition(":")[0]
        return word if word in {"ACKNOWLEDGED", "RESOLVED"} else "OPEN"

    def answer(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply(401, {"message": "Invalid API key"})
        if request.method == "GET":
            return self._list(request)
        body = request.json()
        may = {"time", "timeEnd", "tags", "text"}
        if request.method == "PATCH":
            return self._change(int(request.path.rpartition("/")[2]), body, may)
        require(request.path == "/api/annotations", "not found", 404)
        only(body, need={"text"}, may=may | {"dashboardUID", "panelId"}, where="annotation")
        _check(body)
        self.made += 1
        self.annotations[self.made] = body
        return Reply(200, {"message": "Annotation added", "id": self.made})

    def _list(self, request: Request) -> Reply:
        tag = request.query.get("tags")
        limit = int(request.query.get("limit", 100))
        rows = [
            {"id": number} | each
            for number, each in self.annotations.items()
            if tag is None or tag in each["tags"]
        ]
        return Reply(200, rows[:limit])

    def _change(self, number: int, body: Json, may: set[str]) -> Reply:
        require(number in self.annotations, "Annotation not found", 404)
        only(body, need=set(), may=may, where="annotation")
        _check(self.annotations[number] | body)
        self.annotations[number] |= body
        return Reply(200, {"message": "Annotation patched"})


def _check(annotation: Json) -> None:
    require(annotation["text"], "text field should not be empty")
    require(annotation.get("timeEnd", 10**15) >= annotation["time"], "timeEnd before time")
    require(len(json.dumps(annotation["tags"])) <= MAX_TAGS, "tags length exceeds the maximum")
    with suppress(KeyError):
        require(isinstance(annotation["time"], int), "time is no integer")
