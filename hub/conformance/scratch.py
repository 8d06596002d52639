"""A hub for the engine to talk to: a process of its own, which can be killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, Self

import httpx
import yaml
from msgspec import Struct

from hub.errors import Unavailable
from hub.store.db import Database
from hub.store.dead_letters import Letter, list_letters

#: The engine's name as an orchestrator of that hub.
NAME: Final = "engine"
#: The variable in which the hub finds the secret that it signs with.
_SECRET: Final = "TRACKSIDE_CONFORMANCE_SECRET"  # noqa: S105  the name of one
#: Datasets of that namespace launch the job of the engine, and one that no engine has.
CAUSES: Final = "conformance"
GOOD: Final = "good"
BAD: Final = "bad"
NO_JOB: Final = "trackside-conformance-no-such-job"
#: For which all is launched.
PARTITION: Final = "2026-11-30"
_START_S: Final = 120.0
_LOOK_S: Final = 0.2


class Engine(Struct, frozen=True):
    """Whose launches are looked at. job: one that may run. secret: whsec_ and base64; it never
    leaves this process and the hub's.
    """

    namespace: str
    job: str
    launch: Literal["webhook", "pull"]
    url: str | None = None
    secret: str | None = None


class ScratchHub:
    """Listens on `host` and `port`, with a store that is thrown away."""

    def __init__(self, engine: Engine, *, port: int, host: str = "127.0.0.1") -> None:
        self.engine = engine
        self.url = f"http://{host}:{port}"
        self._address = ("--host", host, "--port", str(port))
        self._open = host not in {"127.0.0.1", "localhost"}
        self._http = httpx.Client(base_url=f"{self.url}/api/v1", timeout=30)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="trackside-conformance-")
        self._place = Path(self._folder.name)
        (self._place / "trackside.yaml").write_text(yaml.safe_dump(self._settings()))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._http.close()
        self._folder.cleanup()

    def start(self) -> None:
        """Returns when it answers. Raises Unavailable with its last words if it does not."""
        log = self._place / "hub.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603  our own command
                [sys.executable, "-m", "hub.cli", "serve", *self._address],
                cwd=self._place,
                env=self._environment(),
                stdout=out,
                stderr=out,
            )
        end = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                last = log.read_text(errors="replace").strip().splitlines()[-3:]
                raise Unavailable(f"the hub for the test did not start: {' '.join(last)}")
            time.sleep(_LOOK_S)

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def get(self, path: str, **asked: Any) -> Any:
        return self._http.get(path, params=asked).raise_for_status().json()

    def find(self, path: str) -> Any | None:
        """None: there is no such thing (yet)."""
        answer = self._http.get(path)
        return None if answer.status_code == 404 else answer.raise_for_status().json()

    def post(self, path: str, body: Any) -> None:
        self._http.post(path, json=body).raise_for_status()

    def refused(self) -> list[Letter]:
        """What was sent and could not be understood."""
        store = f"sqlite:///{self._place / 'hub.db'}"
        with closing(Database(store)) as db, db.reading() as connection:
            return list_letters(connection)

    def _answers(self) -> bool:
        try:
            return self._http.get(f"{self.url}/readyz").is_success
        except httpx.HTTPError:
            return False

    def _settings(self) -> dict[str, Any]:
        told: dict[str, Any] = {"launch": self.engine.launch}
        if self.engine.launch == "webhook":
            told |= {"url": self.engine.url, "secrets": [f"env:{_SECRET}"]}
        engine = {"name": NAME, "kind": "engine", "namespaces": [self.engine.namespace]}
        return {
            "version": 1,
            "database_url": "sqlite:///hub.db",
            "insecure": self._open,
            "allowed_hosts": ["*"],
            "allowed_networks": ["0.0.0.0/0", "::/0"],
            "orchestrators": [{**engine, "settings": told}],
            "subscriptions": [
                {"name": name, "when": f"{CAUSES}/{name}", "launch": self._launch(job)}
                for name, job in ((GOOD, self.engine.job), (BAD, NO_JOB))
            ],
        }

    def _launch(self, job: str) -> dict[str, str]:
        named = {"orchestrator": NAME, "namespace": self.engine.namespace, "job": job}
        return {**named, "partition": PARTITION}

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TRACKSIDE_")}
        return {
            **kept,
            "TRACKSIDE_CONFIG": "trackside.yaml",
            **({_SECRET: self.engine.secret} if self.engine.secret else {}),
        }
