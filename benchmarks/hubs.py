"""Hubs to measure: real ones, and compositions of the same parts that take the time of each."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, Self

import psycopg

from benchmarks.machine import cpu_s, family
from tests.support.postgres import PostgresServer

ROOT: Final = Path(__file__).parents[1]
Engine = Literal["SQLite", "PostgreSQL"]
Kind = Literal["real", "itemised", "thin", "null"]
#: How each kind is started: python -m ...
_COMMANDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "real": ("hub.cli", "serve"),
    "itemised": ("benchmarks.composed", "itemised"),
    "thin": ("benchmarks.composed", "thin"),
    "null": ("benchmarks.composed", "null"),
}
_START_S: Final = 180


@dataclass(frozen=True)
class Store:
    """A store that commits durably."""

    engine: Engine
    url: str
    folder: Path
    server: PostgresServer | None = None

    def server_cpu_s(self) -> float:
        """CPU of the database's own processes."""
        return cpu_s(family(self.server.pid)) if self.server else 0.0

    def size(self) -> int:
        """Bytes on disk; of PostgreSQL those of this database alone."""
        if self.server is None:
            return sum(file.stat().st_size for file in self.folder.glob("trackside.db*"))
        query = "SELECT pg_database_size(current_database())"
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def store(engine: Engine) -> Iterator[Store]:
    """An empty store, gone afterwards."""
    with TemporaryDirectory(prefix="trackside-bench-") as name:
        folder = Path(name)
        if engine == "SQLite":
            yield Store(engine, f"sqlite:///{folder / 'trackside.db'}", folder)
            return
        with PostgresServer(options=_TUNED) as server:
            yield Store(engine, server.create_database(), folder, server)


#: What anybody sets on a server of their own; the rest is PostgreSQL's default.
_TUNED: Final = {"shared_buffers": "256MB", "max_wal_size": "2GB"}


class Hub:
    """A hub on a store, in a process of its own; `more` settings as environment variables."""

    def __init__(self, on: Store, kind: Kind = "real", **more: str) -> None:
        self._out = on.folder / f"{kind}.out"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRACKSIDE_")}
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *_COMMANDS[kind]],
                cwd=on.folder,
                env=environment | _settings(on) | more,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid
        self.url = self._await()

    def load(self, **options: int) -> dict[str, Any]:
        """Lets senders send; what they say of it. Raises if any was refused."""
        process = self.start_load(**options)
        told = json.loads(process.communicate()[0])
        if any(status not in {"200", "201"} for status in told["statuses"]):
            raise RuntimeError(f"the hub answered {told['statuses']}: {self._said[-2000:]}")
        return dict(told)

    def start_load(self, **options: int) -> subprocess.Popen[bytes]:
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "benchmarks.client", self.url, *flags]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)

    def figures(self) -> dict[str, float]:
        """Its metrics as of now, by name and labels."""
        with urllib.request.urlopen(f"{self.url}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_START_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def _said(self) -> str:
        return self._out.read_text(errors="replace")

    def _await(self) -> str:
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self._process.poll() is None:
            if found := re.search(r"listens on (http://\S+)", self._said):
                return found[1]
            time.sleep(0.05)
        self._process.kill()
        raise RuntimeError(f"the hub did not start: {self._said[-2000:]}")


def _settings(on: Store) -> dict[str, str]:
    return {
        "TRACKSIDE_DATABASE_URL": on.url,
        "TRACKSIDE_PORT": "0",
        "NO_COLOR": "1",
        "PYTHONPATH": str(ROOT),
    }
