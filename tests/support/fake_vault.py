"""A Vault with one key-value engine at `secret`, and logins as AppRole and by Kubernetes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

TOKEN = "hvs.right"
VALUE = "hunter2"
LASTS_S = 600
LOGINS = {
    "approle": {"role_id": "hub", "secret_id": "sid-right"},
    "kubernetes": {"role": "trackside", "jwt": "jwt.right"},
}


@dataclass
class FakeVault:
    """asked: requests for secrets. logins: by mount. A token of a login ends, or may be revoked."""

    data: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {"team/slack": {"token": VALUE, "n": 7}}
    )
    version: str = "2"
    status: int = 200
    asked: int = 0
    now: float = 0.0
    logins: list[str] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=lambda: {TOKEN: float("inf")})
    mounts: dict[str, str] = field(default_factory=lambda: {one: one for one in LOGINS})
    hides_mounts: bool = False

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        if self.status != 200:
            return httpx.Response(self.status, json={"errors": [VALUE]})
        if path.startswith("auth/"):
            return self._log_in(request, path.split("/")[1])
        if self.tokens.get(request.headers.get("X-Vault-Token", ""), 0.0) <= self.now:
            return httpx.Response(403, json={"errors": ["permission denied"]})
        if path == "sys/internal/ui/mounts/secret" and not self.hides_mounts:
            options = {"version": self.version} if self.version == "2" else None
            return httpx.Response(200, json={"data": {"type": "kv", "options": options}})
        self.asked += 1
        return self._secret(path)

    def _log_in(self, request: httpx.Request, mount: str) -> httpx.Response:
        method = self.mounts.get(mount)
        if request.method != "POST" or method is None:
            return httpx.Response(404, json={"errors": ["no handler"]})
        if json.loads(request.content) != LOGINS[method]:
            return httpx.Response(400, json={"errors": ["invalid role or secret"]})
        self.logins.append(mount)
        token = f"hvs.{mount}-{len(self.logins)}"
        self.tokens[token] = self.now + LASTS_S
        return httpx.Response(
            200, json={"auth": {"client_token": token, "lease_duration": LASTS_S}}
        )

    def _secret(self, path: str) -> httpx.Response:
        beginning = "secret/data/" if self.version == "2" else "secret/"
        found = self.data.get(path.removeprefix(beginning)) if path.startswith(beginning) else None
        if found is None:
            return httpx.Response(404, json={"errors": []})
        told = {"data": found, "metadata": {"version": 1}} if self.version == "2" else found
        return httpx.Response(200, json={"data": told})
