"""A real Airflow 3 in an environment of its own: api-server, dag-processor, scheduler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-airflow"
DAGS = ROOT / "tests" / "real" / "dags"
READY_TIMEOUT_S = 240.0
#: Longer than SQLite waits for its lock.
TIMEOUT_S = 90.0
#: Waits before a change is asked for again while Airflow answers that its database is locked: its
#: api-server can hold SQLite's lock in one request and wait for it in another, until one gives up.
CHANGE_WAITS_S = (1, 2, 3, 4, 5)
#: What a change is answered that an earlier try has made already.
_DONE_BEFORE = frozenset({httpx.codes.CONFLICT, httpx.codes.NOT_FOUND})


class Airflow:
    """Sends its lineage to `hub_url` with `token`, if there is one; two tasks at a time.

    database: a URL of PostgreSQL's, else it has SQLite, which can't take much at a time.
    """

    venv: ClassVar[Path] = VENV
    dags: ClassVar[Path] = DAGS
    base: ClassVar[str] = "/api/v2"

    def __init__(
        self,
        home: Path,
        hub_url: str = "",
        token: str = "",
        namespace: str = "default",
        database: str = "",
    ) -> None:
        self.home = home
        self._database = database.replace("postgresql:", "postgresql+psycopg2:")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = self._env(hub_url, token, namespace)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._headers: dict[str, str] = {}

    @classmethod
    def installed(cls) -> bool:
        return (cls.venv / "bin" / "airflow").exists()

    def start(self) -> Self:
        """Returns once its Dags are there. The api-server comes first: the scheduler needs it."""
        self._run("db", "migrate")
        self._spawn("api-server")
        self._until("the api-server", self._answers)
        token = httpx.get(f"{self.url}/auth/token", timeout=30).json()["access_token"]
        self._headers = {"Authorization": f"Bearer {token}"}
        self._spawn("dag-processor")
        self._spawn("scheduler")
        self._until("its Dags", self._has_its_dags)
        return self

    def _has_its_dags(self) -> bool:
        defined = sum(file.read_text().count("with DAG(") for file in self.dags.glob("*.py"))
        return len(self.get("/dags")["dags"]) >= defined

    def get(self, path: str) -> Any:
        answer = self._ask("GET", path)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> None:
        self._change("POST", path, body)

    def delete(self, path: str) -> None:
        self._change("DELETE", path)

    def _change(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        answer = self._ask(method, path, body)
        for wait_s in CHANGE_WAITS_S:
            if not answer.is_server_error:
                break
            time.sleep(wait_s)
            answer = self._ask(method, path, body)
            if answer.status_code in _DONE_BEFORE:
                return
        answer.raise_for_status()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.url}{self.base}{path}",
            headers=self._headers,
            json=body,
            timeout=TIMEOUT_S,
        )

    def trigger(self, dag: str, run_id: str, **told: str) -> None:
        body = {"dag_run_id": run_id, "logical_date": None, **told}
        self.post(f"/dags/{dag}/dagRuns", body)

    def await_runs(self, dag: str, timeout_s: float = 240.0) -> None:
        """Returns once the Dag has runs and all of them have ended."""

        def ended() -> bool:
            return self._count(dag) > 0 and self.unfinished(dag) == 0

        self._until(f"the runs of {dag} to end", ended, timeout_s)

    def unfinished(self, dag: str) -> int:
        """How many of the Dag's runs have not ended."""
        return self._count(dag, "&state=queued&state=running")

    def _count(self, dag: str, which: str = "") -> int:
        return int(self.get(f"/dags/{dag}/dagRuns?limit=1{which}")["total_entries"])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._processes.values()):
            _end(process)

    def _answers(self) -> bool:
        return httpx.get(f"{self.url}{self.base}/version", timeout=5).status_code == httpx.codes.OK

    def _run(self, *arguments: str) -> None:
        with (self.home / "airflow.log").open("ab") as log:
            subprocess.run(
                [str(self.venv / "bin" / "airflow"), *arguments],
                env=self._environment,
                cwd=self.home,
                stdout=log,
                stderr=log,
                check=True,
                timeout=READY_TIMEOUT_S,
            )

    def _spawn(self, *arguments: str) -> None:
        with (self.home / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(self.venv / "bin" / "airflow"), *arguments],
                env=self._environment,
                cwd=self.home,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes[arguments[0]] = process

    def freeze(self, part: str) -> None:
        """A part, such as its scheduler, and what it started stand still until `thaw`."""
        os.killpg(self._processes[part].pid, signal.SIGSTOP)

    def thaw(self, part: str) -> None:
        os.killpg(self._processes[part].pid, signal.SIGCONT)

    def _until(
        self, what: str, true: Callable[[], bool], timeout_s: float = READY_TIMEOUT_S
    ) -> None:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            try:
                if true():
                    return
            except (httpx.TransportError, httpx.HTTPStatusError):
                pass  # it is still starting
            time.sleep(1)
        raise TimeoutError(f"waited {timeout_s:.0f} s for {what}:\n{self._logs()}")

    def _logs(self) -> str:
        return "\n".join(f"{p.name}: {p.read_text()[-1500:]}" for p in self.home.glob("*.log"))

    def _env(self, hub_url: str, token: str, namespace: str) -> dict[str, str]:
        transport = {
            "type": "http",
            "url": hub_url,
            "endpoint": "api/v1/lineage",
            "auth": {"type": "api_key", "apiKey": token},
        }
        own = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._database
            or f"sqlite:///{self.home}/airflow.db?timeout=20",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": "for-tests-only",
            "AIRFLOW__API_AUTH__JWT_SECRET": "for-tests-only-" * 5,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port()),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__OPENLINEAGE__DISABLED": str(not hub_url),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": namespace,
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "PYTHON"))}
        return {**kept, **own}


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
