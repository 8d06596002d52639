"""A real Dagster in an environment of its own: in one process, or as code server, daemon and web."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-dagster"
CODE = ROOT / "tests" / "real" / "dagster_code"
REPORTER = ROOT / "examples" / "dagster" / "trackside_reporter.py"
READY_TIMEOUT_S = 180.0
SHOP_AND_REPORTER = {"shop": CODE / "shop.py", "trackside_reporter": REPORTER}

_INSTANCE = """\
telemetry: {enabled: false}
concurrency:
  runs: {max_concurrent_runs: 1}
  pools: {default_limit: 1, granularity: op}
freshness: {enabled: true}
"""
_LOCATION = "  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {name}}}\n"


class _Processes:
    """Processes that end with their block, and with them all they have started."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # With it each process would compile the whole of Dagster.
        inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self._environment = inherited | {
            "DAGSTER_HOME": str(home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            **environment,
        }
        self._processes: list[subprocess.Popen[str]] = []
        self._parts: dict[str, subprocess.Popen[str]] = {}

    @staticmethod
    def installed() -> bool:
        return (VENV / "bin" / "dagster-webserver").exists()

    def spawn(self, *command: str, log: str) -> subprocess.Popen[str]:
        """Dagster hands its disposition of SIGINT on to SIGTERM: ignored, nothing would stop it."""
        with (self.home / f"{log}.log").open("w") as errors:
            process = subprocess.Popen(
                [str(VENV / "bin" / command[0]), *command[1:]],
                env=self._environment,
                cwd=CODE,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if log == "in_process" else errors,
                stderr=errors,
                text=True,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            )
        self._processes.append(process)
        self._parts[log] = process
        return process

    def freeze(self, part: str) -> None:
        """A part, such as the daemon, and what it started stand still until `thaw`."""
        os.killpg(self._parts[part].pid, signal.SIGSTOP)

    def thaw(self, part: str) -> None:
        os.killpg(self._parts[part].pid, signal.SIGCONT)

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text()[-3_000:]}" for path in self.home.glob("*.log")
        )

    def until(self, what: str, there: Callable[[], bool], timeout_s: float = 120.0) -> None:
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if dead := [p.args for p in self._processes if p.poll() is not None]:
                raise AssertionError(f"{dead} ended while waiting for {what}:\n{self.logs()}")
            try:
                if there():
                    return
            except httpx.HTTPError:
                pass  # not yet
            time.sleep(0.5)
        raise AssertionError(f"no {what} after {timeout_s:g} s:\n{self.logs()}")

    def graphql(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/graphql", json=body, timeout=30)
        told = answer.json()
        assert not told.get("errors"), told
        return told["data"]

    def _answers(self) -> bool:
        return httpx.get(f"{self.url}/server_info", timeout=10).is_success

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        raise NotImplementedError

    def stop(self) -> None:
        """Softly, then with all that is left of their sessions."""
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            for pipe in filter(None, (process.stdin, process.stdout)):
                pipe.close()


class DagsterInProcess(_Processes):
    """Some runs of tests/real/dagster_code/shop.py, served; `truth`: what its storage holds."""

    truth: dict[str, Any]

    def start(self) -> Self:
        process = self.spawn(
            "python", "in_process.py", str(self.home), str(self.port), log="in_process"
        )
        assert process.stdout
        line = process.stdout.readline()
        assert line, self.logs()
        self.truth = json.loads(line)
        self.until("web server", self._answers)
        return self


class DagsterSplit(_Processes):
    """The whole: a server per code location, the daemon and the web server."""

    def __init__(
        self, home: Path, codes: Mapping[str, Path] = SHOP_AND_REPORTER, /, **environment: str
    ) -> None:
        super().__init__(home, **environment)
        self._codes = codes

    def start(self) -> Self:
        (self.home / "dagster.yaml").write_text(_INSTANCE)
        self._make_files()
        ports = {name: free_port() for name in self._codes}
        locations = [_LOCATION.format(name=name, port=port) for name, port in ports.items()]
        self._workspace.write_text("load_from:\n" + "".join(locations))
        for name, port in ports.items():
            self._serve(self._codes[name], port, name)
        args = ("-h", "127.0.0.1", "-p", str(self.port), "-w", str(self._workspace))
        self.spawn("dagster-webserver", *args, log="webserver")
        self._start_daemon()
        self.until("code locations", self._loaded, READY_TIMEOUT_S)
        return self

    @property
    def _workspace(self) -> Path:
        return self.home / "workspace.yaml"

    def _start_daemon(self) -> None:
        self.spawn("dagster-daemon", "run", "-w", str(self._workspace), log="daemon")

    def kill_daemon(self) -> None:
        """At once, and with it the runs it has started; another one begins."""
        old = self._parts.pop("daemon")
        self._processes.remove(old)
        os.killpg(old.pid, signal.SIGKILL)
        old.wait()
        assert old.stdin
        old.stdin.close()
        self._start_daemon()

    def _make_files(self) -> None:
        """The SQLite files: processes that start together would all make them, and fail."""
        make = "import dagster as dg; i = dg.DagsterInstance.get(); i.all_instigator_state()"
        subprocess.run(
            [str(VENV / "bin" / "python"), "-c", f"{make}; i.get_runs_count()"],
            env=self._environment,
            check=True,
            timeout=120,
        )

    def _serve(self, file: Path, port: int, name: str) -> None:
        self.spawn("dagster", "api", "grpc", "-f", str(file), "-p", str(port), log=name)

    def _loaded(self) -> bool:
        told = self.graphql(
            "{ workspaceOrError { ... on Workspace { locationEntries { "
            "locationOrLoadError { __typename } } } } }"
        )
        entries = told["workspaceOrError"]["locationEntries"]
        kinds = [(entry["locationOrLoadError"] or {}).get("__typename") for entry in entries]
        if "PythonError" in kinds:  # its code server was not up yet
            for name in self._codes:
                self.graphql(
                    "mutation($n: String!) { reloadRepositoryLocation(repositoryLocationName: $n) "
                    "{ __typename } }",
                    n=name,
                )
            return False
        return kinds == ["RepositoryLocation"] * len(self._codes)
