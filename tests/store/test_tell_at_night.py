"""Quiet hours, groups and escalation together: whoever must be called is called in time, nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from hub.api.hub import Hub
from hub.main import writing
from hub.model import Transition
from hub.settings import Settings
from tests.support.recorder import WORLD
from tests.support.recording import emptied
from tests.support.telling import START, Desk, plan

CHAT = {"name": "chat", "kind": "keyed-recorder"}
BOSS = {"name": "boss", "kind": "keyed-recorder", "team": "nobody"}
#: For an hour from now on, of all but what is critical.
QUIET = [
    {"from": f"{START:%H:%M}", "to": f"{START + timedelta(hours=1):%H:%M}", "below": "critical"}
]
HOUR = 3600

Desks = Callable[..., Desk]


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def desk(module_hub: Hub) -> Iterator[Desks]:
    WORLD.clear()

    def made(**route: Any) -> Desk:
        told = {"name": "all", "to": ["chat"], "group_wait_s": 0, "crowd": 0} | route
        return Desk(module_hub.db, module_hub.writer, plan(targets=[CHAT, BOSS], routes=[told]))

    yield made
    module_hub.writer.call(emptied)


def test_what_waits_for_the_morning_is_told_at_once_when_it_becomes_critical(desk: Desks) -> None:
    it = desk(quiet=QUIET)
    one = it.open(severity="warning")
    it.at(1)
    it.move(one, Transition.ESCALATED, severity="critical")
    it.at(600)
    assert it.standings() == ["OPEN"]


def test_a_critical_one_that_joins_a_group_that_waits_for_the_morning_is_told_at_once(
    desk: Desks,
) -> None:
    it = desk(quiet=QUIET, group_by=["rule"])
    it.open("1", severity="warning")
    it.at(1)
    assert it.sent() == []
    it.open("2", severity="critical", job=2)
    it.at(600)
    assert it.standings() == ["OPEN"]


def test_what_opens_again_at_night_calls_nobody_until_the_morning(desk: Desks) -> None:
    it = desk(quiet=[QUIET[0] | {"from": f"{START + timedelta(minutes=10):%H:%M}"}])
    one = it.open(severity="warning")
    it.at(0)
    it.resolve(one)
    it.at(60)
    it.reopen(one)
    it.at(900)
    assert it.standings() == ["OPEN", "RESOLVED"]
    it.at(HOUR + 1)
    assert it.standings() == ["OPEN", "RESOLVED", "OPEN"]
    assert WORLD.places["chat"].sent[-1].loud


def test_what_opens_again_at_night_and_heals_is_not_told_again(desk: Desks) -> None:
    it = desk(quiet=[QUIET[0] | {"from": f"{START + timedelta(minutes=10):%H:%M}"}])
    one = it.open(severity="warning")
    it.at(0)
    it.resolve(one)
    it.at(60)
    it.reopen(one)
    it.at(900)
    it.resolve(one)
    it.at(1000)
    it.at(HOUR + 1)
    assert it.standings() == ["OPEN", "RESOLVED"]


def test_a_group_that_grows_does_not_put_off_its_escalation(desk: Desks) -> None:
    it = desk(group_by=["rule"], group_interval_s=HOUR, escalate=[{"after_s": 300, "to": ["boss"]}])
    it.open("1")
    it.at(0)
    it.open("2", job=2)
    it.at(10)
    it.at(299)
    assert it.sent("boss") == []
    it.at(301)
    assert it.standings("boss") == ["OPEN"]
