"""A real server on SQLite, in an environment of its own, with what a program has left in it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-ml"
READY_TIMEOUT_S = 120.0
_MADE = "MADE "
Row = dict[str, Any]


class MadeServer:
    """Started with its block, then the program is run; both end with it.

    made: what the program says that it has made, in the line of its output that begins with MADE.
    """

    name: ClassVar[str]
    program: ClassVar[Path]
    path: ClassVar[str] = ""  # of its API below its address

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}{self.path}"
        self.made: Row = {}
        self._database = folder / f"{self.name}.db"
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self._environment = inherited | {"DO_NOT_TRACK": "1", **self.environment()}
        self._process: subprocess.Popen[bytes] | None = None

    def environment(self) -> Mapping[str, str]:
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        """What comes after its name."""
        raise NotImplementedError

    @classmethod
    def installed(cls) -> bool:
        return (VENV / "bin" / cls.name).exists()

    def __enter__(self) -> Self:
        try:
            self._start()
            self._make()
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
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def _start(self) -> None:
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(VENV / "bin" / self.name), *self.command()],
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

    def _make(self) -> None:
        done = subprocess.run(
            [str(VENV / "bin" / "python"), str(self.program)],
            env=self._environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        told = [line for line in done.stdout.splitlines() if line.startswith(_MADE)]
        assert told, done.stdout + done.stderr
        self.made = json.loads(told[0].removeprefix(_MADE))
