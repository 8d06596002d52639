"""What every test may ask for: real databases, an environment without TRACKSIDE_*."""

import fcntl
import io
import logging
import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from hub import logs
from hub.store.db import Database
from hub.store.migrate import migrate
from tests.support import kills
from tests.support.postgres import PostgresServer, PostgresUnavailableError

SHARED = "TESTS_SHARED_FOLDER"  # of all workers of one run
MIGRATED = "migrated"  # the store of which others are copies, for migrations take seconds


def pytest_configure(config: pytest.Config) -> None:
    kills.keep()
    # How long an example takes is the computer's affair.
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")
    for name in [name for name in os.environ if name.startswith("TRACKSIDE_")]:
        del os.environ[name]
    if not _is_worker(config):
        os.environ[SHARED] = tempfile.mkdtemp(prefix="trackside-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last to leave stops the server that the first worker in need has started."""
    folder = None if _is_worker(config) else os.environ.pop(SHARED, None)
    if folder:
        server = _read(Path(folder, "postgres"))
        if isinstance(server, PostgresServer):
            server.remove()
        shutil.rmtree(folder)


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What is logged meanwhile, as JSON, however an earlier test has set up its logs."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    logs.setup("debug", "json", stream)
    yield stream
    root.handlers[:], root.level = before[0], before[1]
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """One running server for all workers, which would not survive a loss of power.

    Don't stop it: that is what own_postgres is for.
    """
    state = _shared("postgres")
    with _alone(state):
        server = _read(state)
        if server is None:
            server = _start()
            state.write_bytes(pickle.dumps(server))
    if isinstance(server, PostgresServer):
        return server
    pytest.skip(f"no PostgreSQL: {server}")


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A running, durable server for one test, which may stop, kill and restart it."""
    try:
        server = PostgresServer()
    except PostgresUnavailableError as reason:
        pytest.skip(f"no PostgreSQL: {reason}")
    with server:
        yield server


@pytest.fixture
def bare_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh database without any table, dropped afterwards."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of either engine without any table, one per test."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'trackside.db'}"
    url: str = request.getfixturevalue("bare_postgres_url")
    return url


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh empty store, migrated, dropped afterwards."""
    yield from _store(postgres_server)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh empty store of either engine, migrated, one per test."""
    return _either(request, tmp_path, "postgres_url")


@pytest.fixture(scope="module")
def module_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """As postgres_url, shared by the tests of a file."""
    yield from _store(postgres_server)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def module_database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """As database_url, shared by the tests of a file."""
    return _either(request, tmp_path_factory.mktemp("database"), "module_postgres_url")


def _either(request: pytest.FixtureRequest, folder: Path, postgres: str) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(_migrated_file(), folder / 'trackside.db')}"
    url: str = request.getfixturevalue(postgres)
    return url


def _store(server: PostgresServer) -> Iterator[str]:
    with _alone(_shared(f"{MIGRATED}-postgres")) as made:
        if not made.exists():
            _migrate(server.create_database(MIGRATED))
            made.touch()
    url = server.create_database(like=MIGRATED)
    yield url
    server.drop_database(url)


def _migrated_file() -> Path:
    file = _shared(f"{MIGRATED}.db")
    with _alone(file):
        if not file.exists():
            new = file.with_suffix(".new")
            _migrate(f"sqlite:///{new}")
            new.rename(file)
    return file


def _migrate(url: str) -> None:
    db = Database(url, durable=False)
    migrate(db)
    db.close()


def _shared(name: str) -> Path:
    return Path(os.environ[SHARED], name)


@contextmanager
def _alone(path: Path) -> Iterator[Path]:
    """One worker at a time makes what all of them use."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield path


def _start() -> PostgresServer | str:
    """The server, or the reason why there is none: the other workers need not try again."""
    try:
        return PostgresServer(fsync=False).start()
    except PostgresUnavailableError as reason:
        return str(reason)


def _read(state: Path) -> object:
    return pickle.loads(state.read_bytes()) if state.exists() else None


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
