"""A real Prefect server on SQLite, in an environment of its own, with what a few flows have left."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-ml"
FLOWS = ROOT / "tests" / "real" / "prefect_code" / "flows.py"
USER = "hub:let-me-in"
READY_TIMEOUT_S = 120.0
Row = dict[str, Any]


class PrefectServer:
    """`prefect server start`, guarded by a password and against forged requests.

    made: the ids of what the flows have made, by name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.made: Row = {}
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self._database = folder / "prefect.db"
        self._environment = inherited | {
            "PREFECT_HOME": str(folder / "home"),
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
            "DO_NOT_TRACK": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def installed() -> bool:
        return (VENV / "bin" / "prefect").exists()

    def __enter__(self) -> Self:
        try:
            self._start()
            self._run_flows()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Over its API, as a person would who may do everything."""
        user, _, password = USER.partition(":")
        with httpx.Client(base_url=self.url, auth=(user, password), timeout=30) as client:
            token = client.get("/csrf-token", params={"client": "test"}).json()["token"]
            headers = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": "test"}
            answer = client.request(method, path, json=body, headers=headers)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    def database(self, statement: str) -> list[Row]:
        """What its own database holds."""
        connection = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=30)
        try:
            cursor = connection.execute(statement)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]
        finally:
            connection.close()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _start(self) -> None:
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(VENV / "bin" / "prefect"), "server", "start", "--no-ui"],
                env=self._environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health", timeout=5).is_success:
                    return
            time.sleep(0.2)
        raise AssertionError(f"it does not answer: {(self.folder / 'server.log').read_text()}")

    def _run_flows(self) -> None:
        done = subprocess.run(
            [str(VENV / "bin" / "python"), str(FLOWS)],
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        told = [line for line in done.stdout.splitlines() if line.startswith("MADE ")]
        assert told, done.stdout + done.stderr
        self.made = json.loads(told[0].removeprefix("MADE "))
