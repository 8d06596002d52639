"""A hub, and a real Airflow and a real Dagster that it polls; the hub can be killed."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.support.airflow import Airflow
from tests.support.dagster import DagsterSplit
from tests.support.hub_process import HubProcess, trackside
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer

Json = dict[str, Any]


class Line:
    """Each job namespace is called as its orchestrator, `af` and `dg`. Both end with the stack."""

    def __init__(
        self, folder: Path, stack: ExitStack, airflow: type[Airflow] = Airflow, **told: Any
    ) -> None:
        """told: of trackside.yaml."""
        port = free_port()
        trackside("migrate", folder=folder, timeout=200)
        made = trackside("token", "create", "ops", "--scope", "admin", folder=folder, timeout=200)
        self.token = made.stdout.strip().splitlines()[-1]
        self._headers = {"Authorization": f"Bearer {self.token}"}
        url = f"http://127.0.0.1:{port}"
        for name in ("af", "dg"):
            (folder / name).mkdir()
        # On SQLite its api-server comes to see the past for good while much happens at a time.
        database = stack.enter_context(PostgresServer(fsync=False)).create_database("airflow")
        self.airflow = airflow(folder / "af", url, self.token, "af", database)
        known = {"TRACKSIDE_TOKEN": self.token, "TRACKSIDE_NAMESPACE": "dg"}
        self.dagster = DagsterSplit(folder / "dg", TRACKSIDE_URL=url, **known)
        declared = [
            _declared("af", "airflow", self.airflow.url),
            _declared("dg", "dagster", self.dagster.url),
        ]
        given = {"version": 1, "orchestrators": declared, **told}
        (folder / "trackside.yaml").write_text(json.dumps(given))
        self.hub = HubProcess(folder, "--port", str(port))
        # What runs at once when an orchestrator begins is heard of.
        self.hub.start()
        stack.callback(self.hub.stop, signal.SIGKILL)
        stack.enter_context(self.airflow)
        stack.enter_context(self.dagster)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of a good answer, however long the hub takes to come back."""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with suppress(httpx.TransportError):
                answer = httpx.request(
                    method, self.hub.url + path, headers=self._headers, timeout=60, **options
                )
                if answer.status_code < 500:
                    assert answer.is_success, answer.text
                    return answer.json()
            time.sleep(0.5)
        raise TimeoutError("no answer")

    def get(self, path: str) -> Any:
        return self.call("GET", f"/api/v1/{path}")

    def launch(self, number: int) -> Json:
        found: Json = self.get(f"launches/{number}")["launch"]
        return found

    def kill(self) -> None:
        self.hub.stop(signal.SIGKILL)
        self.hub.start()


def _declared(name: str, kind: str, url: str) -> Json:
    settings = {"url": url, "poll_every_s": 2}
    return {"name": name, "kind": kind, "namespaces": [name], "settings": settings}


def until(holds: Callable[[], bool], what: Callable[[], Any], timeout_s: float = 400) -> None:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if holds():
            return
        time.sleep(1)
    raise TimeoutError(what())
