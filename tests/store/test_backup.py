"""A backup is taken beside a working hub, and what is restored is another life of the store."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.errors import BadInput, ConfigError
from hub.store.backup import backup, check, renew, restore
from hub.store.db import Database
from hub.store.lock import StoreLock
from hub.store.migrate import migrate, store_epoch, versions
from hub.store.partitions import existing
from hub.store.tables import audit, lineage_event
from tests.support.postgres import PostgresServer
from tests.support.rows import fill

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/trackside.db", durable=False)
    migrate(database)
    fill(database, audit, {"actor": "ann"}, {"actor": "bob"})
    yield database
    database.close()


def nothing(*_: object) -> None:
    """Tells nobody how far it is."""


def actors(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as store:
        return [row[0] for row in store.execute("SELECT actor FROM audit ORDER BY id")]


def epoch_of(db: Database) -> str:
    with db.reading() as connection:
        return store_epoch(connection)


def test_a_backup_holds_what_was_committed(db: Database, tmp_path: Path) -> None:
    backup(db, tmp_path / "backup.db", nothing)
    assert actors(tmp_path / "backup.db") == ["ann", "bob"]
    assert check(tmp_path / "backup.db") == versions()[-1]
    assert not list(tmp_path.glob("*.part"))


def test_a_backup_ends_though_the_hub_never_stops_writing(db: Database, tmp_path: Path) -> None:
    with db.writing() as connection:
        connection.execute(text("CREATE TABLE ballast (x BLOB)"))
        for _ in range(40):
            connection.execute(text("INSERT INTO ballast VALUES (zeroblob(1000000))"))
    stopping = threading.Event()

    def write() -> None:
        while not stopping.is_set():
            with db.writing() as connection:
                connection.execute(text("UPDATE audit SET detail = coalesce(detail, '') || 'x'"))

    writer = threading.Thread(target=write)
    writer.start()
    steps: list[int] = []
    backup(db, tmp_path / "backup.db", lambda done, _: steps.append(done))
    stopping.set()
    writer.join()
    assert steps == sorted(steps)  # it never began again
    assert actors(tmp_path / "backup.db") == ["ann", "bob"]


def test_a_restore_keeps_what_was_there_and_begins_another_life(
    db: Database, tmp_path: Path
) -> None:
    before = epoch_of(db)
    backup(db, tmp_path / "backup.db", nothing)
    fill(db, audit, {"id": 3, "actor": "eve"})
    db.close()
    kept = restore(db, tmp_path / "backup.db", now=NOW, progress=nothing)
    assert actors(tmp_path / "trackside.db") == ["ann", "bob"]
    assert kept is not None
    assert kept.name == "trackside.db.before-20261123T000000"
    assert actors(kept) == ["ann", "bob", "eve"]
    assert epoch_of(db) != before
    assert migrate(db) == []


def test_a_restore_into_nothing_makes_the_store(db: Database, tmp_path: Path) -> None:
    backup(db, tmp_path / "backup.db", nothing)
    other = Database(f"sqlite:///{tmp_path}/new/trackside.db")
    assert restore(other, tmp_path / "backup.db", now=NOW, progress=nothing) is None
    assert actors(tmp_path / "new" / "trackside.db") == ["ann", "bob"]
    other.close()


def test_a_store_in_use_is_not_restored(db: Database, tmp_path: Path) -> None:
    backup(db, tmp_path / "backup.db", nothing)
    lock = StoreLock(db)
    lock.acquire()
    with pytest.raises(ConfigError, match="in use"):
        restore(
            Database(f"sqlite:///{tmp_path}/trackside.db"),
            tmp_path / "backup.db",
            now=NOW,
            progress=nothing,
        )
    lock.release()


@pytest.mark.parametrize("content", [None, b"Dear all, ...", b""])
def test_what_is_no_backup_is_refused(db: Database, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadInput, match="file"):
        restore(db, tmp_path / "x", now=NOW, progress=nothing)
    assert actors(tmp_path / "trackside.db") == ["ann", "bob"]


@pytest.mark.postgres
def test_for_postgresql_its_own_tools_are_named(postgres_url: str, tmp_path: Path) -> None:
    db = Database(postgres_url, durable=False)
    migrate(db)
    with pytest.raises(ConfigError, match="pg_dump"):
        backup(db, tmp_path / "x", nothing)
    with pytest.raises(ConfigError, match="pg_restore"):
        restore(db, tmp_path / "x", now=NOW, progress=nothing)
    before = epoch_of(db)
    assert renew(db, NOW) == epoch_of(db) != before
    db.close()


@pytest.mark.postgres
def test_what_pg_dump_saved_is_restored_and_begins_another_life(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    db = Database(postgres_url, durable=False)
    migrate(db)
    fill(db, lineage_event, {"received_at": datetime.now(UTC)}, {})
    other_url = postgres_server.create_database()
    tools, dump = postgres_server.programs, tmp_path / "trackside.dump"
    run = partial(subprocess.run, check=True, capture_output=True)
    run([tools / "pg_dump", "--format=custom", f"--file={dump}", postgres_url])
    run([tools / "pg_restore", "--clean", "--if-exists", f"--dbname={other_url}", dump])
    other = Database(other_url, durable=False)
    assert epoch_of(other) == epoch_of(db) != renew(other, NOW)
    assert migrate(other) == []
    with other.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM lineage_event")).scalar_one() == 2
        assert len(existing(connection, "lineage_event")) == 5
    other.close()
    db.close()
    postgres_server.drop_database(other_url)
