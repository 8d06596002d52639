"""The server that the other tests stand on."""

from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select

from hub.store.db import Database
from hub.store.migrate import pending
from hub.store.tables import job
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.postgres


def one(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_bare_database_is_empty(bare_postgres_url: str) -> None:
    assert one(bare_postgres_url, "SELECT count(*) FROM pg_stat_user_tables") == 0
    assert one(bare_postgres_url, "SHOW server_encoding") == "UTF8"


def test_the_server_is_recent_enough(bare_postgres_url: str) -> None:
    assert int(str(one(bare_postgres_url, "SHOW server_version_num"))) >= 150_000


def test_what_was_committed_survives_a_kill(own_postgres: PostgresServer) -> None:
    url = own_postgres.create_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    own_postgres.kill()
    assert not own_postgres.running
    own_postgres.restart()
    assert one(url, "SELECT answer FROM kept") == 42


def test_nothing_is_left_of_a_server(postgres_server: PostgresServer) -> None:
    with PostgresServer(fsync=False) as server:
        assert server.running
    assert not server.running
    assert not server.home.exists()


def test_a_database_url_of_either_engine_is_empty(bare_database_url: str) -> None:
    if bare_database_url.startswith("sqlite:////"):
        assert not Path(bare_database_url.removeprefix("sqlite:///")).exists()
    else:
        assert one(bare_database_url, "SELECT 1") == 1


def test_a_store_of_either_engine_is_migrated_and_empty(database_url: str) -> None:
    with closing(Database(database_url)) as db:
        assert not pending(db)
        with db.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(job)) == 0
