"""The whole store moves: SQLite to PostgreSQL and back, with nothing lost on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from sqlalchemy import select, text

from hub.errors import BadInput, ConfigError, Conflict
from hub.store import transfer
from hub.store.db import Database
from hub.store.ids import BLOCK
from hub.store.meta import get_meta
from hub.store.migrate import migrate, store_epoch
from hub.store.partitions import existing
from hub.store.tables import id_block, lease, lineage_event, meta, metadata
from hub.store.transfer import Header, export_store, import_store, refuse_unfinished
from tests.support.rows import NOW, fill, full_row

ROWS = 7
MOVED = [table for table in metadata.tables.values() if table not in {lease, meta}]


@pytest.fixture
def db(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(transfer, "CHUNK", 3)
    database = Database(database_url, durable=False)
    for table in MOVED:
        fill(database, table, *(full_row(table, number) for number in range(1, ROWS + 1)))
    yield database
    database.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/other.db", durable=False)
    yield database
    database.close()


def exported(db: Database) -> bytes:
    file = Unclosed()
    export_store(db, file, begun=lambda _: None, progress=lambda *_: None)
    return file.getvalue()


class Unclosed(io.BytesIO):
    """Can be read after its writer has closed it."""

    def close(self) -> None:
        pass


def imported(db: Database, archive: bytes) -> Header:
    return import_store(db, io.BytesIO(archive), begun=lambda _: None, progress=lambda *_: None)


def contents(db: Database) -> dict[str, list[Any]]:
    with db.reading() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=str)
            for table in MOVED
            if table is not id_block
        }


def test_everything_arrives_as_it_was(db: Database, sqlite: Database) -> None:
    header = imported(sqlite, exported(db))
    assert sum(header.rows.values()) > ROWS * len(MOVED)
    assert contents(sqlite) == contents(db)


@pytest.mark.postgres
def test_from_sqlite_to_postgresql_and_back(
    tmp_path: Path, sqlite: Database, postgres_url: str
) -> None:
    migrate(sqlite, now=NOW)
    for table in MOVED:
        fill(sqlite, table, *(full_row(table, number) for number in range(1, ROWS + 1)))
    middle = Database(postgres_url, durable=False)
    imported(middle, exported(sqlite))
    back = Database(f"sqlite:///{tmp_path}/back.db", durable=False)
    imported(back, exported(middle))
    assert contents(middle) == contents(sqlite) == contents(back)
    middle.close()
    back.close()


@pytest.mark.postgres
def test_weeks_long_past_get_their_partitions(sqlite: Database, postgres_url: str) -> None:
    migrate(sqlite, now=NOW)
    ages = (timedelta(weeks=30), timedelta(weeks=10))
    fill(sqlite, lineage_event, *({"received_at": NOW - age} for age in ages))
    db = Database(postgres_url, durable=False)
    imported(db, exported(sqlite))
    with db.reading() as connection:
        assert existing(connection, "lineage_event")[0].since <= NOW - ages[0]
        assert connection.scalar(text("SELECT count(*) FROM lineage_event_default")) == 0
    db.close()


def test_it_is_another_life_of_the_store(db: Database, sqlite: Database) -> None:
    with db.reading() as connection:
        epoch, made = store_epoch(connection), get_meta(connection, "created_at")
    imported(sqlite, exported(db))
    with sqlite.reading() as connection:
        assert store_epoch(connection) != epoch
        assert get_meta(connection, "created_at") == made


def test_no_number_is_handed_out_twice(db: Database, sqlite: Database) -> None:
    with db.writing() as connection:
        connection.execute(id_block.delete())
        connection.execute(id_block.insert().values(name="run", next=2))
    imported(sqlite, exported(db))
    with sqlite.reading() as connection:
        following = connection.scalar(select(id_block.c.next))
        assert following == BLOCK + 1 > ROWS  # where a block begins


def test_a_store_that_is_not_empty_is_left_alone(db: Database, sqlite: Database) -> None:
    archive = exported(db)
    before = contents(db)
    with pytest.raises(Conflict, match="not empty"):
        imported(db, archive)
    assert contents(db) == before
    with db.reading() as connection:
        refuse_unfinished(connection)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_an_archive_that_ends_early_is_noticed_and_its_store_not_served(
    db: Database, sqlite: Database, kept: float
) -> None:
    with zstandard.ZstdDecompressor().stream_reader(exported(db)) as stream:
        plain = stream.read()
    with pytest.raises(BadInput, match="whole archive"):
        imported(sqlite, zstandard.compress(plain[: int(len(plain) * kept)]))
    with sqlite.reading() as connection, pytest.raises(ConfigError, match="has not ended well"):
        refuse_unfinished(connection)


def test_what_is_no_archive_is_refused(sqlite: Database) -> None:
    with pytest.raises(BadInput, match="archive"):
        imported(sqlite, b"Dear all, ...")
    with pytest.raises(BadInput, match="archive"):
        imported(sqlite, zstandard.compress(b"\0\0\0\x01a"))


def test_an_archive_of_another_version_is_refused(sqlite: Database) -> None:
    header = Header(1, "0000", "0.0.1", "2020-01-01", {}, {})
    value = msgspec.msgpack.encode(header)
    with pytest.raises(ConfigError, match=r"version 0000 \(Trackside 0.0.1\)"):
        imported(sqlite, zstandard.compress(len(value).to_bytes(4, "big") + value))
