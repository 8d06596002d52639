"""A whole hub on a store of its own, and clients that talk HTTP to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text
from starlette.testclient import TestClient

from hub import tokens
from hub.access import Scope
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.access import NewToken
from hub.store.tables import metadata

BASE = "http://127.0.0.1:8080"
_KEPT = {"meta", "writer", "id_block", "lease"}


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with running(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    """A running hub whose store is empty; open, for there are no tokens."""
    module_hub.authenticator.forget()
    yield module_hub
    _empty(module_hub)


def _empty(hub: Hub) -> None:
    """By the writer, which repeats what a loop at work has come in the way of."""
    tables = [table.name for table in metadata.sorted_tables if table.name not in _KEPT]

    def wipe(connection: Connection) -> None:
        for table in tables:
            connection.execute(text(f"DELETE FROM {table}"))

    hub.writer.call(wipe)
    hub.authenticator.forget()


@pytest.fixture
def client(hub: Hub) -> TestClient:
    """Somebody without a token on a hub that runs open: may send and read."""
    return TestClient(create_app(hub), base_url=BASE, raise_server_exceptions=False)


def headers_of_admin(hub: Hub) -> dict[str, str]:
    """Headers with which one may do everything."""
    wanted = NewToken(name="admin", scopes=(Scope.ADMIN,), namespaces=("*",))
    issued = hub.writer.call(
        lambda connection: tokens.issue(connection, wanted, actor="test", now=datetime.now(UTC))
    )
    hub.authenticator.forget()
    return {"Authorization": f"Bearer {issued.text}"}


@pytest.fixture
def make_admin() -> Callable[[Hub], dict[str, str]]:
    """Headers of an admin, for a hub of the test's own."""
    return headers_of_admin


@pytest.fixture
def operator(hub: Hub) -> TestClient:
    """Somebody who may do everything."""
    headers = headers_of_admin(hub)
    return TestClient(
        create_app(hub), base_url=BASE, headers=headers, raise_server_exceptions=False
    )
