"""Slack: one message per key, its thread, its buttons, and what Slack refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from alerting.notifiers.slack import Slack, SlackWebhook, bot
from alerting.notifiers.slack.bot import PAGE, SlackConfig
from alerting.notifiers.slack.webhook import SlackWebhookConfig
from hub.errors import BadInput, Unauthorized, Unavailable
from hub.ports import Action, WhatToDo
from tests.support.channels.blocks import read
from tests.support.channels.slack import (
    CHANNEL,
    FakeSlack,
    FakeSlackWebhook,
    Message,
    interaction,
)
from tests.support.messages import FAILED, HOSTILE, NIGHT, at, life, opened

KEY = "incident-4711"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    with FakeSlack(clock=at(4).timestamp()) as fake:
        for name, value in fake.secrets().items():
            monkeypatch.setenv(name, value)
        yield fake


def make(fake: FakeSlack, **other: Any) -> Slack:
    config = SlackConfig.model_validate(fake.settings() | other)
    return Slack(config, "alerts", allowed=["127.0.0.1"])


def live(fake: FakeSlack, steps: int = 4, **other: Any) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for delivery in life()[:steps]:
        held = make(fake, **other).deliver(delivery, held)
    return held


def calls(fake: FakeSlack) -> list[str]:
    return [request.path.removeprefix("/api/") for request in fake.requests]


# -- the message and its thread ------------------------------------------------------------------


def test_a_message_is_edited_in_place_and_its_thread_tells_what_happened(fake: FakeSlack) -> None:
    live(fake)
    (root,) = fake.roots
    assert root.edits == 3
    assert "RESOLVED" in root.text
    assert [reply.text for reply in fake.replies] == [
        "<!here> 02:12 escalated to critical: nobody has acknowledged it in 8 min",
        "02:15 acknowledged (ana)",
        "02:52 resolved: run 4 succeeded after 30 min",
    ]


def test_only_what_is_loud_is_seen_in_the_channel_again(fake: FakeSlack) -> None:
    live(fake)
    assert [reply.broadcast for reply in fake.replies] == [True, False, False]


def test_nobody_is_called_if_no_mention_is_set(fake: FakeSlack) -> None:
    live(fake, mention="")
    assert not [reply for reply in fake.replies if "<!" in reply.text]


@pytest.mark.parametrize("lost", range(4))
def test_a_reply_is_not_doubled_after_a_crash(fake: FakeSlack, lost: int) -> None:
    """What was held after each step is lost once, and the step is done again."""
    held: dict[str, Any] = {}
    for number, delivery in enumerate(life()):
        new = make(fake).deliver(delivery, held)
        if number == lost:
            make(fake).deliver(delivery, {})
            new = make(fake).deliver(delivery, held)
        held = new
    assert len(fake.replies) == 3
    assert len(fake.roots) == 1


def test_a_message_is_found_among_many_others(fake: FakeSlack) -> None:
    make(fake).deliver(opened(), {})
    for number in range(PAGE * 3):
        ts = f"{at(5).timestamp() + number / 100:.6f}"
        fake.messages.append(Message(ts, "chat", [], {}, foreign=True))
    make(fake).deliver(opened(), {})
    assert len(fake.roots) == 1


def test_a_search_that_takes_too_long_is_given_up_and_nothing_is_posted(
    fake: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot, "SEARCH_S", -1)
    with pytest.raises(Unavailable, match="too long to read") as caught:
        make(fake).deliver(opened(), {})
    assert not caught.value.permanent
    assert not fake.messages


def test_messages_from_before_the_incident_are_not_read(fake: FakeSlack) -> None:
    for number in range(PAGE * 3):
        ts = f"{at(-600).timestamp() + number:.6f}"
        fake.messages.append(Message(ts, "chat", [], {}, foreign=True))
    make(fake).deliver(opened(), {})
    assert calls(fake) == ["conversations.history", "chat.postMessage"]


def test_a_message_that_somebody_deleted_is_posted_anew(fake: FakeSlack) -> None:
    held = make(fake).deliver(opened(), {})
    fake.messages.clear()
    make(fake).deliver(life()[3], held)
    assert fake.standing(KEY) == "RESOLVED"


def test_without_the_right_to_read_it_is_told_all_the_same(fake: FakeSlack) -> None:
    fake.scopes.discard("channels:history")
    live(fake)
    assert fake.standing(KEY) == "RESOLVED"
    assert len(fake.replies) == 3
    token, channel = make(fake).check()
    assert (token.grade, channel.grade) == ("good", "bad")
    assert "channels:history" in channel.detail


# -- what Slack refuses --------------------------------------------------------------------------


def test_too_many_posts_come_back_when_slack_says(fake: FakeSlack) -> None:
    fake.posts_left = 0
    with pytest.raises(Unavailable) as caught:
        make(fake).deliver(opened(), {})
    assert (caught.value.permanent, caught.value.retry_after_s) == (False, 3)


def test_a_message_that_is_too_long_is_made_shorter(fake: FakeSlack) -> None:
    fake.total = 1200
    make(fake).deliver(opened(), {})
    told = "\n".join(read(fake.roots[0].blocks))
    assert "CRITICAL" in told
    assert "Since" in told


def test_one_that_is_never_short_enough_is_an_error(fake: FakeSlack) -> None:
    fake.total = 10
    with pytest.raises(Unavailable, match="msg_blocks_too_long") as caught:
        make(fake).deliver(opened(), {})
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("problem", "mend"),
    [("archived", "open it again"), ("member", "/invite"), ("channel", "/invite")],
)
def test_a_refusal_says_what_to_do(fake: FakeSlack, problem: str, mend: str) -> None:
    fake.archived = problem == "archived"
    fake.member = problem != "member"
    other = {"channel": "C0000OTHER"} if problem == "channel" else {}
    with pytest.raises(Unavailable, match=mend) as caught:
        make(fake, **other).deliver(opened(), {})
    assert caught.value.permanent


def test_a_channel_is_named_by_its_id() -> None:
    with pytest.raises(ValueError, match="channel"):
        SlackConfig.model_validate({"token": "env:T", "channel": "#alerts"})


def test_a_mention_is_one_of_slacks() -> None:
    with pytest.raises(ValueError, match="mention"):
        SlackConfig.model_validate({"token": "env:T", "channel": CHANNEL, "mention": "@here"})


# -- what comes from outside ---------------------------------------------------------------------


def test_names_and_errors_call_nobody_and_are_no_markup(fake: FakeSlack) -> None:
    held: dict[str, Any] = {}
    for delivery in life(HOSTILE):
        held = make(fake, mention="").deliver(delivery, held)
    for message in fake.messages:
        assert "<" not in message.text
        assert not message.blocks or '"mrkdwn"' not in json.dumps(message.blocks)
    assert "<!channel> @here *bold*" in "\n".join(read(fake.roots[0].blocks))


# -- buttons -------------------------------------------------------------------------------------


def buttons(fake: FakeSlack) -> list[str]:
    names = {"button": "text", "static_select": "placeholder"}
    elements = fake.roots[0].blocks[-1]["elements"]
    return [each[names[each["type"]]]["text"] for each in elements]


def test_the_buttons_are_those_that_make_sense(fake: FakeSlack) -> None:
    links = [link.text for link in FAILED.links]
    asks = ["Acknowledge", "Snooze", "Expected", "New normal", "Silence"]
    live(fake, 1)
    assert buttons(fake) == [*asks, *links]
    fake.messages.clear()
    live(fake, 3)
    assert buttons(fake) == [*asks[1:], *links]
    fake.messages.clear()
    live(fake, 4)
    assert buttons(fake) == ["Was expected", "New normal", *links]


def test_without_a_signing_secret_there_are_only_links(fake: FakeSlack) -> None:
    live(fake, 1, signing_secret=None)
    assert buttons(fake) == [link.text for link in FAILED.links]
    headers, body = interaction({"action_id": "trackside_acknowledge", "block_id": KEY}, NIGHT)
    with pytest.raises(Unauthorized, match="set signing_secret"):
        make(fake, signing_secret=None).inbound(headers, body, NIGHT)


@pytest.mark.parametrize("what", ["acknowledge", "expected", "new_normal"])
def test_a_click_is_what_a_person_asks_for(fake: FakeSlack, what: str) -> None:
    live(fake, 1)
    block = fake.roots[0].blocks[-1]
    click = {"action_id": f"trackside_{what}", "block_id": block["block_id"]}
    assert click["action_id"] in [element["action_id"] for element in block["elements"]]
    headers, body = interaction(click, NIGHT)
    (action,) = make(fake).inbound(headers, body, NIGHT)
    identity = f"{KEY}:trackside_{what}:{NIGHT.timestamp():.6f}"
    assert action == Action(identity, KEY, WhatToDo(what), "ana", "in Slack")


@pytest.mark.parametrize(
    ("what", "value", "hours"), [("snooze", "4h", 4), ("silence", "168h", 168)]
)
def test_a_choice_tells_until_when(fake: FakeSlack, what: str, value: str, hours: int) -> None:
    click = {
        "action_id": f"trackside_{what}",
        "block_id": KEY,
        "selected_option": {"value": value},
    }
    headers, body = interaction(click, NIGHT)
    (action,) = make(fake).inbound(headers, body, NIGHT)
    assert (action.what, action.until) == (WhatToDo(what), NIGHT + timedelta(hours=hours))


@pytest.mark.parametrize("name", ["open_0", "trackside_", "trackside_drop_tables", "other"])
def test_other_clicks_ask_for_nothing(fake: FakeSlack, name: str) -> None:
    headers, body = interaction({"action_id": name, "block_id": KEY}, NIGHT)
    assert make(fake).inbound(headers, body, NIGHT) == []


def test_a_forged_click_is_not_heard(fake: FakeSlack) -> None:
    click = {"action_id": "trackside_acknowledge", "block_id": KEY}
    headers, body = interaction(click, NIGHT, secret="guessed")
    with pytest.raises(Unauthorized, match="not signed"):
        make(fake).inbound(headers, body, NIGHT)
    headers, body = interaction(click, NIGHT)
    with pytest.raises(Unauthorized, match="not signed"):
        make(fake).inbound(headers, body + b"&x=1", NIGHT)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_click_that_is_over_five_minutes_old_is_a_replay(fake: FakeSlack, seconds: int) -> None:
    headers, body = interaction({"action_id": "trackside_acknowledge", "block_id": KEY}, NIGHT)
    with pytest.raises(Unauthorized, match="five minutes"):
        make(fake).inbound(headers, body, NIGHT + timedelta(seconds=seconds))


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "9" * 400, "\u0663"])
def test_a_strange_time_is_not_heard(fake: FakeSlack, timestamp: str) -> None:
    headers, body = interaction({"action_id": "trackside_acknowledge", "block_id": KEY}, NIGHT)
    with pytest.raises(Unauthorized):
        make(fake).inbound(headers | {"x-slack-request-timestamp": timestamp}, body, NIGHT)


def test_a_signed_body_that_is_no_interaction_is_malformed(fake: FakeSlack) -> None:
    with pytest.raises(BadInput, match="interaction of Slack"):
        make(fake).inbound(*signed(b"payload=nonsense"), NIGHT)


def signed(body: bytes) -> tuple[dict[str, str], bytes]:
    import hmac
    from hashlib import sha256

    from tests.support.channels.slack import SIGNING_SECRET

    timestamp = str(int(NIGHT.timestamp()))
    right = hmac.new(SIGNING_SECRET.encode(), f"v0:{timestamp}:".encode() + body, sha256)
    headers = {"x-slack-signature": "v0=" + right.hexdigest()}
    return headers | {"x-slack-request-timestamp": timestamp}, body


# -- incoming webhooks ---------------------------------------------------------------------------


def test_an_incoming_webhook_makes_a_long_message_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeSlackWebhook() as fake:
        monkeypatch.setenv("FAKE_SLACK_HOOK", fake.secrets()["FAKE_SLACK_HOOK"])
        fake.total = 1200
        config = SlackWebhookConfig.model_validate(fake.settings())
        SlackWebhook(config, "alerts", allowed=["127.0.0.1"]).deliver(opened(), {})
        assert fake.count() == 1
