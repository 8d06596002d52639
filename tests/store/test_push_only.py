"""Orchestrators that only push: no false alarm out of our own blindness (DESIGN D6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.api.hub import Hub
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import Viewer
from hub.settings import Settings
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, list_incidents
from hub.store.leases import no_fence
from hub.store.outages import breathe
from hub.store.reading import Page
from hub.store.types import to_micros
from tests.support.recording import Recording, at, emptied, observation, run_event

START = datetime(2026, 11, 23, 10, tzinfo=UTC)  # minute 0 of the events


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


class World:
    """One engine of its own with a number of jobs at every tenth minute, under a clock of its own."""

    def __init__(self, hub: Hub, jobs: int) -> None:
        self.hub, self.jobs = hub, [f"job-{n}" for n in range(jobs)]
        self.now = START
        self.record = Recording(hub.db, clock=lambda: to_micros(self.now))
        self.watch = Watch(hub.db, hub.writer, hub.book)
        self.runs = 0
        for job in self.jobs:
            self.record(*self._ran(job, 0))
            self.record(observation(every_ten_minutes(job)))
        self.look(0)

    def look(self, number: float) -> None:
        self.now = minute(number)
        while self.watch.round(self.now, no_fence):
            pass

    def until(self, end: float, *, dead: frozenset[str] = frozenset(), begin: float) -> None:
        """Runs of the living jobs at each slot; a look every minute and a quarter past."""
        for number in range(round(begin), round(end) + 1):
            self.now = minute(number)
            if number % 10 == 0:
                for job in self.jobs:
                    if job not in dead:
                        self.record(*self._ran(job, number))
            self.look(number)
            self.breathe()
            self.look(number + 0.25)

    def breathe(self) -> None:
        self.hub.writer.call(lambda connection: breathe(connection, self.now))

    def _ran(self, job: str, number: float) -> list[dict[str, Any]]:
        self.runs += 1
        return [
            run_event("START", number, self.runs, job=job),
            run_event("COMPLETE", number + 0.1, self.runs, job=job),
        ]

    def incidents(self, **wanted: Any) -> list[IncidentView]:
        with self.hub.db.reading() as connection:
            found = list_incidents(connection, Viewer(all=True), Filter(**wanted), Page(200)).items
        return list(reversed(found))


def every_ten_minutes(job: str) -> dict[str, Any]:
    return {
        "type": "schedule",
        "job": {"namespace": "prod", "name": job},
        "schedule": {"kind": "cron", "expression": "*/10 * * * *"},
        "observed_at": at(0),
    }


@pytest.fixture
def hub(database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=database_url)) as hub:
        hub.writer.call(emptied)
        hub.writer.call(lambda c: c.execute(text("DELETE FROM meta WHERE key = 'alive_at'")))
        yield hub


def everything(jobs: int) -> frozenset[str]:
    return frozenset(f"job-{n}" for n in range(jobs))


def rules(found: list[IncidentView]) -> list[str]:
    return [one.rule for one in found]


def test_a_dead_single_job_is_missed_when_its_grace_is_over(hub: Hub) -> None:
    world = World(hub, jobs=1)
    world.until(22, dead=everything(1), begin=1)
    (first,) = world.incidents()
    assert (first.rule, first.since) == ("missed-schedule", minute(10))


def test_one_dead_job_among_living_ones_is_missed_within_seconds_of_its_grace(hub: Hub) -> None:
    world = World(hub, jobs=6)
    world.until(13, dead=frozenset({"job-2"}), begin=1)
    (one,) = world.incidents()
    assert one.rule == "missed-schedule"
    assert one.job is not None
    assert one.job.name == "job-2"
    assert one.opened_at - minute(12.5) < timedelta(minutes=1)


def test_an_engine_that_dies_is_one_incident_and_none_of_its_jobs_is_missed(hub: Hub) -> None:
    world = World(hub, jobs=6)
    world.until(15, begin=1)
    world.until(65, dead=everything(6), begin=16)
    (one,) = world.incidents()
    assert (one.rule, one.state) == ("orchestrator-silent", "OPEN")
    assert one.orchestrator is not None
    assert one.since < minute(20)
    assert one.opened_at < minute(26)
    world.until(90, begin=66)
    (one,) = world.incidents()
    assert (one.state, one.resolution) == ("RESOLVED", "healed")


def test_an_engine_that_dies_is_not_late_with_each_of_its_jobs(database_url: str) -> None:
    late = {"name": "late", "kind": "late_start", "settings": {"after_s": 120}}
    with writing(Settings(database_url=database_url, rules=[late])) as hub:
        hub.writer.call(emptied)
        hub.writer.call(lambda c: c.execute(text("DELETE FROM meta WHERE key = 'alive_at'")))
        world = World(hub, jobs=6)
        world.until(15, begin=1)
        world.until(29, dead=everything(6), begin=16)
        assert rules(world.incidents()) == ["orchestrator-silent"]
        world.until(44, begin=30)
        world.until(53, dead=frozenset({"job-2"}), begin=45)
        told = ["orchestrator-silent", "late", "missed-schedule"]
        assert rules(world.incidents()) == told


def test_more_than_half_of_the_jobs_dead_is_one_incident(hub: Hub) -> None:
    world = World(hub, jobs=6)
    world.until(18, dead=frozenset({"job-0", "job-1", "job-2", "job-3"}), begin=1)
    assert rules(world.incidents()) == ["orchestrator-silent"]


def test_half_of_the_jobs_dead_are_missed_each_by_itself(hub: Hub) -> None:
    world = World(hub, jobs=6)
    world.until(30, dead=frozenset({"job-0", "job-1", "job-2"}), begin=1)
    assert rules(world.incidents()) == ["missed-schedule"] * 3


def test_a_hub_that_was_away_for_an_hour_invents_nothing(hub: Hub) -> None:
    world = World(hub, jobs=6)
    world.until(25, begin=1)
    world.watch = Watch(hub.db, hub.writer, hub.book)  # a new process: away from 25 to 85
    world.look(85)
    world.until(110, begin=86)
    assert world.incidents() == []


def test_a_job_that_is_dead_after_the_hub_came_back_is_missed(hub: Hub) -> None:
    world = World(hub, jobs=6)
    world.until(25, begin=1)
    world.watch = Watch(hub.db, hub.writer, hub.book)
    world.look(85)
    world.until(105, begin=86, dead=frozenset({"job-5"}))
    assert {(one.rule, one.since) for one in world.incidents()} >= {("missed-schedule", minute(90))}
    assert minute(40) not in {one.since for one in world.incidents()}


def test_what_an_engine_pushes_late_takes_its_incident_back(hub: Hub) -> None:
    world = World(hub, jobs=1)
    world.until(14, dead=everything(1), begin=1)
    world.record(*world._ran("job-0", 10))
    world.look(14.5)
    (one,) = world.incidents()
    assert (one.state, one.resolution) == ("RESOLVED", "retracted")
