"""Schedules of trackside.yaml: on the jobs there are and on new ones, before all others, until taken out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.api.hub import Hub
from hub.evaluate.plan import plan_of
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import Viewer
from hub.settings import Settings
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, list_incidents
from hub.store.leases import no_fence
from hub.store.reading import Page
from hub.store.schedules import ScheduleView, list_schedules
from hub.store.upcoming import Asked, list_upcoming
from tests.support.recording import at, emptied, incoming, observation, run_event

ALL = Viewer(all=True)
START = datetime(2026, 11, 23, 10, tzinfo=UTC)  # minute 0 of the events; a Monday
TENTHS = {"select": {"namespace": "prod", "name": "lo*"}, "cron": "*/10 * * * *"}


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    yield module_hub
    module_hub.writer.call(emptied)


class World:
    """A hub that may start anew with another file."""

    def __init__(self, hub: Hub, *schedules: dict[str, Any]) -> None:
        self.hub = hub
        self.start(*schedules)

    def start(self, *schedules: dict[str, Any], **more: Any) -> None:
        plan = plan_of(Settings(schedules=list(schedules), **more))
        self.watch = Watch(self.hub.db, self.hub.writer, self.hub.book, plan)

    def run(self, minute: int, job: str = "load") -> None:
        for kind, when in (("START", minute), ("COMPLETE", minute + 1)):
            self.hub.writer.record([incoming(run_event(kind, when, minute + 1, job=job))])

    def declare(self, minute: float, cron: str) -> None:
        schedule = {
            "type": "schedule",
            "job": {"namespace": "prod", "name": "load"},
            "schedule": {"kind": "cron", "expression": cron},
            "observed_at": at(minute),
        }
        self.hub.writer.record([observation(schedule)])

    def known_to(self, *minutes: float) -> None:
        for minute in minutes:
            with self.hub.db.reading() as connection:
                (whose,) = connection.execute(text("SELECT name FROM orchestrator")).scalars()
            mark = {"type": "watermark", "observed_at": at(minute), "complete_to": at(minute)}
            self.hub.writer.record([observation(mark, of=whose)])
            while self.watch.round(START + timedelta(minutes=minute), no_fence):
                pass

    def incidents(self) -> list[IncidentView]:
        with self.hub.db.reading() as connection:
            return list(reversed(list_incidents(connection, ALL, Filter(), Page()).items))

    def missed(self) -> list[int]:
        return [round((one.since - START) / timedelta(minutes=1)) for one in self.incidents()]

    def schedules(self) -> list[ScheduleView]:
        with self.hub.db.reading() as connection:
            return list_schedules(connection, ALL, Page()).items


def test_a_job_that_comes_later_has_its_schedule_and_is_missed(hub: Hub) -> None:
    world = World(hub, TENTHS)
    world.run(0)
    world.known_to(2)
    (one,) = world.schedules()
    assert (one.origin, one.expression, one.job.name) == ("file", "*/10 * * * *", "load")
    world.run(10)
    world.known_to(12, 24)
    assert world.missed() == [20]


def test_a_job_that_is_there_has_it_from_the_start_of_the_hub_on(hub: Hub) -> None:
    world = World(hub)
    world.run(0)
    world.known_to(2, 24)
    world.start(TENTHS)
    world.known_to(25, 34)
    assert world.missed() == [30]


def test_the_file_goes_before_what_is_declared_and_that_holds_again_afterwards(hub: Hub) -> None:
    world = World(hub)
    world.run(0)
    world.declare(1, "5 * * * *")
    world.known_to(2)
    world.start(TENTHS)
    world.known_to(3)
    world.declare(4, "6 * * * *")
    world.known_to(9, 14)
    assert world.missed() == [10]
    assert [one.origin for one in world.schedules()] == ["file"]
    world.start()
    world.known_to(15, 34)
    assert [(one.origin, one.expression) for one in world.schedules()] == [
        ("observation", "6 * * * *")
    ]
    world.known_to(60, 74, 80)
    assert world.missed() == [10, 66]


def test_a_start_with_the_same_file_changes_nothing(hub: Hub) -> None:
    world = World(hub, TENTHS)
    world.run(0)
    world.known_to(2)
    before = world.schedules()
    world.start(TENTHS)
    world.known_to(5)
    assert world.schedules() == before


def test_what_was_due_while_the_hub_was_down_is_judged_by_the_file_before(hub: Hub) -> None:
    world = World(hub, TENTHS)
    world.run(0)
    world.known_to(2)
    world.start(TENTHS | {"cron": "*/15 * * * *"})
    world.known_to(41)
    assert world.missed() == [10, 20, 30]
    world.known_to(62)
    assert world.missed() == [10, 20, 30, 40, 45]


def test_an_incident_of_a_schedule_that_is_taken_out_is_over(hub: Hub) -> None:
    world = World(hub, TENTHS)
    world.run(0)
    world.known_to(2, 14)
    assert [one.state for one in world.incidents()] == ["OPEN"]
    world.start()
    world.known_to(15)
    assert [one.state for one in world.incidents()] == ["RESOLVED"]
    assert world.schedules() == []


def test_a_paused_one_demands_nothing(hub: Hub) -> None:
    world = World(hub, TENTHS | {"paused": True})
    world.run(0)
    world.known_to(2, 34)
    assert world.missed() == []


def test_on_days_that_its_calendar_leaves_out_nothing_is_missed(hub: Hub) -> None:
    world = World(hub)
    sundays = [{"name": "sundays", "days": "weekdays", "weekdays": ["sun"]}]
    world.start(TENTHS | {"calendar": "sundays"}, calendars=sundays)
    world.run(0)
    world.known_to(2, 34)
    assert world.missed() == []
    assert [one.calendar for one in world.schedules()] == ["only sundays"]


def upcoming(world: World, limit: int, **asked: Any) -> list[tuple[str, int]]:
    """All pages: job and minute."""
    found: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        with world.hub.db.reading() as connection:
            wanted = Asked(START + timedelta(minutes=60), START + timedelta(minutes=91), **asked)
            page = list_upcoming(connection, ALL, wanted, Page(limit, after=cursor))
        found += [(s.job.name, round((s.due_at - START).total_seconds() / 60)) for s in page.items]
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_upcoming_slots_are_told_job_by_job_on_pages_of_any_size(hub: Hub, limit: int) -> None:
    other = {"select": {"namespace": "prod", "name": "other"}, "cron": "*/30 * * * *"}
    world = World(hub, TENTHS, other)
    world.run(0)
    world.run(1, "other")
    world.run(2, "plain")
    world.known_to(4)
    loads = [("load", minute) for minute in (60, 70, 80, 90)]
    others = [("other", minute) for minute in (60, 90)]
    assert upcoming(world, limit) == loads + others
    assert upcoming(world, limit, namespace="prod") == loads + others
    assert upcoming(world, limit, namespace="test") == []
    assert upcoming(world, limit, team="sales") == []
