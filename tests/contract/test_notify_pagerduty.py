"""What PagerDuty is sent, and what comes back from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from alerting.notifiers.pagerduty import PagerDuty, PagerDutyConfig
from hub.errors import Unauthorized, Unavailable
from hub.ports import Action, Delivery, Standing, WhatToDo
from tests.support.channels.pagerduty import OTHER_KEY, ROUTING_KEY, FakePagerDuty, webhook
from tests.support.messages import CHANGED, CREEP, FAILED, HUGE, NIGHT, at, life, opened


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePagerDuty]:
    with FakePagerDuty() as fake:
        for name, value in fake.secrets().items():
            monkeypatch.setenv(name, value)
        yield fake


def make(fake: FakePagerDuty, **other: Any) -> PagerDuty:
    config = PagerDutyConfig.model_validate(fake.settings() | other)
    return PagerDuty(config, "on call", allowed=["127.0.0.1"])


def test_a_trigger_tells_all_that_is_needed_at_night(fake: FakePagerDuty) -> None:
    make(fake).deliver(opened(), {})
    event = fake.incidents[0].payloads[0]
    assert event["payload"]["summary"].startswith("CRITICAL: warehouse.load_orders failed")
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["timestamp"] == "2026-11-25T01:53:00+00:00"
    assert "pg_stat_activity" in event["payload"]["custom_details"]["What to do"]
    assert event["payload"]["custom_details"]["Evidence"]["attempt"] == 3
    assert event["links"][0]["href"] == event["client_url"] == FAILED.links[0].url


def test_severities_can_be_mapped(fake: FakePagerDuty) -> None:
    make(fake, severities={"info": "warning"}).deliver(opened(CREEP), {})
    assert fake.incidents[0].payloads[0]["payload"]["severity"] == "warning"


def test_of_a_message_that_is_too_large_the_largest_details_are_left_out(
    fake: FakePagerDuty,
) -> None:
    make(fake).deliver(opened(HUGE), {})
    details = fake.incidents[0].payloads[0]["payload"]["custom_details"]
    assert "Evidence" not in details
    assert "Since" in details


def test_a_long_key_stays_one_incident(fake: FakePagerDuty) -> None:
    held: dict[str, Any] = {}
    for delivery in life(key="k" * 300):
        held = make(fake).deliver(delivery, held)
    assert [each.status for each in fake.incidents] == ["resolved"]


def test_an_incident_that_was_acknowledged_before_it_was_told_is_there_and_acknowledged(
    fake: FakePagerDuty,
) -> None:
    make(fake).deliver(life()[2], {})
    assert [each.status for each in fake.incidents] == ["acknowledged"]


def test_an_acknowledge_does_not_trigger_anew(fake: FakePagerDuty) -> None:
    held = make(fake).deliver(opened(), {})
    make(fake).deliver(life()[2], held)
    assert len(fake.incidents[0].payloads) == 1


def test_a_resolve_goes_where_the_trigger_went(
    fake: FakePagerDuty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target has another routing key since."""
    monkeypatch.setenv("OTHER_KEY", "x" * 32)
    held = make(fake).deliver(opened(), {})
    assert ROUTING_KEY not in str(held)
    make(fake, routing_key="env:OTHER_KEY").deliver(life()[3], held)
    assert [each.status for each in fake.incidents] == ["resolved"]


def test_with_another_routing_key_it_moves_to_that_service_and_is_over_at_the_former(
    fake: FakePagerDuty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", OTHER_KEY)
    held = make(fake).deliver(opened(), {})
    other = make(fake, routing_key="env:OTHER_KEY")
    held = other.deliver(Delivery("incident-4711", 2, Standing.OPEN, FAILED), held)
    assert [(one.routing_key, one.status) for one in fake.incidents] == [
        (ROUTING_KEY, "resolved"),
        (OTHER_KEY, "triggered"),
    ]
    other.deliver(Delivery("incident-4711", 3, Standing.RESOLVED, FAILED), held)
    assert [one.status for one in fake.incidents] == ["resolved", "resolved"]
    assert fake.dropped == []


def test_a_former_key_that_is_gone_keeps_no_page_back(
    fake: FakePagerDuty, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTHER_KEY", OTHER_KEY)
    held = make(fake).deliver(opened(), {})
    monkeypatch.delenv("FAKE_PD_KEY")
    make(fake, routing_key="env:OTHER_KEY").deliver(
        Delivery("incident-4711", 2, Standing.OPEN, FAILED), held
    )
    assert [one.status for one in fake.incidents] == ["triggered", "triggered"]
    assert "incident_left_open" in "".join(capsys.readouterr())


def test_what_opens_again_is_a_new_incident(fake: FakePagerDuty) -> None:
    held: dict[str, Any] = {}
    for delivery in [*life(), Delivery("incident-4711", 5, Standing.OPEN, FAILED, loud=True)]:
        held = make(fake).deliver(delivery, held)
    assert [each.status for each in fake.incidents] == ["resolved", "triggered"]


def test_a_wrong_routing_key_is_told_with_what_to_do(
    fake: FakePagerDuty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_PD_KEY", "y" * 32)
    with pytest.raises(Unavailable, match="integration key of an Events API v2") as caught:
        make(fake).deliver(opened(), {})
    assert caught.value.permanent
    assert make(fake).check()[0].grade == "bad"


def test_a_change_calls_nobody(fake: FakePagerDuty) -> None:
    make(fake).deliver(opened(CHANGED, "change-1"), {})
    (change,) = fake.changes
    assert change["payload"]["summary"] == CHANGED.title
    assert change["payload"]["custom_details"] == {"What changed": "reads db:items"}
    assert change["links"] == [{"href": CHANGED.links[0].url, "text": "Job"}]
    assert fake.count() == 0


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("incident.acknowledged", WhatToDo.ACKNOWLEDGE),
        ("incident.resolved", WhatToDo.RESOLVE),
    ],
)
def test_what_people_do_there_comes_back(fake: FakePagerDuty, kind: str, what: WhatToDo) -> None:
    headers, body = webhook(kind, "incident-4711", NIGHT)
    (action,) = make(fake).inbound(headers, body, NIGHT + timedelta(seconds=30))
    assert action == Action("01DEN4GGKJ0Q", "incident-4711", what, "Ana", "in PagerDuty")


def test_what_our_own_events_did_there_does_not_come_back(fake: FakePagerDuty) -> None:
    headers, body = webhook("incident.resolved", "k", NIGHT, agent="inbound_integration_reference")
    assert make(fake).inbound(headers, body, NIGHT) == []


@pytest.mark.parametrize("kind", ["pagey.ping", "incident.annotated", "incident.escalated"])
def test_other_webhooks_ask_for_nothing(fake: FakePagerDuty, kind: str) -> None:
    headers, body = webhook(kind, "k", NIGHT)
    assert make(fake).inbound(headers, body, NIGHT) == []


def test_a_forged_webhook_is_not_heard(fake: FakePagerDuty) -> None:
    headers, body = webhook("incident.resolved", "k", NIGHT, secret="guessed")
    with pytest.raises(Unauthorized, match="has not signed"):
        make(fake).inbound(headers, body, NIGHT)
    headers, body = webhook("incident.resolved", "k", NIGHT)
    with pytest.raises(Unauthorized, match="has not signed"):
        make(fake).inbound(headers, body.replace(b"resolved", b"acknowl."), NIGHT)


def test_without_a_secret_no_webhook_is_heard(fake: FakePagerDuty) -> None:
    headers, body = webhook("incident.resolved", "k", NIGHT, secret="")
    with pytest.raises(Unauthorized):
        make(fake, webhook_secrets=[]).inbound(headers, body, NIGHT)


@pytest.mark.parametrize("minutes", [-61, 61])
def test_an_old_webhook_is_a_replay(fake: FakePagerDuty, minutes: int) -> None:
    headers, body = webhook("incident.resolved", "k", NIGHT)
    with pytest.raises(Unauthorized, match="over an hour old"):
        make(fake).inbound(headers, body, at(minutes))
