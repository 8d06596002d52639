"""A real MLflow server, with what a few runs have left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx

from tests.support.made_server import ROOT, VENV, MadeServer, Row

__all__ = ["VENV", "MLflowServer", "Row"]


class MLflowServer(MadeServer):
    """`mlflow server`."""

    name: ClassVar = "mlflow"
    program: ClassVar = ROOT / "tests" / "real" / "mlflow_code" / "train.py"

    def environment(self) -> Mapping[str, str]:
        return {"MLFLOW_TRACKING_URI": self.url, "MLFLOW_DISABLE_TELEMETRY": "true"}

    def command(self) -> Sequence[str]:
        store = ("--backend-store-uri", f"sqlite:///{self._database}")
        address = ("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1")
        artifacts = ("--default-artifact-root", str(self.folder / "artifacts"))
        return ("server", *address, *store, *artifacts)

    def post(self, path: str, **body: Any) -> Any:
        """Over its API."""
        answer = httpx.post(f"{self.url}/api/2.0/mlflow{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()
