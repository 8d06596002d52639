"""A digest tells once in each period what has happened, whoever was killed or runs beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from hub.api.hub import Hub
from hub.main import writing
from hub.model import Viewer
from hub.ports import Due, Message, Posted
from hub.settings import Settings
from hub.store import digests, holds
from hub.store.access import put_team
from hub.store.delivery_views import list_deliveries
from hub.store.reading import Page
from tests.support.recorder import WORLD
from tests.support.recording import emptied
from tests.support.telling import START, Desk, plan

TARGETS = [{"name": "chat", "kind": "keyed-recorder"}, {"name": "mail", "kind": "digest-recorder"}]
NOBODY = [{"name": "nobody", "to": []}]
DAY = 86_400
AT_NOON = {"at": "12:00", "to": "mail"}  # two hours after START
NOON = 7200

Desks = Callable[..., Desk]


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def desk(module_hub: Hub) -> Iterator[Desks]:
    WORLD.clear()
    usual: dict[str, Any] = {
        "targets": TARGETS,
        "routes": NOBODY,
        "digests": {"sales": AT_NOON},
    }
    yield lambda **told: Desk(module_hub.db, module_hub.writer, plan(**(usual | told)))
    module_hub.writer.call(emptied)
    module_hub.writer.call(holds.confirm)


def messages() -> list[Message]:
    return [one.message for one in WORLD.places["mail"].sent]


def said(message: Message) -> dict[str, list[str]]:
    return {block.label: list(block.lines) for block in message.blocks}


def test_a_team_is_told_once_a_day_what_happened(desk: Desks) -> None:
    it = desk()
    it.at(0)
    healed = it.open("1", team="sales", job=1)
    it.open("2", team="sales", job=2, severity="critical", rule="late-finish")
    it.open("3", team="ops", job=3)
    it.at(60)
    it.resolve(healed)
    for seconds in (NOON - 1, NOON, NOON + 1, NOON + 3600):
        it.at(seconds)
    (told,) = messages()
    assert told.title == (
        "sales, Tue 24 Nov 12:00 to Wed 25 Nov 12:00 UTC: 2 incidents opened, 1 still open"
    )
    assert said(told) == {
        "Still open": [
            "critical: late-finish: run 2 failed (for 2 h, nobody has said anything of it)"
        ],
        "Opened": ["1 critical, 1 error", "failed-run: run 1 failed"],
        "Over": ["1 healed by themselves"],
    }
    (link,) = told.links
    assert link.url == "https://hub.example/incidents?open=true&team=sales"


def test_the_next_one_tells_of_the_next_day_alone(desk: Desks) -> None:
    it = desk()
    it.at(0)
    one = it.open("1", team="sales")
    it.at(NOON)
    it.resolve(one)
    it.at(NOON + DAY)
    it.at(NOON + 2 * DAY)
    first, second = messages()
    assert "1 incident opened, 1 still open" in first.title
    assert "0 incidents opened, 0 still open" not in second.title
    assert said(second) == {"Over": ["1 healed by themselves"]}


def test_an_empty_one_is_sent_only_if_somebody_wants_it(desk: Desks) -> None:
    it = desk()
    it.at(0)
    it.at(NOON)
    assert messages() == []
    it.restart(plan(targets=TARGETS, routes=NOBODY, digests={"sales": AT_NOON | {"empty": True}}))
    it.at(NOON + 1)
    it.at(NOON + DAY)
    (told,) = messages()
    assert told.title.endswith("nothing was wrong")


def test_what_was_missed_is_told_in_one_message(desk: Desks) -> None:
    it = desk()
    it.at(0)
    it.open("1", team="sales")
    it.restart()
    it.at(NOON + 3 * DAY + 60)
    (told,) = messages()
    assert told.title.startswith("sales, Tue 24 Nov 12:00 to Sat 28 Nov 12:00 UTC: 1 incident")


def test_another_time_is_kept_from_then_on(desk: Desks) -> None:
    it = desk()
    it.at(0)
    it.open("1", team="sales")
    later = plan(targets=TARGETS, routes=NOBODY, digests={"sales": AT_NOON | {"at": "13:00"}})
    it.restart(later)
    it.at(NOON)
    assert messages() == []
    it.at(NOON + 3600)
    assert len(messages()) == 1


def test_of_two_hubs_that_send_it_at_once_one_does(desk: Desks) -> None:
    it = desk()
    it.at(0)
    it.open("1", team="sales")
    it.now = START + timedelta(seconds=NOON)
    with it.db.reading() as connection:
        (due,) = digests.due(connection, it.now)
    it.run()
    (told,) = messages()
    late = Posted(
        before=due,
        after=Due(due.name, due.plan, it.now, it.now + timedelta(days=1)),
        message=told,
        targets=("mail",),
    )
    assert it.writer.call(lambda c: digests.post(c, late, it.now)) is None
    it.at(NOON + 5)
    assert len(messages()) == 1


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_hub_that_is_killed_while_it_sends_sends_it_once(
    desk: Desks, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = desk()
    it.at(0)
    it.open("1", team="sales")
    store = it.tell._digests
    post = store.post

    def killed(*told: Any) -> None:
        if step == "after":
            post(*told)
        raise SystemExit

    monkeypatch.setattr(store, "post", killed)
    with pytest.raises(SystemExit):
        it.at(NOON)
    it.restart()
    it.at(NOON + 1)
    it.at(NOON + 2)
    assert len(messages()) == 1


def test_a_digest_waits_for_the_confirmation_of_a_restore(desk: Desks) -> None:
    it = desk()
    it.at(0)
    it.open("1", team="sales")
    it.writer.call(lambda c: holds.begin_again(c, "the store was restored", it.now))
    it.at(NOON)
    assert messages() == []
    it.writer.call(holds.confirm)
    it.at(NOON + 1)
    assert len(messages()) == 1


def test_a_route_is_told_of_what_it_takes(desk: Desks) -> None:
    routes = [
        {"name": "late", "match": {"rule": "late-*"}, "to": [], "continue": True,
         "digest": {"at": "12:00", "to": ["mail"]}},
        {"name": "loud", "match": {"severity": "critical"}, "to": ["chat"],
         "digest": {"at": "12:00", "to": ["mail"]}},
    ]  # fmt: skip
    it = desk(routes=routes, digests={})
    it.at(0)
    it.open("1", job=1, severity="critical")
    it.open("2", job=2)
    it.at(NOON)
    (told,) = messages()
    assert told.title.startswith("route loud, ")
    assert "1 incident opened" in told.title


def test_quality_is_of_what_somebody_was_told(desk: Desks) -> None:
    it = desk(routes=[{"name": "all", "to": ["chat"], "group_wait_s": 0}])
    it.at(0)
    one, two = it.open("1", team="sales", job=1), it.open("2", team="sales", job=2)
    it.at(10)
    it.acknowledge(one)
    it.resolve(two)
    it.at(NOON)
    (told,) = messages()
    assert said(told)["Quality"] == [
        "2 incidents told, 50% acknowledged, 50% over within 5 minutes"
    ]
    assert said(told)["Noisiest rules"] == ["failed-run: 2 incidents"]


def test_only_a_private_teams_members_see_the_title_of_its_digest(desk: Desks) -> None:
    it = desk()
    it.at(0)
    it.open("1", team="sales")
    it.at(NOON)
    it.writer.call(lambda c: put_team(c, "sales", private=True, now=it.now))

    def seen(viewer: Viewer) -> int:
        with it.db.reading() as connection:
            return len(list_deliveries(connection, Page(), viewer, target="mail").items)

    assert seen(Viewer(all=True)) == 1
    assert seen(Viewer(teams=frozenset({"sales"}))) == 1
    assert seen(Viewer(teams=frozenset({"ops"}))) == 0
