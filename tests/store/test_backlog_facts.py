"""What is usual for a queue is what waited at this time of day on the days before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hub.store import orchestrator_facts as facts
from hub.store import tables as t
from hub.store.db import Database
from hub.store.migrate import migrate
from tests.support.rows import fill

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, durable=False)
    migrate(database, now=NOW)
    yield database
    database.close()


def test_a_queue_is_seen_with_its_latest_samples_and_the_peaks_of_the_days_before(
    db: Database,
) -> None:
    mine = {"orchestrator_id": 1, "pool": "etl"}
    fill(
        db,
        t.backlog_sample,
        *({**mine, "at": NOW - timedelta(minutes=n), "queued": n} for n in range(40)),
        {**mine, "at": NOW - timedelta(days=1, minutes=30), "queued": 70},
        {**mine, "at": NOW - timedelta(days=1, minutes=-40), "queued": 60},
        {**mine, "at": NOW - timedelta(days=1, hours=2), "queued": 900},
        {**mine, "at": NOW - timedelta(days=3), "queued": 50},
        {**mine, "pool": "old", "at": NOW - timedelta(hours=1), "queued": 9},
        {**mine, "pool": "small", "at": NOW, "queued": 1},
        {"orchestrator_id": 2, "pool": "other", "at": NOW, "queued": 9},
    )
    with db.reading() as connection:
        seen = facts.backlog(connection, 1, NOW + timedelta(minutes=1))
    assert sorted(seen) == ["etl", "small"]
    assert [one.queued for one in seen["etl"].samples] == list(range(29, -1, -1))
    assert (seen["etl"].peaks, seen["small"].peaks) == ([70, 50], [])
