"""The versions of the store: what they make, and that they agree with tables.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, insert, inspect, select, text

from hub.errors import ConfigError
from hub.store.db import Database
from hub.store.meta import put_meta
from hub.store.migrate import current, migrate, pending, store_epoch, versions
from hub.store.partitions import ARRIVAL, Partition, create_ahead, existing, week_of
from hub.store.spans import spans_of
from hub.store.tables import meta, metadata
from hub.store.types import from_micros, to_micros
from tests.support.rows import full_row

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def db(bare_database_url: str) -> Iterator[Database]:
    database = Database(bare_database_url, durable=False)
    yield database
    database.close()


def test_a_fresh_store_is_brought_to_the_newest_version_once(db: Database) -> None:
    assert current(db) is None
    assert pending(db) == versions()
    assert migrate(db) == versions()
    assert (current(db), pending(db), migrate(db)) == (versions()[-1], [], [])


def test_the_migrated_store_has_what_the_tables_say(db: Database) -> None:
    migrate(db)
    with db.reading() as connection:
        assert differences(connection) == []


@pytest.mark.parametrize("version", versions())
def test_every_version_is_brought_forward_with_what_is_in_it(db: Database, version: str) -> None:
    migrate(db, to=version)
    assert current(db) == version
    before = fill_every_table(db)
    migrate(db)
    with db.reading() as connection:
        assert differences(connection) == []
        assert {name: count(connection, name) for name in before} == before


def test_schedules_that_were_declared_before_are_held_over_time(db: Database) -> None:
    migrate(db, to="0007")
    with db.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO schedule (job_id, kind, expression, timezone, paused, catchup, at, origin)"
                " VALUES (1, 'cron', '0 6 * * *', 'UTC', :yes, :no, 1000000, 'observation')"
            ),
            {"yes": True, "no": False},
        )
    migrate(db)
    with db.reading() as connection:
        (span,) = spans_of(connection, [1])[1]
    assert (span.schedule.expression, span.schedule.paused) == ("0 6 * * *", True)
    assert span.since == from_micros(1_000_000)


def test_a_column_that_no_migration_made_is_noticed(db: Database) -> None:
    migrate(db)
    with db.writing() as connection:
        connection.execute(text("ALTER TABLE job ADD COLUMN unheard_of TEXT"))
        connection.execute(text("DROP INDEX run_of_job"))
        assert len(differences(connection)) == 2


def test_keys_are_those_of_the_tables(db: Database) -> None:
    migrate(db)
    with db.reading() as connection:
        found = {name: keys_of(connection, name) for name in metadata.tables}
        clustered = tables_without_rowid(connection)
    assert found == {table.name: expected_keys(table, db) for table in metadata.sorted_tables}
    if db.is_sqlite:
        assert clustered == {
            table.name
            for table in metadata.sorted_tables
            if not table.dialect_options["sqlite"]["with_rowid"]
        }


def test_the_first_migration_begins_a_life_of_the_store(db: Database) -> None:
    migrate(db, now=NOW)
    with db.reading() as connection:
        epoch = store_epoch(connection)
        created = connection.scalar(select(meta.c.value).where(meta.c.key == "created_at"))
    migrate(db)
    with db.reading() as connection:
        assert store_epoch(connection) == epoch
    assert created == NOW.isoformat()


def test_pages_are_large(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/a.db")
    migrate(db)
    with db.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA page_size").scalar() == 8192
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    db.close()


def test_replicas_that_start_together_migrate_once(bare_database_url: str) -> None:
    done: list[list[str]] = []
    there = Database(
        bare_database_url, durable=False
    )  # a new file is locked while it becomes a WAL one
    with there.writing():
        pass
    there.close()

    def start() -> None:
        db = Database(bare_database_url, durable=False)
        done.append(migrate(db))
        db.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [[], [], [], versions()]


def test_a_store_of_a_later_release_is_refused_unless_it_says_that_it_works(db: Database) -> None:
    migrate(db)
    with db.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        put_meta(connection, "works_with", "9000")
    with pytest.raises(ConfigError, match=r"version 9999.*start a newer release"):
        migrate(db)
    with db.writing() as connection:
        put_meta(connection, "works_with", versions()[-1])
    assert migrate(db) == []


@pytest.mark.postgres
def test_weeks_are_made_ahead_and_rows_find_theirs(bare_postgres_url: str) -> None:
    db = Database(bare_postgres_url, durable=False)
    migrate(db, now=NOW)
    with db.writing() as connection:
        for at in (NOW, NOW + timedelta(days=20), NOW + timedelta(days=900)):
            add_change(connection, at)
        found = connection.execute(text("SELECT tableoid::regclass::text FROM change ORDER BY at"))
        assert found.scalars().all() == ["change_20261123", "change_20261207", "change_default"]
        assert len(existing(connection, "change")) == 5
        assert create_ahead(connection, NOW + timedelta(weeks=1)) == [
            "lineage_event_20261228",
            "change_20261228",
        ]
    db.close()


@pytest.mark.postgres
def test_a_week_whose_rows_lie_in_the_default_partition_is_left_there(
    bare_postgres_url: str,
) -> None:
    db = Database(bare_postgres_url, durable=False)
    migrate(db, now=NOW)
    later = NOW + timedelta(weeks=10)
    with db.writing() as connection:
        add_change(connection, later)
        assert week_of("change", later).name not in create_ahead(connection, later)
    db.close()


def test_weeks_begin_on_monday_in_utc() -> None:
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert week_of("change", monday - timedelta(microseconds=1)).until == monday
    assert week_of("change", monday) == Partition("change", monday, monday + timedelta(weeks=1))


def fill_every_table(db: Database) -> dict[str, int]:
    """Two rows in each table as it is in the database, whatever tables.py says by now."""
    with db.writing() as connection:
        ours = set(inspect(connection).get_table_names()) - partition_names(connection)
        found = MetaData()
        found.reflect(connection, only=sorted(ours - {"alembic_version", "meta"}))
        for table in found.tables.values():
            connection.execute(insert(table), [full_row(table, 1), full_row(table, 2)])
        return {name: count(connection, name) for name in found.tables}


def count(connection: Connection, table: str) -> int:
    found: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    return found


def partition_names(connection: Connection) -> set[str]:
    return {
        name
        for table in ARRIVAL
        for name in (f"{table}_default", *(week.name for week in existing(connection, table)))
    }


def add_change(connection: Connection, at: datetime) -> None:
    connection.execute(
        text(
            "INSERT INTO change (writer_id, seq, at, shard, kind)"
            " SELECT 1, count(*) + 1, :at, 0, 'run_started' FROM change"
        ),
        {"at": to_micros(at)},
    )


def differences(connection: Connection) -> list[Any]:
    """Between the database and tables.py; partitions and alembic's own table are nobody's."""
    partitions = partition_names(connection)
    ours = {"include_name": lambda name, kind, _: kind != "table" or name not in partitions}
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True, **ours}
    )
    return list(compare_metadata(context, metadata))


def keys_of(connection: Connection, table: str) -> set[tuple[str, ...]]:
    """The primary key and the unique constraints; autogenerate doesn't look at the first."""
    inspector = inspect(connection)
    unique = {tuple(each["column_names"]) for each in inspector.get_unique_constraints(table)}
    return unique | {tuple(inspector.get_pk_constraint(table)["constrained_columns"])}


def expected_keys(table: Table, db: Database) -> set[tuple[str, ...]]:
    key = tuple(column.name for column in table.primary_key.columns)
    if not db.is_sqlite and table.name in ARRIVAL and ARRIVAL[table.name] not in key:
        key = (*key, ARRIVAL[table.name])
    unique = (each for each in table.constraints if each.__visit_name__ == "unique_constraint")
    return {key, *(tuple(column.name for column in each.columns) for each in unique)}  # type: ignore[attr-defined]


def tables_without_rowid(connection: Connection) -> set[str]:
    if connection.dialect.name != "sqlite":
        return set()
    rows = connection.execute(
        text("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'")
    )
    return set(rows.scalars())
