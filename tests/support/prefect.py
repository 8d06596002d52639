"""A real Prefect server, with what a few flows have left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx

from tests.support.made_server import ROOT, VENV, MadeServer, Row

__all__ = ["USER", "VENV", "PrefectServer", "Row"]

USER = "hub:let-me-in"


class PrefectServer(MadeServer):
    """`prefect server start`, guarded by a password and against forged requests."""

    name: ClassVar = "prefect"
    program: ClassVar = ROOT / "tests" / "real" / "prefect_code" / "flows.py"
    path: ClassVar = "/api"

    def environment(self) -> Mapping[str, str]:
        return {
            "PREFECT_HOME": str(self.folder / "home"),
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{self._database}",
            "PREFECT_API_URL": self.url,
            "PREFECT_API_AUTH_STRING": USER,
            "PREFECT_SERVER_API_AUTH_STRING": USER,
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
            "PREFECT_SERVER_API_PORT": str(self.port),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "INFO",
        }

    def command(self) -> Sequence[str]:
        return ("server", "start", "--no-ui")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Over its API, as a person would who may do everything."""
        user, _, password = USER.partition(":")
        with httpx.Client(base_url=self.url, auth=(user, password), timeout=30) as client:
            token = client.get("/csrf-token", params={"client": "test"}).json()["token"]
            headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
            answer = client.request(method, path, json=body, headers=headers)
            answer.raise_for_status()
            return answer.json() if answer.content else None
