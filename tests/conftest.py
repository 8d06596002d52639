"""What every test may ask for: real databases, an environment without TRACKSIDE_*."""

import fcntl
import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import kills
from tests.support.postgres import PostgresServer, PostgresUnavailableError

SHARED = "TESTS_SHARED_FOLDER"  # of all workers of one run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-fsync", action="store_true", help="PostgreSQL without durability: faster, not for CI"
    )


def pytest_configure(config: pytest.Config) -> None:
    kills.keep()
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


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> PostgresServer:
    """One running server for all workers. Don't stop it: that is what own_postgres is for."""
    state = Path(os.environ[SHARED], "postgres")
    with state.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = _read(state)
        if server is None:
            server = _start(fsync=not request.config.getoption("--no-fsync"))
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
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh empty database, dropped afterwards."""
    yield from _database(postgres_server)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh empty database of either engine, one per test."""
    return _either(request, tmp_path, "postgres_url")


@pytest.fixture(scope="module")
def module_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """As postgres_url, shared by the tests of a file."""
    yield from _database(postgres_server)


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
        return f"sqlite:///{folder / 'trackside.db'}"
    url: str = request.getfixturevalue(postgres)
    return url


def _database(server: PostgresServer) -> Iterator[str]:
    url = server.create_database()
    yield url
    server.drop_database(url)


def _start(*, fsync: bool) -> PostgresServer | str:
    """The server, or the reason why there is none: the other workers need not try again."""
    try:
        return PostgresServer(fsync=fsync).start()
    except PostgresUnavailableError as reason:
        return str(reason)


def _read(state: Path) -> object:
    return pickle.loads(state.read_bytes()) if state.exists() else None


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
