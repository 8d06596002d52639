"""Slack with Socket Mode: clicks over a connection that the hub opens act as signed ones do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from alerting.channels import Channels
from alerting.listening import Listening, pause_s
from alerting.notifiers.slack import Slack
from alerting.notifiers.slack.bot import SlackConfig
from alerting.plan import Plan
from alerting.reading import plan_of
from hub.errors import Unavailable
from hub.ports import Action, Grade, WhatToDo
from tests.support.channels.slack import clicked
from tests.support.channels.socket_mode import ACK_WITHIN_S, APP_TOKEN, FakeSocketSlack
from tests.support.messages import NIGHT, opened

CLICK = {"action_id": "trackside_acknowledge", "block_id": "incident-4711", "type": "button"}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSocketSlack]:
    with FakeSocketSlack() as fake:
        for name, value in fake.secrets().items():
            monkeypatch.setenv(name, value)
        yield fake


def plan(fake: FakeSocketSlack, **other: Any) -> Plan:
    target = {"name": "chat", "kind": "slack", "settings": fake.settings() | other}
    return plan_of([target], [], [], {}, lambda *path: ".".join(map(str, path)))


class Doing:
    """Remembers what was asked for."""

    def __init__(self, takes_s: float = 0) -> None:
        self.asked: list[tuple[str, Action]] = []
        self.takes_s = takes_s

    def __call__(self, target: str, one: Action, _: datetime) -> None:
        time.sleep(self.takes_s)
        self.asked.append((target, one))


@contextmanager
def listening(
    fake: FakeSocketSlack, do: Callable[..., None], allowed: tuple[str, ...] = ("127.0.0.1",)
) -> Iterator[Listening]:
    its = plan(fake)
    channels = Channels(its, allowed)
    made = Listening(channels, its)
    made.start(do)
    try:
        yield made
    finally:
        made.close()
        channels.close()


def click(number: int = 0) -> dict[str, Any]:
    return clicked(CLICK, datetime.fromtimestamp(1_795_000_000 + number, UTC))


def test_a_click_is_done_and_acknowledged(fake: FakeSocketSlack) -> None:
    do = Doing()
    with listening(fake, do):
        fake.await_lines()
        number = fake.click(click())
        assert fake.await_acknowledged(number) < ACK_WITHIN_S
    ((target, one),) = do.asked
    assert (target, one.what, one.key, one.by) == (
        "chat",
        WhatToDo.ACKNOWLEDGE,
        "incident-4711",
        "ana",
    )
    assert fake.unasked == []


def test_a_click_that_takes_long_to_do_is_acknowledged_in_time(fake: FakeSocketSlack) -> None:
    do = Doing(takes_s=4)
    with listening(fake, do):
        fake.await_lines()
        assert fake.await_acknowledged(fake.click(click())) < ACK_WITHIN_S
    assert len(do.asked) == 1


def test_a_click_that_slack_hands_over_twice_has_one_id(fake: FakeSocketSlack) -> None:
    do = Doing()
    with listening(fake, do):
        fake.await_lines()
        for _ in range(2):
            fake.await_acknowledged(fake.click(click()))
    assert len({one.id for _, one in do.asked}) == 1


@pytest.mark.parametrize("end", ["refresh", "drop"])
def test_a_connection_that_ends_is_opened_again(fake: FakeSocketSlack, end: str) -> None:
    do = Doing()
    with listening(fake, do):
        fake.await_lines()
        getattr(fake, end)()
        deadline = time.monotonic() + 40
        while fake.opened < 2 or not fake.lines:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        fake.await_acknowledged(fake.click(click()))
    assert len(do.asked) == 1


def test_what_is_no_click_is_acknowledged_and_asks_for_nothing(fake: FakeSocketSlack) -> None:
    do = Doing()
    with listening(fake, do):
        fake.await_lines()
        for payload in ({"type": "view_submission"}, {"type": "block_actions", "actions": "x"}):
            fake.await_acknowledged(fake.click(payload))
        fake.lines[0].send("no JSON")
        fake.lines[0].send(json.dumps(["not", "an", "envelope"]))
        fake.await_acknowledged(fake.click(click()))
    assert len(do.asked) == 1
    assert fake.unasked == []


def test_several_hubs_may_listen_and_each_click_goes_to_one(fake: FakeSocketSlack) -> None:
    first, second = Doing(), Doing()
    with listening(fake, first), listening(fake, second):
        fake.await_lines(2)
        for number in range(6):
            fake.await_acknowledged(fake.click(click(number)))
    assert (len(first.asked), len(second.asked)) == (3, 3)


def test_a_target_that_is_taken_back_is_listened_to_no_more(fake: FakeSocketSlack) -> None:
    with listening(fake, Doing()) as its:
        fake.await_lines()
        its.replan(Plan())
        deadline = time.monotonic() + 20
        while fake.lines:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_its_messages_have_buttons(fake: FakeSocketSlack) -> None:
    make(fake).deliver(opened(), {})
    (actions,) = [block for block in fake.roots[0].blocks if block["type"] == "actions"]
    assert actions["elements"][0]["action_id"] == "trackside_acknowledge"


def test_a_wrong_token_is_told_and_a_private_network_is_refused(
    fake: FakeSocketSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SLACK_APP_TOKEN", "xapp-wrong")
    (finding,) = [one for one in make(fake).check() if one.what == "app_token"]
    assert finding.grade is Grade.BAD
    assert "not_allowed_token_type" in finding.detail
    monkeypatch.setenv("FAKE_SLACK_APP_TOKEN", APP_TOKEN)
    stopping = threading.Event()
    with pytest.raises(Unavailable, match="private address"):
        make(fake, allowed=()).listen(lambda _: None, stopping)


def test_the_address_and_the_token_are_in_no_error(fake: FakeSocketSlack) -> None:
    stopping = threading.Event()
    breaking = threading.Timer(1.0, fake.drop)
    breaking.start()
    with pytest.raises(Unavailable) as error:
        make(fake).listen(lambda _: None, stopping)
    assert "ticket" not in str(error.value)
    assert APP_TOKEN not in str(error.value)
    assert not error.value.permanent


def test_it_waits_longer_after_each_failure() -> None:
    assert [pause_s(n, 0.999999) for n in (0, 1, 2, 3, 20)] == pytest.approx(
        [0.1, 1, 2, 4, 60], 0.01
    )


def make(fake: FakeSocketSlack, allowed: tuple[str, ...] = ("127.0.0.1",)) -> Slack:
    config = SlackConfig.model_validate(fake.settings())
    return Slack(config, "alerts", allowed=allowed, clock=lambda: NIGHT)
