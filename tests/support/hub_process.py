"""A real hub: its own process, started as a person would start it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

ROOT = Path(__file__).parents[2]


def trackside(
    *arguments: str,
    folder: Path,
    environment: dict[str, str] | None = None,
    timeout: float = 300,
    python: str = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end in `folder`. python: of another environment."""
    return subprocess.run(
        [python, "-m", "hub.cli", *arguments],
        cwd=folder,
        env=_environment(environment),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class HubProcess:
    """`trackside serve` on a free port, in a folder of its own.

    with HubProcess(tmp_path) as hub:
        httpx.get(f"{hub.url}/healthz")
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        verb: str = "serve",
        python: str = sys.executable,
    ) -> None:
        self.folder = folder
        self.out = folder / "hub.out"
        self.url = ""
        self._command = [python, "-m", "hub.cli", verb, "--port", "0", *arguments]
        self._environment = _environment(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 300) -> Self:
        """Returns when it listens; what it said is in the error if it doesn't."""
        with self.out.open("wb") as out:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            if match := re.search(r"listens on (http://\S+)", self.said):
                self.url = match[1]
                return self
            time.sleep(0.02)
        raise AssertionError(f"it does not listen; it said: {self.said}")

    @property
    def said(self) -> str:
        return self.out.read_text(errors="replace")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> int:
        """Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def post(self, event: dict, **options: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/api/v1/lineage", json=event, timeout=30, **options)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(signal.SIGKILL)


def event(job: str = "hello", run: int = 1, event_type: str = "COMPLETE") -> dict:
    """A small lineage event of run number `run`."""
    return {
        "eventType": event_type,
        "eventTime": "2026-11-23T10:00:00Z",
        "run": {"runId": f"0190a7c0-5d1e-7000-8000-{run:012x}"},
        "job": {"namespace": "first", "name": job},
        "inputs": [],
        "outputs": [{"namespace": "file", "name": f"/tmp/{job}.csv"}],
        "producer": "https://example.org/by-hand",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }


def _environment(more: dict[str, str] | None) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **(more or {})}
