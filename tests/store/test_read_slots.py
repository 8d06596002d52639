"""The slots of a job, each with the run that answered it, or none."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from hub.errors import BadInput
from hub.store import tables as t
from hub.store.db import Database
from hub.store.slots import SlotsView, slots_of
from tests.support.build import EVERYBODY, Build, at

KNOWN_TO = 5  # the watermark that Build.observe puts


class World:
    """A minutely job of an orchestrator, known from minute 0 to `KNOWN_TO`."""

    def __init__(self, db: Database, cron: str = "* * * * *") -> None:
        self._db = db
        with db.writing() as connection:
            build = Build(connection)
            orchestrator = build.orchestrator()
            self.job = build.job("dag", orchestrator_id=orchestrator)
            build.schedule(self.job, cron)
            build.observe(orchestrator)
            self._build = build

    def run(self, minute: float, **values: Any) -> None:
        with self._db.writing() as connection:
            self._build.connection = connection
            self._build.run(self.job, start=minute, end=minute + 0.1, **values)

    def slots(self, begin: float = 0, end: float = 60, now: float = 60) -> SlotsView:
        with self._db.reading() as connection:
            return slots_of(connection, EVERYBODY, self.job, at(begin), at(end), at(now))


def answered(found: SlotsView) -> dict[Any, Any]:
    return {slot.due_at: slot.run and slot.run.started_at for slot in found.slots}


def test_a_slot_without_a_run_is_told_up_to_the_watermark(db: Database) -> None:
    world = World(db)
    for minute in (1.05, 2.05, 4.05):
        world.run(minute)
    found = world.slots()
    assert answered(found) == {
        at(1): at(1.05),
        at(2): at(2.05),
        at(3): None,
        at(4): at(4.05),
        at(5): None,
    }
    assert (found.expected_from, found.known_to) == (at(0), at(KNOWN_TO))


def test_a_run_is_found_by_the_time_it_is_called_by_however_late_it_came(db: Database) -> None:
    world = World(db)
    world.run(30, nominal_start=at(3), natural_id="scheduled__3")
    assert answered(world.slots(2, 4)) == {at(3): at(30), at(4): None}


def test_what_people_start_hides_no_missing_run(db: Database) -> None:
    world = World(db)
    world.run(1.05, natural_id="scheduled__1", nominal_start=at(1))
    world.run(1.5, natural_id="manual__1")
    assert list(answered(world.slots(0, 2)).values()) == [at(1.05), None]


def test_a_paused_job_is_to_run_at_no_time(db: Database) -> None:
    world = World(db)
    with db.writing() as connection:
        connection.execute(update(t.schedule).values(paused=True))
    found = world.slots()
    assert (found.slots, found.paused) == ([], True)


def test_nothing_is_expected_while_the_first_read_is_under_way(db: Database) -> None:
    world = World(db)
    with db.writing() as connection:
        connection.execute(t.watermark.delete())
        connection.execute(
            t.poll.insert().values(
                orchestrator="airflow",
                cursor="{}",
                next_at=at(6),
                failures=0,
                progress="1 of 9 runs",
                requests=1,
                events=1,
            )
        )
    found = world.slots()
    assert (found.slots, found.known_to) == ([], None)


def test_a_job_that_data_starts_has_no_slots(db: Database) -> None:
    world = World(db)
    with db.writing() as connection:
        connection.execute(update(t.schedule).values(kind="dataset", expression="{}"))
    assert world.slots() == SlotsView([], None, at(KNOWN_TO), None, [])


def test_more_slots_than_an_answer_holds_are_refused(db: Database) -> None:
    world = World(db, "* * * * * *")
    with db.writing() as connection:
        connection.execute(update(t.watermark).values(complete_to=at(600)))
    with pytest.raises(BadInput, match="within 1,000 slots"):
        world.slots(0, 600, 600)
