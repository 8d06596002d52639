"""From incidents to channels: told once, in time, to whom it concerns, and over when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from alerting.tell import Tell
from hub.api.hub import Hub
from hub.evaluate.maintenance import Maintenance, WindowGiven
from hub.evaluate.telling import Digesting, Telling, TellingChanges
from hub.main import writing
from hub.model import IncidentState, Transition
from hub.settings import Settings
from hub.store.cases import look_at_open
from hub.store.impact import Breach, Impact, Predicted
from hub.store.silences import add_silence, end_silence
from hub.store.tables import incident, job, namespace
from tests.support.recorder import WORLD
from tests.support.recording import emptied
from tests.support.rows import fill
from tests.support.telling import START, Desk, plan

CHAT = {"name": "chat", "kind": "keyed-recorder"}
PAGER = {"name": "pager", "kind": "keyed-recorder", "severity": "critical"}
AT_ONCE = [{"name": "all", "to": ["chat"], "group_wait_s": 0}]

Desks = Callable[..., Desk]


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def desk(module_hub: Hub) -> Iterator[Desks]:
    WORLD.clear()
    yield lambda **told: Desk(module_hub.db, module_hub.writer, plan(**told))
    module_hub.writer.call(emptied)


def test_an_incident_is_told_once_after_the_group_wait_and_its_end_once(desk: Desks) -> None:
    it = desk()
    one = it.open()
    it.at(0)
    it.at(29)
    assert it.sent() == []
    it.at(31)
    it.at(500)
    assert it.standings() == ["OPEN"]
    it.resolve(one)
    it.at(501)
    it.at(900)
    assert it.standings() == ["OPEN", "RESOLVED"]
    assert len(WORLD.places["chat"].shown) == 1


def test_what_heals_within_the_group_wait_is_never_told(desk: Desks) -> None:
    it = desk()
    one = it.open()
    it.at(0)
    it.at(10)
    it.resolve(one)
    it.at(11)
    it.at(100)
    assert it.sent() == []
    assert ("over", "it was over before it was told") in it.decisions(one)


def test_what_people_say_is_shown_at_once(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    one = it.open()
    it.at(0)
    it.acknowledge(one)
    it.at(5)
    it.move(
        one,
        Transition.SNOOZED,
        state=IncidentState.SNOOZED,
        snoozed_until=START + timedelta(hours=1),
    )
    it.at(6)
    assert it.standings() == ["OPEN", "ACKNOWLEDGED", "ACKNOWLEDGED"]
    it.move(one, Transition.WOKEN, state=IncidentState.OPEN, snoozed_until=None)
    it.at(3700)
    last = WORLD.places["chat"].sent[-1]
    assert (str(last.standing), last.loud) == ("OPEN", True)


def test_what_opens_again_is_the_same_thing_in_the_channel(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    one = it.open()
    it.at(0)
    it.resolve(one)
    it.at(60)
    it.reopen(one)
    it.at(120)
    it.resolve(one)
    it.at(180)
    assert it.standings() == ["OPEN", "RESOLVED", "OPEN", "RESOLVED"]
    assert len(WORLD.places["chat"].shown) == 1
    versions = [each.version for each in WORLD.places["chat"].sent]
    assert versions == sorted(set(versions))


def test_the_more_severe_it_becomes_the_more_hear_of_it(desk: Desks) -> None:
    it = desk(targets=[CHAT, PAGER], routes=[{"to": ["chat", "pager"], "group_wait_s": 0}])
    one = it.open()
    it.at(0)
    assert (it.standings("chat"), it.standings("pager")) == (["OPEN"], [])
    it.move(one, Transition.ESCALATED, severity="critical")
    it.at(60)
    assert (it.standings("chat"), it.standings("pager")) == (["OPEN", "OPEN"], ["OPEN"])
    it.resolve(one)
    it.at(61)
    assert (it.standings("chat")[-1], it.standings("pager")[-1]) == ("RESOLVED", "RESOLVED")


def test_what_nobody_acknowledges_goes_to_the_next_and_is_repeated(desk: Desks) -> None:
    boss = {"name": "boss", "kind": "keyed-recorder", "team": "nobody"}
    route = {
        "to": ["chat"],
        "group_wait_s": 0,
        "repeat_s": 600,
        "escalate": [{"after_s": 300, "to": ["boss"]}],
    }
    it = desk(targets=[CHAT, boss], routes=[route])
    one = it.open()
    it.at(0)
    it.at(299)
    assert it.sent("boss") == []
    it.at(301)
    assert (it.standings("boss"), it.standings("chat")) == (["OPEN"], ["OPEN"] * 2)
    it.at(601)
    it.at(602)
    assert it.standings("chat") == ["OPEN"] * 3
    it.acknowledge(one)
    it.at(700)
    it.at(3000)
    assert it.standings("chat") == ["OPEN"] * 3 + ["ACKNOWLEDGED"]
    it.resolve(one)
    it.at(3001)
    assert it.standings("boss")[-1] == "RESOLVED"
    assert any(what == "escalated" for what, _ in it.decisions(one))


# -- muted -----------------------------------------------------------------------------------------


def silence(it: Desk, match: dict[str, str], until: float, by: str = "ada") -> int:
    def add(connection: Any) -> int:
        ends_at = START + timedelta(seconds=until)
        made = add_silence(connection, match, START, ends_at, by, "deploy", it.now)
        look_at_open(connection, it.now)
        return made.id

    return it.writer.call(add)


def test_what_is_silenced_is_told_when_the_silence_ends_if_it_is_still_open(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    silence(it, {"rule": "failed-*"}, 600)
    one, two = it.open("1"), it.open("2")
    it.at(1)
    it.resolve(two)
    it.at(599)
    assert it.sent() == []
    assert it.decisions(one) == [("muted", "silence 1 by ada until 2026-11-25 10:10 UTC: deploy")]
    it.at(601)
    assert [title for _, title in it.sent()] == [it.sent()[0][1]]
    assert "run 1 failed" in it.sent()[0][1]


def test_a_silence_keeps_back_no_end(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    one = it.open()
    it.at(0)
    silence(it, {"kind": "failed_run"}, 3600)
    it.at(1)
    it.resolve(one)
    it.at(2)
    assert it.standings() == ["OPEN", "ACKNOWLEDGED", "RESOLVED"]


def test_a_silence_that_is_ended_early_lets_tell_at_once(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    key = silence(it, {"kind": "failed_run"}, 3600)
    it.open()
    it.at(1)
    assert it.sent() == []
    it.writer.call(lambda c: end_silence(c, key, it.now))
    it.writer.call(lambda c: look_at_open(c, it.now))
    it.at(2)
    assert it.standings() == ["OPEN"]


def test_what_a_told_incident_causes_is_not_told_until_that_one_is_over(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    root = it.open("root")
    children = [it.open(f"c{n}", parent=root) for n in range(5)]
    it.at(0)
    assert [title for _, title in it.sent()] == [it.sent()[0][1]]
    assert it.decisions(children[0]) == [("muted", f"incident {root} is its cause, and is told")]
    it.resolve(root)
    for child in children[1:]:
        it.resolve(child)
    it.move(children[0], Transition.UNCAUSED, parent=None)
    it.at(60)
    assert it.standings() == ["OPEN", "RESOLVED", "OPEN"] or it.standings() == [
        "OPEN",
        "OPEN",
        "RESOLVED",
    ]
    assert any("run c0 failed" in title for _, title in it.sent())


def test_a_cause_that_nobody_hears_of_hides_nothing(desk: Desks) -> None:
    it = desk(routes=[{"to": ["chat"], "group_wait_s": 30}])
    root = it.open("root", rule="quiet-one")
    child = it.open("c", parent=root)
    it.at(0)
    silence(it, {"rule": "quiet-one"}, 3600)
    it.at(1)
    it.at(60)
    assert [title.split(": ")[-1] for _, title in it.sent()] == ["run c failed"]
    assert ("sent", "to chat by route route-0") in it.decisions(child)


def test_a_cause_hides_nothing_that_is_worse_than_itself(desk: Desks) -> None:
    """Those who hear of the worse one may not hear of its cause."""
    it = desk(targets=[CHAT, PAGER], routes=[{"to": ["chat", "pager"], "group_wait_s": 0}])
    root = it.open("root", severity="info")
    it.at(0)
    worse, like = (
        it.open("w", parent=root, severity="critical"),
        it.open("l", parent=root, severity="info"),
    )
    it.at(1)
    assert it.standings("pager") == ["OPEN"]
    assert ("sent", "to chat, pager by route route-0") in it.decisions(worse)
    assert it.decisions(like) == [("muted", f"incident {root} is its cause, and is told")]


def test_an_incident_of_a_dry_rule_is_not_told(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    one = it.open(dry_run=True)
    it.at(0)
    assert it.sent() == []
    assert it.decisions(one)[0][0] == "muted"


def test_in_quiet_hours_only_what_is_severe_is_told_and_the_rest_after_them(desk: Desks) -> None:
    quiet = {"from": "09:00", "to": "11:00", "below": "critical"}
    it = desk(routes=[{"to": ["chat"], "group_wait_s": 0, "quiet": quiet}])
    one, two = it.open("1"), it.open("2", severity="critical")
    gone = it.open("3")
    it.at(0)
    assert [title.split(": ")[-1] for _, title in it.sent()] == ["run 2 failed"]
    it.resolve(gone)
    it.at(3599)
    assert len(it.sent()) == 1
    it.at(3601)
    assert [title.split(": ")[-1] for _, title in it.sent()] == ["run 2 failed", "run 1 failed"]
    assert ("muted", "quiet hours until 2026-11-25 11:00 UTC") in it.decisions(one)
    assert two


def test_outside_of_its_hours_a_route_waits_for_them_and_what_heals_until_then_is_never_told(
    desk: Desks,
) -> None:
    hours = {"from": "12:00", "to": "18:00", "calendar": "business"}
    days = {"business": lambda day: day.weekday() < 5}
    it = desk(routes=[{"to": ["chat"], "group_wait_s": 0, "hours": hours}], calendars=days)
    one = it.open("1")
    it.open("2", severity="critical")
    gone = it.open("3")
    it.at(0)
    assert [title.split(": ")[-1] for _, title in it.sent()] == ["run 2 failed"]
    it.resolve(gone)
    it.at(7199)
    assert len(it.sent()) == 1
    it.at(7201)
    assert [title.split(": ")[-1] for _, title in it.sent()] == ["run 2 failed", "run 1 failed"]
    assert ("muted", "quiet hours until 2026-11-25 12:00 UTC") in it.decisions(one)
    it.now = START + timedelta(days=2, hours=9)  # Friday evening
    it.open("4")
    it.run()
    assert len(it.sent()) == 2
    it.now = START + timedelta(days=4, hours=22)  # Monday
    it.run()
    assert len(it.sent()) == 2
    it.now = START + timedelta(days=5, hours=2, seconds=1)
    it.run()
    assert len(it.sent()) == 3


# -- together --------------------------------------------------------------------------------------


def test_what_belongs_together_is_one_message_that_grows_at_intervals(desk: Desks) -> None:
    it = desk(routes=[{"to": ["chat"], "group_by": ["rule"], "group_wait_s": 30}])
    keys = [it.open(str(n), job=n) for n in range(3)]
    it.at(0)
    it.at(31)
    assert len(it.sent()) == 1
    assert it.sent()[0][1].startswith("3 incidents (failed-run); ")
    keys += [it.open(str(n), job=n) for n in range(3, 6)]
    it.at(60)
    it.at(200)
    assert len(it.sent()) == 1
    it.at(332)
    assert [title[:11] for _, title in it.sent()] == ["3 incidents", "6 incidents"]
    for key in keys:
        it.resolve(key)
    it.at(340)
    assert it.standings() == ["OPEN", "OPEN", "RESOLVED"]


def test_a_storm_is_few_messages_and_all_of_them_end(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    keys = [it.open(str(n), job=n) for n in range(200)]
    it.at(0)
    it.at(31)
    it.at(45)
    assert len(it.sent()) <= 11
    assert [title for _, title in it.sent() if title.startswith("190 incidents")]
    for key in keys:
        it.resolve(key)
    for second in range(60, 600, 10):
        it.at(second)
    assert {standing for standing, _ in WORLD.places["chat"].shown.values()} == {"RESOLVED"}
    assert len(WORLD.places["chat"].shown) <= 11


def test_a_hub_that_tells_for_the_first_time_tells_only_what_is_open(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    it.resolve(it.open("old"))
    it.open("new")
    it.restart()
    it.at(0)
    assert [title.split(": ")[-1] for _, title in it.sent()] == ["run new failed"]


def test_a_new_route_hears_of_what_is_open_when_the_hub_starts_with_it(desk: Desks) -> None:
    it = desk(targets=[CHAT, {**PAGER, "severity": "info"}], routes=AT_ONCE)
    it.open()
    it.at(0)
    it.restart(
        plan(
            targets=[CHAT, {**PAGER, "severity": "info"}],
            routes=[{"to": ["chat", "pager"], "group_wait_s": 0}],
        )
    )
    it.at(10)
    assert (it.standings("chat"), it.standings("pager")) == (["OPEN"], ["OPEN"])


def test_a_storm_under_one_root_is_one_message(desk: Desks) -> None:
    it = desk()
    root = it.open("root")
    children = [it.open(str(n), job=n, parent=root) for n in range(300)]
    for second in (0, 31, 45, 400):
        it.at(second)
    assert [title for _, title in it.sent()] == ["failed-run: run root failed"]
    it.resolve(root)
    for child in children:
        it.resolve(child)
    it.at(500)
    assert it.standings() == ["OPEN", "RESOLVED"]


def test_what_happened_within_a_maintenance_window_is_told_when_that_is_over(desk: Desks) -> None:
    given = WindowGiven(name="move", begin=START, end=START + timedelta(hours=1))
    it = desk(routes=AT_ONCE)
    telling = Telling(it.doing, timedelta(minutes=5), [Maintenance(given)])
    it.tell = Tell(telling, Digesting(it.doing), TellingChanges(it.doing), it.plan)
    one = it.open("1", evidence={"window": "move"})
    two = it.open("2", evidence={"window": "move"})
    it.at(0)
    it.resolve(two)
    it.at(3599)
    assert it.sent() == []
    assert ("muted", "it happened within the maintenance window move") in it.decisions(one)
    it.at(3601)
    assert [title for _, title in it.sent()] == ["failed-run: run 1 failed"]


def test_who_is_hit_is_told_with_what_is_predicted_of_them(desk: Desks) -> None:
    it = desk(routes=AT_ONCE)
    fill(it.db, namespace, {"id": 1, "name": "prod"})
    rows = [{"id": key, "name": f"job-{key}", "namespace_id": 1, "team": "bi"} for key in (7, 8)]
    fill(it.db, job, *rows)
    breach = Breach("late", "late_finish", "error", "job", 8, START + timedelta(hours=2), 0.8)
    below = Impact([7, 8], [], predicted=Predicted(START, "running", [breach]))
    one = it.open(job=99)
    text = msgspec.json.encode(below).decode()
    it.writer.call(
        lambda c: c.execute(incident.update().where(incident.c.id == one).values(impact=text))
    )
    it.at(0)
    hit = WORLD.places["chat"].sent[0].message.hit
    assert [(each.name, each.team, each.probability) for each in hit] == [
        ("prod:job-8", "bi", 0.8),
        ("prod:job-7", "bi", None),
    ]
