"""A migrated store of either engine, empty for each test; one per file, for making it takes long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from hub.store.db import Database
from hub.store.migrate import migrate
from hub.store.tables import metadata

_KEPT = {"meta"}


@pytest.fixture(scope="module")
def module_db(module_database_url: str) -> Iterator[Database]:
    opened = Database(module_database_url, durable=False)
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def db(module_db: Database) -> Iterator[Database]:
    yield module_db
    tables = [table.name for table in metadata.sorted_tables if table.name not in _KEPT]
    with module_db.writing() as connection:
        for table in tables:
            connection.execute(text(f"DELETE FROM {table}"))
