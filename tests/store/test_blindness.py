"""What the hub can't see is not what went wrong: no alarm comes out of its own blindness (D6)."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from hub.backtest.replay import Replay
from hub.evaluate.book import PACK, Book
from hub.record import Incoming
from hub.store import history
from hub.store.db import Database
from hub.store.history import Told
from tests.support.blind import BEGIN, HOUR, MINUTE, World, in_order, polls, with_poll

HOURLY = ("5 * * * *", "20 * * * *", "50 * * * *")
TEN = BEGIN + 10 * HOUR


@pytest.fixture(autouse=True)
def never_alive(db: Database) -> None:
    """No hub was there before."""
    with db.writing() as connection:
        connection.execute(text("DELETE FROM meta WHERE key = 'alive_at'"))


def replayed(
    db: Database,
    world: World,
    *items: list[Incoming],
    down: tuple[datetime, datetime] | None = None,
) -> list[Told]:
    """All incidents; `down`: when the hub did not run."""
    told = in_order(*items)
    with Replay(db, Book(PACK), step=15 * MINUTE) as replay:
        if down is not None:
            before = [one for one in told if one.received_at < _micros(down[0])]
            replay.feed(before)
            replay.until(down[0])
            replay.down(down[1])
            told = told[len(before) :]
        replay.feed(told)
        replay.until(world.end)
    with db.reading() as connection:
        return history.told(connection)


def _micros(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def missed(told: list[Told]) -> list[tuple[str, datetime]]:
    return [(one.subject.name, one.since) for one in told if one.kind == "missed_schedule"]


def test_an_orchestrator_that_does_not_answer_for_hours_is_one_incident_and_none_of_its_jobs(
    db: Database,
) -> None:
    world = World(HOURLY)
    asked = polls(world.begin, world.end, (TEN, TEN + 5 * HOUR))
    told = replayed(db, world, world.told(with_poll(asked)), world.marks(asked))
    assert [one.kind for one in told] == ["orchestrator_silent"]
    assert told[0].resolved_at is not None


def test_what_is_heard_of_long_after_is_judged_when_it_is_heard_of(db: Database) -> None:
    world, lag = World(HOURLY), 45 * MINUTE
    asked = polls(world.begin, world.end)
    told = world.told(with_poll(asked, behind=lag))
    assert missed(replayed(db, world, told, world.marks(asked, behind=lag))) == []


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_that_is_off_makes_no_alarm(db: Database, minutes: int) -> None:
    world = World(HOURLY, skew=minutes * MINUTE)
    asked = polls(world.begin, world.end)
    assert replayed(db, world, world.told(with_poll(asked)), world.marks(asked)) == []


def test_a_hub_that_was_down_for_an_hour_reads_what_it_missed_and_tells_nothing(
    db: Database,
) -> None:
    world, down = World(HOURLY), (TEN, TEN + HOUR)
    asked = polls(world.begin, world.end, down)
    told = world.told(with_poll(asked))
    assert replayed(db, world, told, world.marks(asked), down=down) == []


def test_what_comes_in_another_order_is_the_same(db: Database) -> None:
    """Of one poll the end of a run comes before its start, and another job's before both."""
    world, chance = World(HOURLY), random.Random(7)
    asked = polls(
        world.begin, world.end, *((TEN + n * HOUR, TEN + (n + 1) * HOUR - MINUTE) for n in range(6))
    )
    told = world.told(with_poll(asked))
    chance.shuffle(told)
    assert missed(replayed(db, world, told, world.marks(asked))) == []


NIGHTLY = ("0 2 * * *", *HOURLY)
SECOND_NIGHT = BEGIN + 26 * HOUR


def _dies(job: str, due: datetime) -> bool:
    return job == "job_0" and due == SECOND_NIGHT


@pytest.mark.parametrize("away", [timedelta(0), 4 * HOUR], ids=["all the time", "after an outage"])
def test_a_single_nightly_job_that_is_dead_is_missed(db: Database, away: timedelta) -> None:
    world = World(NIGHTLY, hours=36, dead=_dies)
    asked = polls(world.begin, world.end, (SECOND_NIGHT - HOUR, SECOND_NIGHT - HOUR + away))
    told = replayed(db, world, world.told(with_poll(asked)), world.marks(asked))
    assert missed(told) == [("job_0", SECOND_NIGHT)]
    assert {one.kind for one in told} <= {"missed_schedule", "orchestrator_silent"}


# -- those that only push: nobody hands in a watermark -----------------------------------------


TOGETHER = tuple(f"{minute} * * * *" for minute in range(6))


def soon(at: datetime) -> datetime:
    return at + timedelta(seconds=2)


@pytest.mark.parametrize("lost", [False, True], ids=["sent again", "lost"])
def test_what_was_pushed_while_the_hub_was_down_was_not_missed(db: Database, *, lost: bool) -> None:
    world, down = World(HOURLY), (TEN, TEN + HOUR)

    def heard(at: datetime) -> datetime | None:
        if down[0] <= at < down[1]:
            return None if lost else down[1]
        return soon(at)

    assert missed(replayed(db, world, world.told(heard), down=down)) == []


def test_what_is_pushed_late_and_in_another_order_was_not_missed(db: Database) -> None:
    world, chance = World(HOURLY), random.Random(7)
    told = world.told(lambda at: at + chance.uniform(0, 8) * MINUTE)
    assert missed(replayed(db, world, told)) == []


def test_a_single_nightly_job_of_an_engine_that_pushes_is_missed(db: Database) -> None:
    world = World(NIGHTLY, hours=36, dead=_dies)
    assert missed(replayed(db, world, world.told(soon))) == [("job_0", SECOND_NIGHT)]


def test_an_engine_that_falls_silent_is_one_incident(db: Database) -> None:
    silent = (TEN, TEN + 3 * HOUR)
    world = World(TOGETHER, dead=lambda _, due: silent[0] <= due < silent[1])
    told = replayed(db, world, world.told(soon))
    assert [one.kind for one in told] == ["orchestrator_silent"]
