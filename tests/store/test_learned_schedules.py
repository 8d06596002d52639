"""Schedules that nobody declares are learned by the hub itself, from the runs that it records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from hub.api.hub import Hub
from hub.evaluate.book import PACK, Book
from hub.evaluate.learner import PER_ROUND
from hub.evaluate.plan import Plan
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import Viewer
from hub.schedules.spans import Origin
from hub.settings import Settings
from hub.store.hub_schedules import HubSchedule, of_origin
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, list_incidents
from hub.store.leases import no_fence
from hub.store.reading import Page
from hub.store.tables import job, orchestrator
from hub.store.types import to_micros
from tests.support.recording import emptied, incoming, observation, part_of, run_event
from tests.support.starts import IRREGULAR, KINDS, ZONE, history, same, some

MAY = datetime(2026, 5, 1, 6, 0, 3, tzinfo=UTC)
DAY = timedelta(days=1)
MISSED = [rule for rule in PACK if rule.kind == "missed_schedule"]


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    yield module_hub
    module_hub.writer.call(emptied)


class World:
    """A hub whose rounds are those of the test."""

    def __init__(self, hub: Hub, *, rules: bool = True) -> None:
        self.hub = hub
        self.watch = Watch(hub.db, hub.writer, Book(MISSED if rules else ()), Plan(timezone=ZONE))
        self._runs = 0

    def run(self, name: str, at: datetime, **facets: Any) -> None:
        self.runs({name: at}, **facets)

    def runs(self, starts: dict[str, datetime], **facets: Any) -> None:
        """A run of each job that starts then and completes."""
        events = [event for name, at in starts.items() for event in self._run(name, at, **facets)]
        self.hub.writer.record(events)

    def _run(self, name: str, at: datetime, **facets: Any) -> Iterator[Any]:
        self._runs += 1
        for kind, when in (("START", at), ("COMPLETE", at + timedelta(seconds=1))):
            told = run_event(kind, 0, job=name, **facets)
            told["eventTime"] = when.isoformat()
            told["run"]["runId"] = str(UUID(int=(0xB << 124) | self._runs))
            yield incoming(told, heard_at=to_micros(when))

    def look(self, now: datetime, rounds: int = 2) -> None:
        for _ in range(rounds):
            self.watch.round(now, no_fence)

    def complete_to(self, at: datetime) -> None:
        """All that its orchestrator knows is here."""
        with self.hub.db.reading() as connection:
            whose = connection.scalar(select(orchestrator.c.name))
        mark = {"type": "watermark", "observed_at": at.isoformat(), "complete_to": at.isoformat()}
        self.hub.writer.record([observation(mark, of=whose)])
        self.look(at)

    def learned(self) -> dict[str, HubSchedule]:
        with self.hub.db.reading() as connection:
            names = dict(tuple(row) for row in connection.execute(select(job.c.id, job.c.name)))
            found = of_origin(connection, Origin.LEARNED)
        return {names[key]: one for key, one in found.items() if one.schedule is not None}

    def incidents(self, **wanted: Any) -> Sequence[IncidentView]:
        with self.hub.db.reading() as connection:
            found = list_incidents(connection, Viewer(all=True), Filter(**wanted), Page()).items
        return [one for one in reversed(found) if one.rule == "missed-schedule"]

    def days(self, first: int, last: int, name: str = "backup") -> None:
        """A run each day at six, judged as it comes."""
        for day in range(first, last):
            self.run(name, MAY + day * DAY)
            self.complete_to(MAY + day * DAY + timedelta(minutes=5))


def evidence(one: IncidentView) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(one.evidence)
    return found


def test_regular_jobs_are_known_within_ten_runs_and_no_irregular_one(hub: Hub) -> None:
    """At least 19 of 20 of all kinds, and none of those whose runs follow no clock."""
    random, world = Random(11), World(hub, rules=False)
    wanted = {f"{kind} {n}": some(kind, random) for kind in KINDS for n in range(12)}
    told = {name: history(schedule, 10, random) for name, schedule in wanted.items()}
    others = {
        f"{irregular.__name__} {n}": irregular(random, 40)
        for irregular in IRREGULAR
        for n in range(6)
    }
    rounds = (len(told) + len(others)) // PER_ROUND + 1
    known: dict[str, HubSchedule] = {}
    for count in range(40):
        if count < 10:
            world.runs({name: starts[count] for name, (starts, _) in told.items()})
        world.runs({name: starts[count] for name, starts in others.items()})
        if count in {5, 7, 8, 9, 13, 19, 29, 39}:
            world.look(datetime(2027, 1, 1, tzinfo=UTC) + count * DAY, rounds)
        if count == 9:
            known = world.learned()
    right = [
        name
        for name, one in known.items()
        if name in wanted and one.schedule and same(one.schedule, wanted[name], told[name][1])
    ]
    assert len(right) >= 0.95 * len(wanted), sorted(wanted.keys() - set(right))
    assert not world.learned().keys() & others.keys()


def test_a_job_that_somebody_declares_is_not_learned_of(hub: Hub) -> None:
    world = World(hub)
    schedule = {
        "type": "schedule",
        "job": {"namespace": "prod", "name": "backup"},
        "schedule": {"kind": "manual"},
        "observed_at": MAY.isoformat(),
    }
    world.run("backup", MAY - DAY)
    hub.writer.record([observation(schedule)])
    for day in range(12):
        world.run("backup", MAY + day * DAY)
        world.look(MAY + day * DAY)
    assert world.learned() == {}


def test_a_task_within_a_dag_is_not_learned_of(hub: Hub) -> None:
    world = World(hub)
    for day in range(12):
        world.run("etl", MAY + day * DAY + timedelta(hours=day % 5, minutes=7 * day))
        world.run("etl.load", MAY + day * DAY, run_facets=part_of(1))
        world.look(MAY + day * DAY)
    assert world.learned() == {}


def test_a_slot_of_a_learned_schedule_is_missed_later_and_says_from_what_it_is_known(
    hub: Hub,
) -> None:
    world = World(hub)
    world.days(0, 8)
    habit = world.learned()["backup"].habit
    assert habit
    assert habit.runs == 6
    world.complete_to(MAY + 8 * DAY + timedelta(minutes=30))
    assert world.incidents() == []
    world.complete_to(MAY + 8 * DAY + timedelta(hours=2))
    (one,) = world.incidents(open=True)
    assert "no run for the slot of 2026-05-09 06:00 UTC" in one.reason
    assert "learned from 6 runs" in one.reason
    told = evidence(one)
    assert (told["learned"], told["runs"]) == (True, 6)
    assert "6 of 6 runs" in told["learnedFrom"]


def test_a_job_that_stopped_is_one_incident_however_long(hub: Hub) -> None:
    world = World(hub)
    world.days(0, 8)
    for day in range(8, 20):
        world.complete_to(MAY + day * DAY + timedelta(hours=5))
    (one,) = world.incidents()
    assert (one.state, evidence(one)["inARow"]) == ("OPEN", 3)
    world.days(20, 21)
    (one,) = world.incidents()
    assert (one.state, one.resolution) == ("RESOLVED", "healed")


def test_a_job_that_is_regular_no_more_makes_no_stream_of_incidents(hub: Hub) -> None:
    world, random = World(hub), Random(5)
    world.days(0, 20)
    for day in range(20, 60):
        at = MAY + day * DAY + timedelta(hours=random.uniform(1, 20))
        world.complete_to(at)
        if random.random() < 0.7:
            world.run("backup", at)
        world.complete_to(at + timedelta(minutes=1))
    assert world.learned() == {}
    assert len(world.incidents()) <= 4
    assert world.incidents(open=True) == []


def test_a_job_that_moves_to_another_time_is_learned_anew(hub: Hub) -> None:
    world = World(hub)
    world.days(0, 20)
    before = world.learned()["backup"].schedule
    for day in range(20, 40):
        world.run("backup", MAY + day * DAY + timedelta(hours=9))
        world.complete_to(MAY + day * DAY + timedelta(hours=10))
    after = world.learned()["backup"].schedule
    assert before
    assert after
    assert (before.expression, after.expression) == ("0 8 * * *", "0 17 * * *")
    assert world.incidents(open=True) == []


def test_what_is_declared_later_takes_the_place_of_what_was_learned(hub: Hub) -> None:
    world = World(hub)
    world.days(0, 8)
    schedule = {
        "type": "schedule",
        "job": {"namespace": "prod", "name": "backup"},
        "schedule": {"kind": "cron", "expression": "0 12 * * *"},
        "observed_at": (MAY + 8 * DAY - timedelta(hours=1)).isoformat(),
    }
    hub.writer.record([observation(schedule)])
    world.complete_to(MAY + 8 * DAY - timedelta(minutes=30))
    world.complete_to(MAY + 8 * DAY + timedelta(hours=5))
    assert world.incidents() == []
    world.complete_to(MAY + 8 * DAY + timedelta(hours=7))
    (one,) = world.incidents()
    assert "12:00 UTC" in one.reason
    assert "learned" not in evidence(one)


def test_a_nightly_job_of_an_engine_that_only_pushes_is_missed_when_it_stops(hub: Hub) -> None:
    world = World(hub)
    for day in range(8):
        at = MAY + day * DAY
        world.run("backup", at)
        for minute in (1, 60, 300):
            world.look(at + timedelta(minutes=minute))
    for minute in range(60, 200, 5):
        world.look(MAY + 8 * DAY + timedelta(minutes=minute - 60), rounds=1)
    (one,) = world.incidents()
    assert (one.state, evidence(one)["learned"]) == ("OPEN", True)
