"""A delivery ends as it should whatever happens on its way: crashes, failures, late attempts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from random import Random
from threading import Event
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from alerting.channels import Channels
from hub.api.hub import Hub
from hub.errors import Unavailable
from hub.evaluate.telling import Delivering
from hub.main import writing
from hub.model import Viewer
from hub.ports import Delivery, Health, Standing
from hub.settings import Settings
from hub.store import deliveries, delivery_views
from hub.store.delivery_views import DeliveryView, list_deliveries
from hub.store.incident_views import IncidentView
from hub.store.incidents import Filter, list_incidents
from hub.store.reading import Page
from hub.store.tables import delivery
from tests.support.recorder import WORLD
from tests.support.recording import emptied
from tests.support.telling import START, Desk, plan

KEYED = {"name": "chat", "kind": "keyed-recorder", "per_minute": 100_000}
UNKEYED = {"name": "mail", "kind": "unkeyed-recorder", "per_minute": 100_000}
BOTH = [{"name": "all", "to": ["chat", "mail"], "group_wait_s": 0, "crowd": 0}]

Desks = Callable[..., Desk]


class CrashError(BaseException):
    """The process is gone: nothing catches it."""


@pytest.fixture(scope="module")
def module_hub(module_database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=module_database_url)) as hub:
        yield hub


@pytest.fixture
def desk(module_hub: Hub) -> Iterator[Desks]:
    WORLD.clear()
    usual = {"targets": [KEYED, UNKEYED], "routes": BOTH}
    yield lambda **told: Desk(module_hub.db, module_hub.writer, plan(**(usual | told)))
    module_hub.writer.call(emptied)


def rows(it: Desk) -> list[DeliveryView]:
    with it.db.reading() as connection:
        return list_deliveries(connection, Page()).items


def row(it: Desk, target: str = "chat") -> DeliveryView:
    return next(one for one in rows(it) if one.target == target)


def incidents(it: Desk, **wanted: Any) -> list[IncidentView]:
    with it.db.reading() as connection:
        return list_incidents(connection, Viewer(all=True), Filter(**wanted), Page()).items


# -- one after another -----------------------------------------------------------------------------


def rounds(it: Desk) -> None:
    while it.deliver.round(it.now):
        pass


def test_what_is_due_goes_out_as_soon_as_a_place_is_free(desk: Desks) -> None:
    """It does not wait for the time of the next round, however few may go out at once."""
    it = desk()
    for number in range(20):
        it.open(str(number), job=number)
    it.only_tell()
    it.restart(turn_s=60)
    for _ in range(3):  # another one may hold a row just then
        rounds(it)
        it.deliver.settle()
    assert (len(it.sent()), len(it.sent("mail"))) == (20, 20)


def test_an_answer_that_does_not_come_keeps_one_place_and_no_more(desk: Desks) -> None:
    it, answer, asked = desk(), Event(), Event()

    def hang_once(_: Delivery) -> None:
        if not asked.is_set():
            asked.set()
            answer.wait(60)

    WORLD.places["chat"].fail = hang_once
    for number in range(20):
        it.open(str(number), job=number)
    it.only_tell()
    it.restart(turn_s=60)
    end = time.monotonic() + 30
    while len(it.sent()) + len(it.sent("mail")) < 39 and time.monotonic() < end:
        it.deliver.round(it.now)
        time.sleep(0.01)
    sent = len(it.sent()), len(it.sent("mail"))
    answer.set()
    it.deliver.settle()
    assert sent == (19, 20)
    assert len(it.sent()) == 20


# -- failures --------------------------------------------------------------------------------------


def failing(error: Exception) -> Callable[[Delivery], None]:
    def fail(_: Delivery) -> None:
        raise error

    return fail


def test_what_fails_is_tried_again_later_and_later_until_it_is_taken(desk: Desks) -> None:
    it = desk()
    WORLD.places["chat"].fail = failing(Unavailable("no answer"))
    it.open()
    tries: list[tuple[int, int]] = []
    for second in range(600):
        it.at(second)
        if not tries or row(it).attempts > tries[-1][1]:
            tries.append((second, row(it).attempts))
    gaps = [b[0] - a[0] for a, b in pairwise(tries)]
    assert 5 <= len(tries) <= 12
    assert gaps[-1] > gaps[0]
    WORLD.places["chat"].fail = lambda _: None
    for second in range(600, 3000, 30):
        it.at(second)
    assert (row(it).delivered, row(it).error) == ("OPEN", None)
    assert it.standings() == ["OPEN"]


def test_a_target_that_fails_is_late_since_it_failed_first_whenever_it_is_tried_again(
    desk: Desks,
) -> None:
    it = desk()
    WORLD.places["chat"].fail = failing(Unavailable("no answer"))
    it.open()
    for second in range(0, 301, 5):
        it.at(second)
    assert lateness(it, 300)["chat"] >= 290
    assert "mail" not in lateness(it, 300)
    WORLD.places["chat"].fail = lambda _: None
    for second in range(305, 3000, 30):
        it.at(second)
    assert lateness(it, 3000) == {}


def lateness(it: Desk, second: float) -> dict[str, float]:
    with it.db.reading() as connection:
        return delivery_views.figures(connection, START + timedelta(seconds=second))[0]


def test_what_is_over_before_it_was_taken_is_resolved_and_never_opened_late(desk: Desks) -> None:
    it = desk()
    WORLD.places["mail"].fail = failing(Unavailable("no answer"))
    one = it.open()
    it.at(0)
    it.resolve(one)
    it.at(1)
    WORLD.places["mail"].fail = lambda _: None
    for second in range(10, 300, 10):
        it.at(second)
    assert it.standings("mail") == ["RESOLVED"]


def test_a_permanent_error_is_dead_at_once_and_can_be_sent_again(desk: Desks) -> None:
    it = desk()
    WORLD.places["chat"].fail = failing(
        Unavailable("invalid_auth: set a new token", permanent=True)
    )
    one = it.open()
    it.at(0)
    it.at(3600)
    assert (row(it).dead, row(it).attempts, row(it).error) == (
        True,
        1,
        "invalid_auth: set a new token",
    )
    assert ("dead", "invalid_auth: set a new token") in it.decisions(one)
    WORLD.places["chat"].fail = lambda _: None
    it.writer.call(lambda c: delivery_views.resend(c, row(it).id, it.now))
    it.at(3601)
    assert (row(it).dead, row(it).delivered) == (False, "OPEN")


def test_what_was_given_up_is_tried_again_when_it_is_over(desk: Desks) -> None:
    it = desk()
    one = it.open()
    it.at(0)
    WORLD.places["chat"].fail = failing(Unavailable("too long", permanent=True))
    it.acknowledge(one)
    it.at(1)
    assert row(it).dead
    WORLD.places["chat"].fail = lambda _: None
    it.resolve(one)
    it.at(2)
    assert it.standings() == ["OPEN", "RESOLVED"]


def test_what_was_given_up_while_the_target_was_down_is_sent_when_it_is_up(desk: Desks) -> None:
    it = desk()
    one = it.open("1")
    WORLD.places["chat"].fail = failing(Unavailable("the token was revoked", permanent=True))
    it.at(1)
    assert row(it).dead
    WORLD.places["chat"].fail = lambda _: None
    it.open("2", job=2)
    it.at(400)
    assert sorted(it.sent()) == [
        ("OPEN", "failed-run: run 1 failed"),
        ("OPEN", "failed-run: run 2 failed"),
    ]
    assert ("retry", "it was given up while the target was down, which takes deliveries again") in (
        it.decisions(one)
    )


def test_what_was_put_off_while_the_target_was_down_is_sent_as_soon_as_it_is_up(
    desk: Desks,
) -> None:
    """Not when its own pause is over, which has grown to minutes meanwhile."""
    it = desk()
    WORLD.places["chat"].fail = failing(Unavailable("no answer"))
    it.open("1")
    for second in range(0, 120, 2):
        it.at(second)
    later = it.now + timedelta(minutes=15)
    put_off = update(delivery).where(delivery.c.target == "chat").values(next_at=later)
    it.writer.call(lambda connection: connection.execute(put_off))
    WORLD.places["chat"].fail = lambda _: None
    it.open("2", job=2)
    for second in range(120, 600, 5):
        it.at(second)
    assert sorted(it.sent()) == [
        ("OPEN", "failed-run: run 1 failed"),
        ("OPEN", "failed-run: run 2 failed"),
    ]


def test_a_test_that_is_taken_brings_back_what_was_given_up(desk: Desks) -> None:
    it = desk()
    it.open("1")
    WORLD.places["chat"].fail = failing(Unavailable("the token was revoked", permanent=True))
    it.at(1)
    WORLD.places["chat"].fail = lambda _: None
    Delivering(it.doing).tested(Health(name="chat", delivered_at=it.now), it.now)
    it.at(2)
    assert it.standings() == ["OPEN"]


def test_what_is_refused_for_itself_alone_does_not_come_back_for_ever(desk: Desks) -> None:
    it = desk()
    it.open("poison")

    def refuse(one: Delivery) -> None:
        if "poison" in one.message.title:
            raise Unavailable("too odd", permanent=True)

    WORLD.places["chat"].fail = refuse
    for number in range(8):
        it.at(number * 1000)
        it.open(str(number), job=number + 2)
        it.at(number * 1000 + 500)
    with it.db.reading() as connection:
        told = list_deliveries(connection, Page(), target="chat", dead=True).items
    assert [one.title for one in told] == ["failed-run: run poison failed"]
    with it.db.reading() as connection:
        tries = connection.scalar(select(delivery.c.tries).where(delivery.c.id == told[0].id))
    assert tries == 1 + deliveries.REVIVALS


def test_what_was_given_up_long_ago_or_is_shown_already_is_not_sent_again(desk: Desks) -> None:
    it = desk()
    it.open("1")
    WORLD.places["chat"].fail = failing(Unavailable("the token was revoked", permanent=True))
    it.at(1)
    WORLD.places["chat"].fail = lambda _: None
    late = it.now + deliveries.REVIVED_WITHIN + timedelta(seconds=1)
    assert it.writer.call(lambda c: deliveries.revive(c, "chat", late)) == 0
    assert it.writer.call(lambda c: deliveries.revive(c, "mail", it.now)) == 0


def test_a_channel_that_says_when_to_come_back_is_left_alone_until_then(desk: Desks) -> None:
    it = desk()
    asked: list[float] = []

    def slow_down(_: Delivery) -> None:
        asked.append((it.now - START).total_seconds())
        if len(asked) == 1:
            raise Unavailable("rate limited", retry_after_s=120)

    WORLD.places["chat"].fail = slow_down
    it.open("1")
    it.at(0)
    it.open("2")
    for second in range(1, 200, 1):
        it.at(second)
    assert [at for at in asked if 0 < at < 120] == []
    assert it.standings() == ["OPEN", "OPEN"]
    assert not incidents(it, kind="target_down")


def test_a_target_that_is_down_is_an_incident_told_elsewhere_and_over_when_it_works(
    desk: Desks,
) -> None:
    it = desk()
    WORLD.places["chat"].fail = failing(Unavailable("no answer"))
    it.open()
    for second in range(0, 200, 5):
        it.at(second)
    (down,) = incidents(it, kind="target_down")
    assert (down.target, down.reason) == ("chat", "target chat takes no deliveries: no answer")
    assert any("target chat takes no deliveries" in title for _, title in it.sent("mail"))
    assert not any("takes no deliveries" in one.title for one in rows(it) if one.target == "chat")
    WORLD.places["chat"].fail = lambda _: None
    for second in range(200, 1500, 20):
        it.at(second)
    (down,) = incidents(it, kind="target_down")
    assert down.state == "RESOLVED"
    assert it.sent("mail")[-1][0] == "RESOLVED"


def test_a_target_that_fails_holds_up_no_other(desk: Desks) -> None:
    it = desk()
    WORLD.places["chat"].fail = failing(Unavailable("no answer"))
    for number in range(40):
        it.open(str(number), job=number)
    it.at(0)
    it.at(1)
    assert len(it.sent("mail")) == 40


def test_a_defect_of_a_notifier_is_a_failure_like_any_other(desk: Desks) -> None:
    it = desk()
    WORLD.places["chat"].fail = failing(KeyError("secret-token"))
    it.open()
    it.at(0)
    assert row(it).error == "the notifier failed: KeyError"


def test_deliveries_to_a_target_that_is_gone_are_given_up_and_say_so(desk: Desks) -> None:
    it = desk()
    WORLD.places["chat"].fail = failing(Unavailable("no answer"))
    it.open()
    it.at(0)
    it.restart(plan(targets=[UNKEYED]))
    it.at(1)
    assert (row(it).dead, row(it).error) == (True, "the target is not declared")


def test_a_target_that_is_declared_again_is_sent_what_it_does_not_show(desk: Desks) -> None:
    it = desk()
    WORLD.places["chat"].fail = failing(Unavailable("no answer"))
    it.open()
    it.at(0)
    it.restart(plan(targets=[UNKEYED]))
    it.at(1)
    WORLD.places["chat"].fail = lambda _: None
    it.restart(plan(targets=[KEYED, UNKEYED], routes=BOTH))
    it.at(2)
    assert (row(it).dead, row(it).error, row(it).delivered) == (False, None, "OPEN")


def test_a_plan_that_changes_while_it_delivers_needs_no_restart(desk: Desks) -> None:
    it = desk(targets=[UNKEYED], routes=[{"to": ["mail"], "group_wait_s": 0}])
    it.open("1")
    it.at(0)
    both = plan(targets=[KEYED, UNKEYED], routes=BOTH)
    it.channels.replan(both)
    for one in (it.tell, it.deliver):
        one.replan(both)
    it.at(1)
    it.open("2", job=2)
    it.at(2)
    assert len(it.sent("mail")) == 2
    assert len(it.sent("chat")) == 2  # of what was open already it hears, too


# -- late ------------------------------------------------------------------------------------------


def test_who_was_held_up_past_its_lease_does_not_have_the_last_word(desk: Desks) -> None:
    """It sends OPEN after another has sent RESOLVED: what is wanted is sent once more."""
    it = desk(routes=[{"to": ["chat"], "group_wait_s": 0}])
    one = it.open()
    it.at(0)
    it.acknowledge(one)
    it.only_tell()
    store = Delivering(it.doing)
    (stuck,) = store.lease(it.now, {"chat": 1}, 60)
    it.resolve(one)
    it.at(61)
    assert it.standings()[-1] == "RESOLVED"
    notifier = Channels(it.plan).get("chat")
    held = notifier.deliver(stuck.delivery, stuck.held)
    assert WORLD.places["chat"].shown[stuck.delivery.key][0] is Standing.ACKNOWLEDGED
    health = replace(store.health()["chat"])
    assert store.delivered(stuck, held, health, it.now, None) is False
    it.at(62)
    assert WORLD.places["chat"].shown[stuck.delivery.key][0] is Standing.RESOLVED


def test_who_waited_for_a_thread_longer_than_its_lease_sends_nothing(desk: Desks) -> None:
    it = desk()
    it.open()
    it.only_tell()
    leased = Delivering(it.doing).lease(it.now, {"chat": 1}, 60)
    it.now = START + timedelta(seconds=61)
    it.deliver._send(leased[0])
    assert it.sent() == []


def test_two_that_deliver_at_once_take_each_delivery_once(desk: Desks) -> None:
    it = desk()
    for number in range(20):
        it.open(str(number), job=number)
    it.only_tell()
    store = Delivering(it.doing)
    first = store.lease(it.now, {"chat": 15, "mail": 15}, 60)
    second = store.lease(it.now, {"chat": 15, "mail": 15}, 60)
    taken = [one.id for one in (*first, *second)]
    assert len(taken) == len(set(taken)) == 40


# -- crashes ---------------------------------------------------------------------------------------

STEPS = ("after lease", "before send", "after send", "before record")


class Crashing:
    """A store in whose calls the process dies, when it is told to."""

    def __init__(self, store: Delivering) -> None:
        self._store = store
        self.die_at = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def lease(self, *args: Any) -> Any:
        taken = self._store.lease(*args)
        if taken and self.die_at == "after lease":
            raise CrashError
        return taken

    def delivered(self, *args: Any) -> bool:
        if self.die_at == "before record":
            raise CrashError
        return self._store.delivered(*args)


def crash(it: Desk, step: str, target: str) -> None:
    """Delivers until the process dies at the step."""
    store = Crashing(Delivering(it.doing))
    store.die_at = step

    def die(_: Delivery) -> None:
        raise CrashError

    place = WORLD.places[target]
    place.fail = die if step == "before send" else lambda _: None
    place.after = die if step == "after send" else lambda _: None
    it.deliver._store = store
    with suppress(CrashError):
        it.deliver.round(it.now)
        it.deliver.settle()
    place.fail = place.after = lambda _: None
    place.busy.clear()
    it.restart()


def recover(it: Desk, begin: float) -> None:
    """As time passes, leases end and pauses too."""
    for second in range(0, 400, 61):
        it.at(begin + second)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("target", ["chat", "mail"])
def test_a_crash_at_any_step_loses_nothing_and_repeats_at_most_one(
    desk: Desks, step: str, target: str
) -> None:
    it = desk(routes=[{"to": [target], "group_wait_s": 0}])
    one = it.open()
    it.only_tell()
    crash(it, step, target)
    recover(it, 1)
    it.resolve(one)
    it.only_tell()
    crash(it, step, target)
    recover(it, 1000)
    place = WORLD.places[target]
    (key,) = place.shown
    assert place.shown[key][0] is Standing.RESOLVED
    told = it.standings(target)
    doubled = 1 if step in {"after send", "before record"} else 0
    assert told.count("OPEN") == 1 + doubled
    assert told.count("RESOLVED") == 1 + doubled
    assert told == sorted(told)  # no OPEN after RESOLVED


def test_what_was_being_sent_at_a_crash_is_not_sent_again_while_it_may_still_arrive(
    desk: Desks,
) -> None:
    it = desk(routes=[{"to": ["chat"], "group_wait_s": 0}])
    it.open()
    it.only_tell()
    crash(it, "after lease", "chat")
    it.at(1)
    assert it.standings("chat") == []
    it.at(61)
    assert it.standings("chat") == ["OPEN"]


@pytest.mark.parametrize("seed", range(6))
def test_after_random_crashes_every_channel_shows_what_is_true(desk: Desks, seed: int) -> None:
    """Incidents come and go while the process dies at random steps."""
    it, chance = desk(), Random(seed)
    keys: dict[int, bool] = {}
    in_window = 0
    for turn in range(40):
        it.now = START + timedelta(seconds=turn * 70)
        told = set(keys)
        for number in range(chance.randrange(3)):
            keys[it.open(f"{turn}-{number}", job=chance.randrange(50))] = True
        for key in [key for key, is_open in keys.items() if is_open]:
            if chance.random() < 0.3:
                it.resolve(key)
                keys[key] = False
            elif chance.random() < 0.1 and key in told:
                it.acknowledge(key)
        it.only_tell()
        if chance.random() < 0.7:
            step, target = chance.choice(STEPS), chance.choice(["chat", "mail"])
            before = len(WORLD.places["mail"].sent)
            crash(it, step, target)
            if step in {"after send", "before record"}:
                in_window += len(WORLD.places["mail"].sent) - before
        else:
            it.only_deliver()
    recover(it, 40 * 70)
    recover(it, 60 * 70)
    assert not [one for one in rows(it) if one.next_at is not None or one.dead]
    for target in ("chat", "mail"):
        place = WORLD.places[target]
        for name, (standing, _) in place.shown.items():
            view = next(one for one in rows(it) if (one.key, one.target) == (name, target))
            assert standing == view.wanted
    open_now = sum(
        standing is not Standing.RESOLVED for standing, _ in WORLD.places["chat"].shown.values()
    )
    assert open_now == sum(keys.values())
    mails = [(one.key, one.version) for one in WORLD.places["mail"].sent]
    assert len(mails) - len(set(mails)) <= in_window
