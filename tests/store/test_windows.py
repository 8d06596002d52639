"""Maintenance windows and calendars of rules: what is not told, what is told later, what always is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from hub.api.hub import Hub
from hub.evaluate.book import PACK, Book, Declared
from hub.evaluate.calendars import calendars_of
from hub.evaluate.maintenance import windows_of
from hub.evaluate.plan import Plan
from hub.evaluate.watch import Watch
from hub.main import writing
from hub.model import Viewer
from hub.settings import Settings
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, list_incidents
from hub.store.leases import no_fence
from hub.store.reading import Page
from tests.support.recording import at, emptied, incoming, observation, run_event

START = datetime(2026, 11, 23, 10, tzinfo=UTC)  # minute 0 of the events; a Monday


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def hub(module_hub: Hub) -> Iterator[Hub]:
    yield module_hub
    module_hub.writer.call(emptied)


class World:
    """A job that runs every ten minutes, of an orchestrator that tells how far it is known."""

    def __init__(self, hub: Hub, *windows: dict[str, Any], **given: Any) -> None:
        settings = Settings(maintenance=list(windows), calendars=given.pop("calendars", []))
        plan = Plan(windows=windows_of(settings))
        rules = [Declared(**given)] if given else PACK
        self.hub = hub
        self.watch = Watch(hub.db, hub.writer, Book(rules, calendars_of(settings)), plan)
        self.run(0)
        schedule = {
            "type": "schedule",
            "job": {"namespace": "prod", "name": "load"},
            "schedule": {"kind": "cron", "expression": "*/10 * * * *"},
            "observed_at": at(1),
        }
        hub.writer.record([observation(schedule)])
        self.known_to(2)

    def run(self, minute: int, end: str = "COMPLETE", **io: Any) -> None:
        for kind, when in (("START", minute), (end, minute + 1)):
            self.hub.writer.record([incoming(run_event(kind, when, minute + 1, **io))])

    def runs(self, *minutes: int) -> None:
        for minute in minutes:
            self.run(minute)

    def known_to(self, minute: float) -> None:
        with self.hub.db.reading() as connection:
            (whose,) = connection.execute(text("SELECT name FROM orchestrator")).scalars()
        mark = {"type": "watermark", "observed_at": at(minute), "complete_to": at(minute)}
        self.hub.writer.record([observation(mark, of=whose)])
        self.look(minute)

    def look(self, minute: float) -> None:
        while self.watch.round(START + timedelta(minutes=minute), no_fence):
            pass

    def each(self, *minutes: float) -> None:
        for minute in minutes:
            self.known_to(minute)

    def incidents(self, **wanted: Any) -> list[IncidentView]:
        with self.hub.db.reading() as connection:
            page = list_incidents(connection, Viewer(all=True), Filter(**wanted), Page())
        return list(reversed(page.items))

    def missed(self) -> list[int]:
        return [
            round((one.since - START) / timedelta(minutes=1))
            for one in self.incidents()
            if one.rule == "missed-schedule"
        ]


def once(begin: int, end: int, **select: str) -> dict[str, Any]:
    times = {"begin": START + timedelta(minutes=begin), "end": START + timedelta(minutes=end)}
    return {"name": "move", "select": select, **times}


def test_slots_that_are_due_within_a_window_are_never_told(hub: Hub) -> None:
    world = World(hub, once(15, 45))
    world.runs(10)
    world.each(12, 24, 33, 44, 46, 50, 54)
    assert world.missed() == [50]


def test_the_same_without_a_window_is_told(hub: Hub) -> None:
    world = World(hub)
    world.runs(10)
    world.each(12, 24, 33, 44, 46, 50, 54)
    assert world.missed() == [20, 30, 40, 50]


def test_a_slot_due_before_a_window_is_told_when_it_ends_if_it_still_has_no_run(hub: Hub) -> None:
    world = World(hub, once(21, 45))
    world.runs(10)
    world.each(20, 24, 33, 44)
    assert world.missed() == []
    world.known_to(46)
    assert world.missed() == [20]


def test_a_slot_due_before_a_window_is_not_told_if_its_run_came_within(hub: Hub) -> None:
    world = World(hub, once(21, 45))
    world.runs(10)
    world.each(20, 24)
    world.run(28)
    world.each(29, 46)
    assert world.missed() == []


def test_what_was_due_in_a_window_stays_untold_though_the_hub_looks_later(hub: Hub) -> None:
    world = World(hub, once(15, 35))
    world.runs(10)
    world.known_to(12)
    world.known_to(58)
    assert world.missed() == [40, 50]


def test_an_incident_that_was_open_before_is_resolved_within_a_window(hub: Hub) -> None:
    world = World(hub, once(25, 60))
    world.runs(10)
    world.each(12, 24)
    assert [one.state for one in world.incidents()] == ["OPEN"]
    world.run(30)
    world.known_to(32)
    assert [one.state for one in world.incidents()] == ["RESOLVED"]


def test_a_dataset_that_is_stale_still_when_the_window_ends_is_told_then(hub: Hub) -> None:
    fresh = {"name": "fresh", "kind": "freshness", "settings": {"max_lag_s": 600}}
    world = World(hub, once(5, 30, job="load"), **fresh)
    world.run(3, outputs=["mart"])
    world.each(8, 16, 29)
    assert world.incidents() == []
    world.known_to(31)
    (one,) = world.incidents()
    assert (one.rule, one.since) == ("fresh", START + timedelta(minutes=14))


def test_a_dataset_that_was_updated_within_the_window_is_not_told(hub: Hub) -> None:
    fresh = {"name": "fresh", "kind": "freshness", "settings": {"max_lag_s": 600}}
    world = World(hub, once(5, 30), **fresh)
    world.run(3, outputs=["mart"])
    world.each(8, 16)
    world.run(24, outputs=["mart"])
    world.each(26, 31)
    assert world.incidents() == []


def test_a_failure_within_a_window_is_kept_and_marked(hub: Hub) -> None:
    world = World(hub, once(15, 45))
    world.run(20, "FAIL")
    world.known_to(22)
    (one,) = world.incidents()
    assert one.rule == "failed-run"
    assert msgspec.json.decode(one.evidence)["window"] == "move"


@pytest.mark.parametrize(
    ("select", "covered"),
    [
        ({}, True),
        ({"namespace": "pro*", "job": "l*"}, True),
        ({"namespace": "test"}, False),
        ({"job": "other"}, False),
        ({"team": "sales"}, False),
        ({"orchestrator": "elsewhere"}, False),
        ({"orchestrator": "prod"}, True),
    ],
)
def test_a_window_is_of_what_it_selects(hub: Hub, select: dict[str, str], covered: bool) -> None:
    world = World(hub, once(15, 45, **select))
    world.runs(10)
    world.each(12, 24)
    assert world.missed() == ([] if covered else [20])


def test_a_window_that_comes_again_and_again_is_read_in_its_time_zone(hub: Hub) -> None:
    again = {
        "name": "weekly",
        "days": ["mon"],
        "at": "11:15",
        "duration": "PT20M",
        "timezone": "Europe/Berlin",
    }
    world = World(hub, again)
    world.runs(10)
    world.each(12, 24, 34, 44)
    assert world.missed() == [40]


CLOSED = [{"name": "closed", "days": "dates", "dates": ["2026-11-23"], "timezone": "Etc/GMT+10"}]
MISSED = {"name": "missed-schedule", "kind": "missed_schedule"}


def test_a_slot_on_a_day_that_a_rule_leaves_out_is_not_judged(hub: Hub) -> None:
    """The day begins at minute 0 and ends at 24 h, in the calendar's time zone."""
    world = World(hub, **MISSED, calendars=CLOSED, calendar={"except": "closed"})
    world.runs(10)
    world.each(12, 24, 34)
    assert world.missed() == []


def test_a_rule_that_is_about_some_days_only_judges_their_slots(hub: Hub) -> None:
    world = World(hub, **MISSED, calendars=CLOSED, calendar="closed")
    world.runs(10)
    world.each(12, 24, 34)
    assert world.missed() == [20, 30]


def test_a_failure_on_a_day_that_a_rule_leaves_out_is_told_the_day_after_if_it_still_is(
    hub: Hub,
) -> None:
    given = {"name": "failed", "kind": "failed_run"}
    world = World(hub, **given, calendars=CLOSED, calendar={"except": "closed"})
    world.run(10, "FAIL")
    world.known_to(12)
    assert world.incidents() == []
    world.look(12)
    with hub.db.reading() as connection:
        (due,) = connection.execute(text("SELECT due_at FROM expectation")).scalars()
    assert due == (START + timedelta(hours=24)).timestamp() * 1_000_000
