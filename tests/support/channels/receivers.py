"""Receivers of plain webhooks: one that verifies Standard Webhooks, one for apprise's JSON."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime
from hashlib import sha256

from tests.support.channels.server import FakeChannel, Json, Reply, Request, only, require

OLD = "whsec_" + base64.b64encode(b"an old secret of 32 bytes, truly").decode()
NEW = "whsec_" + base64.b64encode(b"a newer secret of 32 bytes, truly").decode()
STATES = {"incident.open": "OPEN", "incident.acknowledged": "ACKNOWLEDGED"}


class FakeReceiver(FakeChannel):
    """Verifies with `knows`. ids: of all that came, with doubles."""

    def __init__(self, now: datetime | None = None) -> None:
        super().__init__()
        self.knows = OLD
        self.now = now
        self.ids: list[str] = []
        self.bodies: list[Json] = []

    def settings(self) -> Json:
        return {"url": "env:FAKE_HOOK", "secrets": ["env:FAKE_HOOK_NEW", "env:FAKE_HOOK_OLD"]}

    def secrets(self) -> dict[str, str]:
        return {
            "FAKE_HOOK": self.url + "/hooks/aPaThThAtIsSeCrEt",
            "FAKE_HOOK_OLD": OLD,
            "FAKE_HOOK_NEW": NEW,
        }

    def count(self) -> int:
        return len(self.ids)

    def standing(self, key: str) -> str | None:
        """A good receiver keeps the greatest version of a key."""
        mine = [each for each in self.bodies if each["data"]["key"] == key]
        if not mine:
            return None
        latest = max(mine, key=lambda body: body["data"]["version"])
        return STATES.get(latest["type"], "RESOLVED")

    def answer(self, request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(405)
        require(request.path == "/hooks/aPaThThAtIsSeCrEt", "no such hook", 404)
        require(self._verified(request), "the signature is wrong", 401)
        require(len(request.body) <= 20_000, "too large", 413)
        body = request.json()
        only(body, need={"type", "timestamp", "data"}, may=set(), where="body")
        self.ids.append(request.headers["webhook-id"])
        self.bodies.append(body)
        return Reply(204)

    def _verified(self, request: Request) -> bool:
        identity, timestamp = (request.headers[f"webhook-{name}"] for name in ("id", "timestamp"))
        now = self.now or datetime.now(UTC)
        if abs(now.timestamp() - int(timestamp)) > 300:
            return False
        content = f"{identity}.{timestamp}.".encode() + request.body
        key = base64.b64decode(self.knows.removeprefix("whsec_"))
        right = base64.b64encode(hmac.new(key, content, sha256).digest()).decode()
        return f"v1,{right}" in request.headers["webhook-signature"].split(" ")


class FakeJson(FakeChannel):
    """What apprise's json:// posts to."""

    def __init__(self) -> None:
        super().__init__()
        self.notices: list[Json] = []

    def settings(self) -> Json:
        return {"url": "env:FAKE_APPRISE"}

    def secrets(self) -> dict[str, str]:
        return {"FAKE_APPRISE": f"json://user:aPpRiSePaSsWoRd@127.0.0.1:{self.port}/hook"}

    def count(self) -> int:
        return len(self.notices)

    def standing(self, key: str) -> str | None:
        if not self.notices:
            return None
        word = self.notices[-1]["title"].partition(":")[0]
        return word if word in {"ACKNOWLEDGED", "RESOLVED"} else "OPEN"

    def answer(self, request: Request) -> Reply:
        notice = request.json()
        may = {"attachments"}
        only(notice, need={"version", "title", "message", "type"}, may=may, where="notice")
        self.notices.append(notice)
        return Reply(200, {"ok": True})
