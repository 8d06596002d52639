"""Retention deletes what is too old, in short steps, and nothing that is still needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import (
    Connection,
    Table,
    func,
    insert,
    select,
    text,
)

from hub.settings import Settings
from hub.store import tables as t
from hub.store.db import Database
from hub.store.expired import plan
from hub.store.migrate import migrate
from hub.store.partitions import existing
from hub.store.sweep import Sweep
from hub.store.types import to_micros
from tests.support.rows import NOW, fill

T = TypeVar("T")
LONG_AGO = NOW - timedelta(days=800)
SETTINGS = Settings()


class Direct:
    """Stands for the writer; remembers how long each step took."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.seconds: list[float] = []

    def call(self, function: Callable[[Connection], T]) -> T:
        started = time.perf_counter()
        with self.db.writing() as connection:
            result = function(connection)
        self.seconds.append(time.perf_counter() - started)
        return result


@pytest.fixture
def db(bare_database_url: str) -> Iterator[Database]:
    database = Database(bare_database_url, durable=False)
    migrate(database, now=LONG_AGO)
    migrate(database, now=NOW)
    yield database
    database.close()


def swept(db: Database, settings: Settings = SETTINGS, now: datetime = NOW) -> dict[str, int]:
    return Sweep(db, Direct(db), settings, now=now).run()


def ids(db: Database, table: Table, column: str = "id") -> list[Any]:
    with db.reading() as connection:
        return list(connection.scalars(select(table.c[column]).order_by(table.c[column])))


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def test_raw_events_and_their_digests_go_after_their_time(db: Database) -> None:
    ages = (120, 91, 89, 0)
    fill(db, t.lineage_event, *({"received_at": days_ago(days)} for days in ages))
    hours = (to_micros(days_ago(days)) // 3_600_000_000 for days in ages)
    fill(db, t.event_digest, *({"key": hour.to_bytes(4, "big") + b"x"} for hour in hours))
    fill(db, t.event_count, *({"hour": days_ago(days)} for days in ages))
    of_teams = ((team, days) for team in ("a", "b") for days in ages)
    fill(db, t.team_event_count, *({"team": n, "hour": days_ago(days)} for n, days in of_teams))
    swept(db)
    assert ids(db, t.lineage_event) == [3, 4]
    assert len(ids(db, t.event_digest, "key")) == 2
    assert len(ids(db, t.event_count, "hour")) == 2
    assert len(ids(db, t.team_event_count, "hour")) == 4


def test_a_run_goes_with_its_attempts_and_its_io_but_the_latest_of_a_job_stays(
    db: Database,
) -> None:
    old = {"ended_at": days_ago(500), "updated_at": days_ago(500)}
    fill(
        db,
        t.run,
        {"job_id": 1, **old},
        {"job_id": 1, **old},
        {"job_id": 1, "updated_at": days_ago(500), "ended_at": days_ago(1)},
    )
    fill(db, t.job, {"id": 1, "latest_run_id": 2})
    fill(db, t.attempt, *({"run_id": run, "uuid": bytes([run])} for run in (1, 2, 3)))
    fill(db, t.run_dataset, *({"run_id": run} for run in (1, 2, 3)))
    fill(db, t.run_dependency, *({"run_id": run} for run in (1, 2, 3)))
    assert swept(db)["run"] == 1
    assert ids(db, t.run) == [2, 3]
    for table in (t.attempt, t.run_dataset, t.run_dependency):
        assert ids(db, table, "run_id") == [2, 3], table.name


def test_the_last_update_of_a_dataset_and_the_last_result_of_a_check_stay(db: Database) -> None:
    fill(db, t.dataset, {"id": 1, "last_update_at": days_ago(500)})
    fill(
        db,
        t.dataset_update,
        {"dataset_id": 1, "at": days_ago(600), "cause": 1},
        {"dataset_id": 1, "at": days_ago(500), "cause": 2},
    )
    same = {"dataset_id": 1, "name": "not_null", "column_name": "", "partition_key": ""}
    fill(
        db,
        t.check_result,
        {**same, "at": days_ago(600), "run_id": 1},
        {**same, "at": days_ago(500), "run_id": 2},
    )
    swept(db)
    assert ids(db, t.dataset_update) == [2]
    assert ids(db, t.check_result) == [2]


def test_changes_are_kept_until_the_slowest_reader_has_dealt_with_them(db: Database) -> None:
    changes = [(1, 1), (1, 2), (1, 3), (2, 1)]
    fill(db, t.change, *({"writer_id": w, "seq": s, "at": days_ago(60)} for w, s in changes))
    cursors = (("evaluate", 1, 3), ("evaluate", 2, 1), ("trigger", 1, 2), ("trigger", 2, 0))
    fill(db, t.cursor, *({"reader": r, "writer_id": w, "seq": s} for r, w, s in cursors))
    with db.reading() as connection:
        planned = {each.table: each for each in plan(connection, SETTINGS, NOW)}
    assert (planned["change"].rows, planned["change"].held_back) == (2, 2)
    assert swept(db)["change"] == 2
    with db.reading() as connection:
        found = connection.execute(select(t.change.c.writer_id, t.change.c.seq)).all()
    assert sorted(tuple(row) for row in found) == [(1, 3), (2, 1)]


def test_samples_dead_letters_and_the_audit_log_go_after_their_time(db: Database) -> None:
    samples = [("a", 100), ("a", 1), ("b", 95), ("b", 2)]
    fill(db, t.backlog_sample, *(
        {"orchestrator_id": 1, "pool": pool, "at": days_ago(days)} for pool, days in samples
    ))  # fmt: skip
    fill(db, t.dead_letter, {"received_at": days_ago(31)}, {"received_at": days_ago(29)})
    fill(db, t.audit, {"at": days_ago(800)}, {"at": days_ago(700)})
    gone = swept(db)
    assert (gone["backlog_sample"], gone["dead_letter"], gone["audit"]) == (2, 1, 1)
    assert ids(db, t.dead_letter) == [2]
    assert ids(db, t.audit) == [2]


def test_how_often_a_rule_opened_goes_with_its_last_incident(db: Database) -> None:
    times = {"since": days_ago(900), "opened_at": days_ago(900), "updated_at": days_ago(900)}
    over = {"resolved_at": days_ago(899), "rule": "old", "key": "1", "subject_kind": "job", **times}
    fill(
        db,
        t.incident,
        {**over, "subject_id": 1},
        {**over, "subject_id": 2},
        {**over, "subject_id": 2, "key": "2", "resolved_at": days_ago(1)},
    )
    mine = {"rule": "old", "subject_kind": "job", "key": "", "turns": "[]"}
    fill(db, t.recurrence, *({**mine, "subject_id": number} for number in (1, 2)))
    assert swept(db)["recurrence"] == 1
    assert ids(db, t.recurrence, "subject_id") == [2]


def test_dead_letters_take_no_more_of_the_disk_than_they_may(db: Database) -> None:
    fill(db, t.dead_letter, *({"payload": b"x" * 1000} for _ in range(10)))
    swept(db, Settings(dead_letter_max_bytes=3500))
    assert ids(db, t.dead_letter) == [8, 9, 10]


def test_the_plan_is_what_the_sweep_does(db: Database) -> None:
    fill(db, t.audit, {"at": days_ago(800)}, {"at": days_ago(700)})
    with db.reading() as connection:
        planned = {each.table: each.rows for each in plan(connection, SETTINGS, NOW)}
    assert planned["audit"] == 1
    assert swept(db)["audit"] == 1


def test_nothing_is_left_to_do_the_second_time(db: Database) -> None:
    fill(db, t.audit, {"at": days_ago(800)})
    assert sum(swept(db).values()) == 1
    assert sum(swept(db).values()) == 0


@pytest.mark.parametrize("bare_database_url", ["sqlite"], indirect=True)
def test_each_step_is_short_and_a_stop_leaves_the_rest(db: Database) -> None:
    with db.writing() as connection:
        rows = [
            {"id": n, "at": LONG_AGO, "actor": "a", "action": "b", "subject": "c"}
            for n in range(30_000)
        ]
        connection.execute(insert(t.audit), rows)
    writer = Direct(db)
    left = iter([False] * 25)
    Sweep(db, writer, SETTINGS, now=NOW, stopping=lambda: next(left, True)).run()
    with db.reading() as connection:
        assert 0 < (connection.scalar(select(func.count()).select_from(t.audit)) or 0) < 30_000
    Sweep(db, writer, SETTINGS, now=NOW).run()
    assert ids(db, t.audit) == []
    assert sorted(writer.seconds)[len(writer.seconds) * 9 // 10] < 0.05


@pytest.mark.postgres
def test_weeks_that_are_over_are_dropped_whole(bare_postgres_url: str) -> None:
    db = Database(bare_postgres_url, durable=False)
    for weeks in (20, 0):
        migrate(db, now=NOW - timedelta(weeks=weeks))
    with db.reading() as connection:
        assert len(existing(connection, "lineage_event")) == 10
    fill(db, t.lineage_event, {"received_at": days_ago(139)}, {"received_at": days_ago(1)})
    swept(db)
    with db.reading() as connection:
        assert len(existing(connection, "lineage_event")) == 5
        assert existing(connection, "change")[0].until > NOW
    assert ids(db, t.lineage_event) == [2]
    db.close()


@pytest.mark.postgres
def test_a_week_of_changes_stays_while_a_reader_is_behind(bare_postgres_url: str) -> None:
    db = Database(bare_postgres_url, durable=False)
    for weeks in (20, 0):
        migrate(db, now=NOW - timedelta(weeks=weeks))
    fill(db, t.change, {"writer_id": 1, "seq": 5, "at": days_ago(139)})
    fill(db, t.cursor, {"reader": "evaluate", "writer_id": 1, "seq": 4})
    swept(db)
    assert ids(db, t.change, "seq") == [5]
    with db.writing() as connection:
        connection.execute(text("UPDATE cursor SET seq = 5"))
    swept(db)
    assert ids(db, t.change, "seq") == []
    db.close()


@pytest.mark.postgres
def test_a_week_that_somebody_reads_is_dropped_next_time(bare_postgres_url: str) -> None:
    db = Database(bare_postgres_url, durable=False)
    for weeks in (20, 0):
        migrate(db, now=NOW - timedelta(weeks=weeks))
    with db.reading() as connection:
        connection.execute(text("SELECT count(*) FROM lineage_event"))
        swept(db)
        assert len(existing(connection, "lineage_event")) == 10
    swept(db)
    with db.reading() as connection:
        assert len(existing(connection, "lineage_event")) == 5
    db.close()
