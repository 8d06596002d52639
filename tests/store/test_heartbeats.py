"""Heartbeats under a clock of their own: what is late, missed or failed is an incident as ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from hub.api.hub import Hub
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import EntityName, Schedule, Viewer
from hub.record import Incoming
from hub.record.heartbeats import schedule_of
from hub.record.incoming import IncomingPing, PingKind
from hub.settings import Settings
from hub.store import heartbeats as store
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, list_incidents
from hub.store.leases import no_fence
from hub.store.outages import breathe
from hub.store.reading import Page
from hub.store.types import to_micros
from tests.support.recording import Recording, emptied

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
JOB = EntityName("web1", "backup")


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


class World:
    """One heartbeat, pings and looks at it."""

    def __init__(self, hub: Hub, schedule: Schedule) -> None:
        self.hub, self.now = hub, START
        self.record = Recording(hub.db, clock=lambda: to_micros(self.now))
        self.watch = Watch(hub.db, hub.writer, hub.book)
        wanted = store.Wanted(job=JOB, slug="backup", digest=b"d", schedule=schedule)
        owner = store.Owner("ann")
        self.one = hub.writer.call(lambda c: store.add_heartbeat(c, wanted, owner, START))
        self.record(schedule_of(self.one, schedule, START, to_micros(START)))
        self.look(0)

    def ping(self, number: float, word: str = "success", log: str = "") -> None:
        self.now = minute(number)
        ping: Incoming = IncomingPing(
            heartbeat=self.one.id, kind=PingKind(word), received_at=to_micros(self.now), log=log
        )
        self.record(ping)

    def look(self, number: float) -> None:
        self.now = minute(number)
        self.hub.writer.call(lambda connection: breathe(connection, self.now))
        while self.watch.round(self.now, no_fence):
            pass

    def pass_until(self, end: int, *, begin: int) -> None:
        for number in range(begin, end + 1):
            self.look(number)

    def incidents(self) -> list[IncidentView]:
        with self.hub.db.reading() as connection:
            found = list_incidents(connection, Viewer(all=True), Filter(), Page(200)).items
        return list(reversed(found))


@pytest.fixture
def hub(database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=database_url)) as hub:
        hub.writer.call(emptied)
        hub.writer.call(lambda c: c.execute(text("DELETE FROM meta WHERE key = 'alive_at'")))
        yield hub


def test_a_ping_that_does_not_come_is_missed_after_the_grace_that_was_told(hub: Hub) -> None:
    world = World(hub, Schedule("cron", "0 * * * *", grace_s=1200))
    world.ping(1)
    world.pass_until(79, begin=2)
    assert world.incidents() == []
    world.pass_until(81, begin=80)
    (missed,) = world.incidents()
    assert (missed.rule, missed.since, missed.state) == ("missed-schedule", minute(60), "OPEN")
    world.ping(90)
    world.look(91)
    (missed,) = world.incidents()
    assert (missed.state, missed.resolution) == ("RESOLVED", "healed")


def test_a_job_that_pings_a_period_after_its_last_run_is_never_missed(hub: Hub) -> None:
    """It drifts by a minute each time, so that no fixed grid would fit."""
    world = World(hub, Schedule("interval", "PT600S", grace_s=120))
    for number in range(1, 40):
        world.ping(number * 11)
        world.pass_until(number * 11 + 10, begin=number * 11)
    assert world.incidents() == []


def test_a_period_that_passes_without_a_ping_is_missed(hub: Hub) -> None:
    world = World(hub, Schedule("interval", "PT600S", grace_s=120))
    world.ping(7)
    world.pass_until(18, begin=7)
    assert world.incidents() == []
    world.pass_until(21, begin=19)
    (missed,) = world.incidents()
    assert (missed.rule, missed.since) == ("missed-schedule", minute(17))


def test_a_ping_that_tells_a_failure_opens_the_incident_of_a_failed_run(hub: Hub) -> None:
    world = World(hub, Schedule("cron", "0 * * * *"))
    world.ping(1, "start")
    world.ping(3, "fail", log="disk full")
    world.look(4)
    (failed,) = world.incidents()
    assert failed.rule == "failed-run"
    assert "disk full" in failed.reason


def test_one_that_has_never_pinged_is_not_missed_and_from_its_first_ping_on_it_is(
    hub: Hub,
) -> None:
    world = World(hub, Schedule("interval", "PT600S", grace_s=120))
    world.pass_until(30, begin=1)
    assert world.incidents() == []
    world.ping(31)
    world.pass_until(44, begin=31)
    (missed,) = world.incidents()
    assert missed.since == minute(41)
