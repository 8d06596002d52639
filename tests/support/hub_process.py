"""A real hub in a process of its own, on a free port of this computer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0


class HubProcess:
    """`trackside serve` on `database_url`; `kill` is kill -9, `start` again resumes."""

    def __init__(
        self,
        database_url: str,
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        self.database_url = database_url
        self.folder = folder
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"hub-{self.port}.log"
        self._environment = dict(environment or {})
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Returns once the hub is ready; raises RuntimeError with its log if it does not get so."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hub.cli", "serve"],
                cwd=self.folder,
                env=self._env(),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self._await_ready()
        return self

    def command(self, *arguments: str) -> str:
        """Output of a `trackside` command on the same store."""
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli", *arguments],
            cwd=self.folder,
            env=self._env(),
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=True,
        )
        return done.stdout

    def stop(self) -> int:
        """SIGTERM; the exit code of a hub that finished what it accepted."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        return process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        process = self._running()
        process.kill()
        process.wait(STOP_TIMEOUT_S)

    @property
    def pid(self) -> int:
        return self._running().pid

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise RuntimeError("the hub was never started")
        return self.process

    def _env(self) -> dict[str, str]:
        own = {
            "TRACKSIDE_DATABASE_URL": self.database_url,
            "TRACKSIDE_PORT": str(self.port),
            "TRACKSIDE_LOG_FORMAT": "json",
            "TRACKSIDE_URL": self.url,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        clean = {k: v for k, v in os.environ.items() if not k.startswith("TRACKSIDE_")}
        return {**clean, **own, **self._environment}

    def _await_ready(self) -> None:
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            if self._running().poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError(f"the hub did not start:\n{self.log.read_text()[-4000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
