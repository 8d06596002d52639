"""A channel that forgets is told the same again until it is over, and nobody is called for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from hub.api.hub import Hub
from hub.errors import Unavailable
from hub.evaluate.telling import Delivering
from hub.main import writing
from hub.ports import Delivery, Health
from hub.settings import Settings
from hub.store import silences
from hub.store.delivery_views import list_deliveries
from hub.store.reading import Page
from hub.store.tables import delivery
from tests.support.recorder import WORLD
from tests.support.recording import emptied
from tests.support.telling import START, Desk, plan

MANAGER = {"name": "manager", "kind": "forgetful-recorder"}
CHAT = {"name": "chat", "kind": "keyed-recorder"}
ROUTES = [{"name": "all", "to": ["manager", "chat"], "group_wait_s": 0, "crowd": 0}]
EVERY = 300

Desks = Callable[..., Desk]


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def desk(module_hub: Hub) -> Iterator[Desks]:
    WORLD.clear()
    usual: dict[str, Any] = {"targets": [MANAGER, CHAT], "routes": ROUTES}
    yield lambda **told: Desk(module_hub.db, module_hub.writer, plan(**(usual | told)))
    module_hub.writer.call(emptied)


def told_at(it: Desk, *seconds: float) -> list[int]:
    """How often the manager had been told at each of these times."""
    found = []
    for second in seconds:
        it.at(second)
        found.append(len(it.standings("manager")))
    return found


def test_it_is_told_again_until_it_is_over_and_only_the_forgetful_one(desk: Desks) -> None:
    it = desk()
    one = it.open()
    assert told_at(it, 0, EVERY - 1, EVERY, EVERY + 1, 2 * EVERY, 9 * EVERY) == [1, 1, 2, 2, 3, 4]
    assert it.standings("chat") == ["OPEN"]
    it.resolve(one)
    assert told_at(it, 9 * EVERY + 1, 20 * EVERY) == [5, 5]
    assert it.standings("manager")[-1] == "RESOLVED"


def test_again_it_is_quiet_and_the_same_and_not_written_down(desk: Desks) -> None:
    it = desk()
    one = it.open()
    told_at(it, 0, EVERY, 2 * EVERY)
    first, *again = WORLD.places["manager"].sent
    assert first.loud
    assert [(each.loud, each.version) for each in again] == [(False, first.version)] * 2
    decided = [(what, reason) for what, reason in it.decisions(one) if what == "delivered"]
    assert len(decided) == 2  # one for each target
    with it.db.reading() as connection:
        assert not list_deliveries(connection, Page(), waiting=True).items


def test_what_is_acknowledged_or_silenced_is_told_again_as_that(desk: Desks) -> None:
    it = desk()
    one, other = it.open("1"), it.open("2", job=2, rule="overrun")
    it.at(0)
    it.acknowledge(one)
    it.writer.call(
        lambda c: silences.add_silence(
            c, {"rule": "overrun"}, START, START + timedelta(days=1), "ada", "deploy", START
        )
    )
    it.restart()
    it.at(10)
    before = len(it.standings("manager"))
    it.at(10 + EVERY)
    assert it.standings("manager")[before:] == ["ACKNOWLEDGED", "ACKNOWLEDGED"]
    for each in (one, other):
        it.resolve(each)
    it.at(20 + EVERY)
    it.at(30 + 9 * EVERY)
    assert it.standings("manager")[before + 2 :] == ["RESOLVED", "RESOLVED"]


def test_after_a_restart_it_is_told_at_once_for_nobody_knows_since_when_it_was_not(
    desk: Desks,
) -> None:
    it = desk()
    it.open()
    it.at(0)
    it.restart()
    assert told_at(it, 60, 60 + EVERY - 1, 60 + EVERY) == [2, 2, 3]


def test_one_that_sends_when_another_hub_does_too_sends_it_once(desk: Desks) -> None:
    it = desk()
    it.open()
    it.at(0)
    now, room = START + timedelta(seconds=EVERY), {"manager": 4}
    mine = Delivering(it.doing).lease(now, room, 60)
    assert [one.again for one in mine] == [True]
    assert Delivering(it.doing).lease(now, room, 60) == ()
    it.at(EVERY + 61)  # whoever held it is gone: its lease ends
    assert len(it.standings("manager")) == 2


def test_one_that_is_not_taken_is_tried_for_as_long_as_it_is_open(desk: Desks) -> None:
    it = desk()
    it.open()
    it.at(0)
    WORLD.places["manager"].fail = failing(Unavailable("no answer"))
    told_at(it, *range(EVERY, 200_000, 4000))
    (mine,) = [one for one in listed(it) if one.target == "manager"]
    assert (mine.dead, mine.delivered, mine.error) == (False, "OPEN", "no answer")
    WORLD.places["manager"].fail = lambda _: None
    assert told_at(it, 201_000, 201_000 + EVERY) == [2, 3]


def test_one_that_a_person_must_mend_comes_back_when_the_target_takes_something(
    desk: Desks,
) -> None:
    it = desk()
    it.open()
    it.at(0)
    WORLD.places["manager"].fail = failing(Unavailable("set a new token", permanent=True))
    told_at(it, EVERY, 3 * EVERY)
    WORLD.places["manager"].fail = lambda _: None
    assert told_at(it, 9 * EVERY) == [1]
    Delivering(it.doing).tested(Health(name="manager"), it.now)
    assert told_at(it, 9 * EVERY + 1, 10 * EVERY + 1) == [2, 3]


def failing(error: Exception) -> Callable[[Delivery], None]:
    def fail(_: Delivery) -> None:
        raise error

    return fail


def listed(it: Desk) -> list[Any]:
    with it.db.reading() as connection:
        return list_deliveries(connection, Page()).items


def test_what_is_new_is_told_at_its_time_not_at_that_of_the_reminder(desk: Desks) -> None:
    it = desk()
    one = it.open()
    it.at(0)
    it.acknowledge(one)
    assert told_at(it, 10, EVERY, 10 + EVERY) == [2, 2, 3]


def test_a_target_that_is_gone_is_left_alone_and_told_when_it_is_there_again(desk: Desks) -> None:
    it = desk()
    it.open()
    it.at(0)
    it.restart(plan(targets=[CHAT], routes=[ROUTES[0] | {"to": ["chat"]}]))
    it.at(10)
    (mine,) = [one for one in listed(it) if one.target == "manager"]
    assert (mine.dead, mine.next_at) == (False, None)
    with it.db.reading() as connection:
        kept = select(delivery.c.again_at).where(delivery.c.target == "manager")
        assert connection.scalar(kept) is None
    it.restart(plan(targets=[MANAGER, CHAT], routes=ROUTES))
    assert told_at(it, 5 * EVERY, 6 * EVERY) == [2, 3]
