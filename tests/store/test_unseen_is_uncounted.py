"""Nobody learns the number of what he may not see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, text

from hub.model import Viewer
from hub.record import Sender
from hub.store import events, stats
from hub.store.db import Database
from hub.store.migrate import migrate
from hub.store.reading import Page
from hub.store.tables import job, lineage_event, team
from hub.store.types import from_micros
from tests.support.build import EVERYBODY
from tests.support.recording import Recording, dataset_event, micros, run_event
from tests.support.rows import fill

MEMBER, OTHER = Viewer(frozenset({"hr"})), Viewer(frozenset({"sales"}))
TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)
HOURS = [TEN, TEN + timedelta(hours=1)]
PAST, FUTURE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
OWNED = {"ownership": {"owners": [{"name": "team:hr"}]}}
HR = Sender(team="hr")


@pytest.fixture
def record(db: Database) -> Recording:
    with db.writing() as connection:
        connection.execute(insert(team).values(name="hr", private=True, created_at=TEN))
    return Recording(db)


def totals(db: Database, viewer: Viewer) -> tuple[int | None, int]:
    """What the list of events gives as its total, and the events of the hour from ten."""
    with db.reading() as connection:
        listed = events.list_run_events(connection, viewer, Page(), before=FUTURE, after=PAST)
        (counts,) = stats.events_between(connection, viewer, HOURS)
    return listed.total, sum(counts.values())


def test_events_of_a_private_team_s_jobs_are_counted_for_its_members_only(
    db: Database, record: Recording
) -> None:
    record(run_event("START", 0, job="pay"), run_event("COMPLETE", 1, job="pay"), sender=HR)
    record(run_event("START", 2, 2, job="load"))
    assert totals(db, MEMBER) == totals(db, EVERYBODY) == (3, 3)
    assert totals(db, OTHER) == (1, 1)


def test_events_count_for_the_team_that_their_batch_names(db: Database, record: Recording) -> None:
    late = run_event("COMPLETE", 1, job="pay", job_facets=OWNED)
    record(run_event("START", 0, job="pay"), late)
    assert totals(db, OTHER) == (0, 0)
    assert totals(db, MEMBER) == (2, 2)


def test_events_of_a_private_team_s_datasets_are_not_counted_for_others(
    db: Database, record: Recording
) -> None:
    record(dataset_event(0, "salaries", **OWNED), dataset_event(0, "orders"))
    assert totals(db, OTHER) == (1, 1)
    assert totals(db, MEMBER) == (2, 2)


def test_events_of_a_team_that_becomes_private_are_not_counted_for_others(
    db: Database, record: Recording
) -> None:
    record(run_event("START", 0, job="sell"), sender=Sender(team="legal"))
    assert totals(db, OTHER) == (1, 1)
    with db.writing() as connection:
        connection.execute(insert(team).values(name="legal", private=True, created_at=TEN))
    assert totals(db, OTHER) == (0, 0)


@pytest.mark.parametrize("what", ["jobs", "datasets"])
def test_what_a_private_team_owns_is_not_counted_for_others(
    db: Database, record: Recording, what: stats.Counted
) -> None:
    record(run_event("START", 0, job="pay", outputs=["salaries"]), sender=HR)
    record(run_event("START", 2, 2, job="load", outputs=["orders"]))
    with db.reading() as connection:
        assert stats.grown_to(connection, MEMBER, what, [PAST, FUTURE]) == [0, 2]
        assert stats.grown_to(connection, OTHER, what, [PAST, FUTURE]) == [0, 1]


def test_events_recorded_by_an_earlier_release_are_counted_for_their_team(
    bare_database_url: str,
) -> None:
    old = Database(bare_database_url, durable=False)
    migrate(old, to="0002")
    with old.writing() as connection:
        connection.execute(insert(team).values(name="hr", private=True, created_at=TEN))
    fill(old, job, {"id": 1, "team": "hr"})
    times = [from_micros(micros(minute)) for minute in (1, 59, 61)]
    fill(old, lineage_event, *({"job_id": 1, "event_type": "S", "event_time": t} for t in times))
    migrate(old)
    with old.reading() as connection:
        found = connection.execute(
            text("SELECT team, hour, event_type, value FROM team_event_count ORDER BY hour")
        ).all()
    old.close()
    assert [tuple(row) for row in found] == [
        ("hr", micros(0), "S", 2),
        ("hr", micros(60), "S", 1),
    ]
