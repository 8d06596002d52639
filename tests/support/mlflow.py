"""A real MLflow server on SQLite, in an environment of its own, with what a few runs have left."""

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
TRAIN = ROOT / "tests" / "real" / "mlflow_code" / "train.py"
READY_TIMEOUT_S = 120.0
Row = dict[str, Any]


class MLflowServer:
    """`mlflow server`. made: the ids of what was logged, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.made: Row = {}
        self._database = folder / "mlflow.db"
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self._environment = inherited | {
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def installed() -> bool:
        return (VENV / "bin" / "mlflow").exists()

    def __enter__(self) -> Self:
        try:
            self._start()
            self._train()
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

    def post(self, path: str, **body: Any) -> Any:
        """Over its API."""
        answer = httpx.post(f"{self.url}/api/2.0/mlflow{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

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
        """It and its workers, which are of its session."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def _start(self) -> None:
        store = f"sqlite:///{self._database}"
        address = ("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1")
        artifacts = ("--default-artifact-root", str(self.folder / "artifacts"))
        command = [str(VENV / "bin" / "mlflow"), "server", *address, "--backend-store-uri", store]
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *artifacts],
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

    def _train(self) -> None:
        done = subprocess.run(
            [str(VENV / "bin" / "python"), str(TRAIN)],
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
