"""What is particular to one channel: webhooks, Alertmanager, Opsgenie, Grafana, Teams, apprise."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from msgspec.structs import replace

from alerting.notifiers.alertmanager import Alertmanager, AlertmanagerConfig
from alerting.notifiers.apprise import Apprise, AppriseConfig
from alerting.notifiers.grafana import Grafana, GrafanaConfig
from alerting.notifiers.opsgenie import Opsgenie, OpsgenieConfig
from alerting.notifiers.teams import Teams, TeamsConfig
from alerting.notifiers.webhook import Webhook, WebhookConfig
from hub.errors import Unavailable
from hub.ports import Delivery, Standing
from hub.signing import key_of, signed_headers
from tests.support.channels import teams
from tests.support.channels.alertmanager import FakeAlertmanager
from tests.support.channels.grafana import FakeGrafana
from tests.support.channels.opsgenie import FakeOpsgenie
from tests.support.channels.receivers import NEW, OLD, FakeJson, FakeReceiver
from tests.support.channels.server import FakeChannel, Fault, Reply
from tests.support.channels.teams import FakeTeams
from tests.support.messages import CHANGED, CREEP, FAILED, HOSTILE, HUGE, LATE, at, life, opened

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # apprise's


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts a fake, with the secrets of its settings."""
    started: list[FakeChannel] = []

    def start(fake: Any) -> Any:
        started.append(fake.__enter__())
        for name, value in fake.secrets().items():
            monkeypatch.setenv(name, value)
        return fake

    yield start
    for fake in started:
        fake.__exit__(None, None, None)


def make(kind: Any, config: Any, fake: FakeChannel, **other: Any) -> Any:
    settings = config.model_validate(fake.settings() | other)
    return kind(settings, "target", allowed=["127.0.0.1"], clock=lambda: at(60))


# -- webhook -------------------------------------------------------------------------------------


def test_a_webhook_is_signed_as_standard_webhooks_has_it(channels: Any) -> None:
    fake: FakeReceiver = channels(FakeReceiver(at(60)))
    make(Webhook, WebhookConfig, fake, secrets=["env:FAKE_HOOK_OLD"]).deliver(opened(), {})
    request = fake.requests[0]
    content = f"{request.headers['webhook-id']}.{int(at(60).timestamp())}.".encode() + request.body
    key = base64.b64decode(OLD.removeprefix("whsec_"))
    right = base64.b64encode(hmac.new(key, content, sha256).digest()).decode()
    assert request.headers["webhook-signature"] == f"v1,{right}"


def test_a_signature_is_that_of_the_standards_example() -> None:
    key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signed = signed_headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("knows", [OLD, NEW])
def test_while_a_secret_is_replaced_both_verify(channels: Any, knows: str) -> None:
    fake: FakeReceiver = channels(FakeReceiver(at(60)))
    fake.knows = knows
    make(Webhook, WebhookConfig, fake).deliver(opened(), {})
    assert fake.count() == 1


def test_a_resend_has_the_same_id_and_a_new_version_another(channels: Any) -> None:
    fake: FakeReceiver = channels(FakeReceiver(at(60)))
    webhook = make(Webhook, WebhookConfig, fake)
    for delivery in (life()[0], life()[0], life()[1]):
        webhook.deliver(delivery, {})
    first, again, other = fake.ids
    assert first == again != other


def test_a_webhook_holds_the_message_as_data(channels: Any) -> None:
    fake: FakeReceiver = channels(FakeReceiver(at(60)))
    make(Webhook, WebhookConfig, fake).deliver(life()[3], {})
    (body,) = fake.bodies
    assert body["type"] == "incident.resolved"
    assert body["timestamp"] == "2026-11-25T02:52:00Z"
    assert (body["data"]["key"], body["data"]["version"]) == ("incident-4711", 4)
    assert body["data"]["hit"][0]["probability"] == 0.94
    assert body["data"]["evidence"]["attempt"] == 3


def test_a_job_that_has_changed_is_a_call_of_a_type_of_its_own(channels: Any) -> None:
    fake: FakeReceiver = channels(FakeReceiver(at(60)))
    make(Webhook, WebhookConfig, fake).deliver(opened(CHANGED, "change-1"), {})
    assert fake.bodies[-1]["type"] == "job.changed"
    assert fake.bodies[-1]["data"]["blocks"] == [
        {"label": "What changed", "lines": ["reads db:items"]}
    ]


def test_a_secret_that_is_none_is_told_without_it(
    channels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake: FakeReceiver = channels(FakeReceiver(at(60)))
    monkeypatch.setenv("FAKE_HOOK_OLD", "whsec_not base64!")
    with pytest.raises(Unavailable, match="env:FAKE_HOOK_OLD is not base64") as caught:
        make(Webhook, WebhookConfig, fake).deliver(opened(), {})
    assert "not base64!" not in str(caught.value)


# -- Alertmanager --------------------------------------------------------------------------------


def test_an_alert_is_ended_where_its_labels_change(channels: Any) -> None:
    fake: FakeAlertmanager = channels(FakeAlertmanager(at(60)))
    notifier = make(Alertmanager, AlertmanagerConfig, fake)
    held = notifier.deliver(opened(CREEP), {})
    notifier.deliver(
        Delivery("incident-4711", 2, Standing.OPEN, replace(CREEP, severity="error")), held
    )
    assert [alert["labels"]["severity"] for alert in fake.firing()] == ["error"]
    assert fake.count() == 2


def test_an_alert_fires_until_it_is_not_sent_again(channels: Any) -> None:
    fake: FakeAlertmanager = channels(FakeAlertmanager(at(60)))
    make(Alertmanager, AlertmanagerConfig, fake, hold_s=300).deliver(opened(), {})
    fake.now = at(64)
    assert fake.firing()
    fake.now = at(66)
    assert not fake.firing()


def test_an_alert_leads_back_to_its_incident(channels: Any) -> None:
    fake: FakeAlertmanager = channels(FakeAlertmanager(at(60)))
    labels = {"env": "prod"}
    make(Alertmanager, AlertmanagerConfig, fake, labels=labels).deliver(opened(), {})
    (alert,) = fake.firing()
    assert alert["generatorURL"] == FAILED.links[0].url
    assert alert["labels"]["env"] == "prod"
    assert "pg_stat_activity" in alert["annotations"]["what_to_do"]


def test_one_member_of_a_cluster_that_takes_it_will_do(channels: Any) -> None:
    fake, other = channels(FakeAlertmanager(at(60))), channels(FakeAlertmanager(at(60)))
    notifier = make(Alertmanager, AlertmanagerConfig, fake, urls=[fake.url, other.url])
    fake.fail(Fault.BROKEN)
    notifier.deliver(opened(), {})
    assert (fake.count(), other.count()) == (0, 1)
    fake.fail(Fault.UNAUTHORIZED)
    other.fail(Fault.BROKEN)
    with pytest.raises(Unavailable) as caught:
        notifier.deliver(opened(), {})
    assert not caught.value.permanent


def test_what_is_no_alertmanager_is_found_out(channels: Any) -> None:
    fake: FakeAlertmanager = channels(FakeAlertmanager(at(60)))
    fake.fail(Reply(200, "<html>"))
    (finding,) = make(Alertmanager, AlertmanagerConfig, fake).check()
    assert (finding.grade, finding.detail) == ("bad", "what answers there is no Alertmanager")


# -- Opsgenie ------------------------------------------------------------------------------------


def test_an_alert_of_opsgenie_calls_the_team(channels: Any) -> None:
    fake: FakeOpsgenie = channels(FakeOpsgenie())
    make(Opsgenie, OpsgenieConfig, fake, priorities={"error": "P1"}).deliver(opened(LATE), {})
    body = fake.alerts[0].body
    assert body["responders"] == [{"type": "team", "name": "data"}]
    assert body["priority"] == "P1"
    assert body["message"].startswith("ERROR: finance.daily_revenue has not started")
    assert body["tags"] == ["late_start", "finance"]


def test_a_strange_key_is_closed_again(channels: Any) -> None:
    fake: FakeOpsgenie = channels(FakeOpsgenie())
    notifier = make(Opsgenie, OpsgenieConfig, fake)
    held: dict[str, Any] = {}
    for delivery in life(key="a/b?c#d e%2F"):
        held = notifier.deliver(delivery, held)
    assert [alert.status for alert in fake.alerts] == ["closed"]


# -- Grafana -------------------------------------------------------------------------------------


def test_a_region_grows_from_since_to_resolved(channels: Any) -> None:
    fake: FakeGrafana = channels(FakeGrafana())
    notifier = make(Grafana, GrafanaConfig, fake, dashboard="abc")
    held: dict[str, Any] = {}
    for delivery in life():
        held = notifier.deliver(delivery, held)
    (annotation,) = fake.annotations.values()
    assert annotation["time"] == at(-7).timestamp() * 1000
    assert annotation["timeEnd"] == at(52).timestamp() * 1000
    assert annotation["dashboardUID"] == "abc"
    assert {"trackside", "prod", "critical", "data-platform"} <= set(annotation["tags"])


def test_an_annotation_that_was_deleted_is_made_anew(channels: Any) -> None:
    fake: FakeGrafana = channels(FakeGrafana())
    notifier = make(Grafana, GrafanaConfig, fake)
    held = notifier.deliver(opened(), {})
    fake.annotations.clear()
    notifier.deliver(life()[3], held)
    assert fake.standing("incident-4711") == "RESOLVED"


def test_an_annotation_holds_no_markup_of_others(channels: Any) -> None:
    fake: FakeGrafana = channels(FakeGrafana())
    make(Grafana, GrafanaConfig, fake).deliver(opened(HOSTILE), {})
    text = fake.annotations[1]["text"]
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "javascript:alert(1)" not in text.replace("[a](javascript:alert(1))", "")


# -- Teams ---------------------------------------------------------------------------------------


def test_a_card_tells_all_as_text(channels: Any) -> None:
    fake: FakeTeams = channels(FakeTeams())
    make(Teams, TeamsConfig, fake).deliver(opened(HOSTILE), {})
    (card,) = fake.cards
    assert "<at>all</at>" in "\n".join(teams.read(card))
    assert "entities" not in json.dumps(card)
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}


def test_a_card_is_only_as_short_as_it_must_be(channels: Any) -> None:
    fake: FakeTeams = channels(FakeTeams())
    make(Teams, TeamsConfig, fake).deliver(opened(HUGE), {})
    assert 15_000 < len(fake.requests[0].body) <= 28_000


# -- apprise -------------------------------------------------------------------------------------


def test_apprise_tells_text_without_mentions(channels: Any) -> None:
    fake: FakeJson = channels(FakeJson())
    make(Apprise, AppriseConfig, fake).deliver(opened(HOSTILE), {})
    (notice,) = fake.notices
    assert notice["type"] == "failure"
    assert "@here" not in notice["title"] + notice["message"]
    assert "<!channel>" not in notice["title"]


def test_an_address_that_apprise_does_not_know_is_permanent(
    channels: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake: FakeJson = channels(FakeJson())
    monkeypatch.setenv("FAKE_APPRISE", "nonsense://secret-token")
    with pytest.raises(Unavailable, match="no address that apprise knows") as caught:
        make(Apprise, AppriseConfig, fake).deliver(opened(), {})
    assert caught.value.permanent
    assert "secret-token" not in str(caught.value)
