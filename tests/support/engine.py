"""An own engine on loopback: takes launches by signed webhook and counts its runs by key."""

from __future__ import annotations

import base64
import hmac
import random
from collections import Counter
from hashlib import sha256

from tests.support.channels.receivers import OLD
from tests.support.channels.server import FakeChannel, Json, Reply, Request, require


class FakeEngine(FakeChannel):
    """Starts one run for each Idempotency-Key. chance: how often it fails, before or after it did.

    Without `keyed` it starts a run for each request.
    """

    def __init__(self, *, chance: float = 0.0, seed: int = 1, keyed: bool = True) -> None:
        super().__init__()
        self.runs: Counter[str] = Counter()
        self.bodies: list[Json] = []
        self._chance, self._draw, self._keyed = chance, random.Random(seed), keyed

    def settings(self) -> Json:
        return {"url": f"{self.url}/launch", "secrets": ["env:FAKE_ENGINE"]}

    def secrets(self) -> dict[str, str]:
        return {"FAKE_ENGINE": OLD}

    def count(self) -> int:
        return self.runs.total()

    def standing(self, key: str) -> str | None:
        return "RUN" if self.runs[key] else None

    def answer(self, request: Request) -> Reply:
        if request.method == "HEAD":
            return Reply(405)
        require(request.path == "/launch", "no such path", 404)
        require(self._verified(request), "the signature is wrong", 401)
        key = request.headers["idempotency-key"]
        if self._draw.random() < self._chance:
            return Reply(500, "before")
        self.bodies.append(request.json())
        if self._keyed and self.runs[key]:
            return Reply(409, {"message": "it runs already"})
        self.runs[key] += 1
        if self._draw.random() < self._chance:
            return Reply(500, "after")
        return Reply(202, {})

    @staticmethod
    def _verified(request: Request) -> bool:
        content = (
            f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
            + request.body
        )
        key = base64.b64decode(OLD.removeprefix("whsec_"))
        right = base64.b64encode(hmac.new(key, content, sha256).digest()).decode()
        return f"v1,{right}" in request.headers["webhook-signature"].split()
