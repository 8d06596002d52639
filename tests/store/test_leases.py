"""A lease is held by one replica, and a holder that was paused can't commit after it passed on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hub.store.db import Database
from hub.store.leases import Held, LeaseLostError, clock, fence, forsaken, is_free, release, take
from hub.store.migrate import migrate

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOLD = timedelta(seconds=30)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, durable=False)
    migrate(database)
    yield database
    database.close()


def taken(db: Database, owner: str, now: datetime) -> Held | None:
    with db.writing() as connection:
        return take(connection, "retention", owner, now=now, hold=HOLD)


def test_only_one_owner_holds_a_lease(db: Database) -> None:
    first = taken(db, "a", NOW)
    assert first is not None
    assert first.epoch == 1
    assert taken(db, "b", NOW + HOLD / 2) is None
    with db.reading() as connection:
        assert not is_free(connection, "retention", "b", now=NOW + HOLD / 2)
        assert is_free(connection, "retention", "b", now=NOW + HOLD)
        assert is_free(connection, "retention", "a", now=NOW)


def test_prolonging_keeps_the_epoch_and_taking_over_raises_it(db: Database) -> None:
    assert taken(db, "a", NOW) == Held("retention", "a", 1, NOW + HOLD)
    assert taken(db, "a", NOW + HOLD / 2) == Held("retention", "a", 1, NOW + HOLD * 3 / 2)
    assert taken(db, "b", NOW + HOLD * 2) == Held("retention", "b", 2, NOW + HOLD * 3)


def test_a_holder_that_let_its_lease_run_out_gets_another_epoch(db: Database) -> None:
    taken(db, "a", NOW)
    again = taken(db, "a", NOW + HOLD * 2)
    assert again is not None
    assert again.epoch == 2


def test_the_fence_stops_whoever_was_paused_while_it_passed_on(db: Database) -> None:
    paused = taken(db, "a", NOW)
    assert paused is not None
    with db.writing() as connection:
        fence(connection, paused)
    taken(db, "b", NOW + HOLD)
    with pytest.raises(LeaseLostError, match="retention"), db.writing() as connection:
        fence(connection, paused)


def test_a_lease_given_back_is_free_at_once(db: Database) -> None:
    held = taken(db, "a", NOW)
    assert held is not None
    with db.writing() as connection:
        release(connection, held, now=NOW)
    assert taken(db, "b", NOW) is not None


def test_a_lease_that_nobody_holds_is_found(db: Database) -> None:
    taken(db, "a", NOW)
    with db.reading() as connection:
        assert forsaken(connection, now=NOW + HOLD / 2) == set()
        assert forsaken(connection, now=NOW + HOLD) == {"retention"}


def test_a_lease_that_passed_on_can_not_be_given_back(db: Database) -> None:
    old = taken(db, "a", NOW)
    assert old is not None
    taken(db, "b", NOW + HOLD)
    with db.writing() as connection:
        release(connection, old, now=NOW + HOLD)
    assert taken(db, "a", NOW + HOLD) is None


def test_the_clock_is_the_servers(db: Database) -> None:
    with db.reading() as connection:
        assert abs(clock(connection) - datetime.now(UTC)) < timedelta(seconds=5)
