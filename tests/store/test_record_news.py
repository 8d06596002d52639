"""When a job, dataset or run was heard of last: to a second, for its rows are written for that alone."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from hub.store.db import Database
from tests.support.recording import START, Recording, run_event

SECOND = 1_000_000


class Clock:
    """Stands until it is put on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(db: Database, clock: Clock) -> Recording:
    made = Recording(db, clock=clock)
    made(run_event("START", 0, outputs=["orders"]))
    return made


def heard_at(record: Recording, table: str) -> int:
    (updated_at,) = record.one(f"SELECT updated_at FROM {table}")
    return int(updated_at) - START


@pytest.mark.parametrize("table", ["job", "dataset", "run"])
def test_what_is_named_again_within_a_second_stays_where_it_was(
    record: Recording, clock: Clock, table: str
) -> None:
    clock.now += SECOND - 1
    record(run_event("RUNNING", 1, outputs=["orders"]))
    assert heard_at(record, table) == 0


@pytest.mark.parametrize("table", ["job", "dataset", "run"])
def test_what_is_named_a_second_later_has_news(record: Recording, clock: Clock, table: str) -> None:
    clock.now += SECOND
    record(run_event("RUNNING", 1, outputs=["orders"]))
    assert heard_at(record, table) == SECOND


@pytest.mark.parametrize("table", ["job", "dataset"])
def test_what_was_hidden_has_news_at_once(record: Recording, clock: Clock, table: str) -> None:
    with record.db.writing() as connection:
        connection.execute(text(f"UPDATE {table} SET hidden = true"))
    record.recorder.changed_elsewhere()
    clock.now += 1
    record(run_event("RUNNING", 1, outputs=["orders"]))
    assert record.one(f"SELECT hidden, updated_at FROM {table}") == (False, START + 1)


def test_a_run_within_the_second_still_becomes_the_latest_of_its_job(
    record: Recording, clock: Clock
) -> None:
    clock.now += 1
    record(run_event("START", 5, 2))
    runs = record.one("SELECT natural_id FROM run JOIN job ON job.latest_run_id = run.id")
    assert runs == record.one("SELECT natural_id FROM run ORDER BY sort_at DESC LIMIT 1")
