"""What every notifier keeps to, whatever its channel does.

To add a notifier, add a Case: the fake that is its channel. The suite breaks the channel in every
way a network, a proxy or a bug can.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol

import pytest
from msgspec import Struct

import alerting.notifiers
from alerting.notifiers import base, email
from hub.errors import Unauthorized, Unavailable
from hub.ports import Grade, Notifier, notifiers, reach
from tests.support.channels.alertmanager import FakeAlertmanager
from tests.support.channels.grafana import FakeGrafana
from tests.support.channels.known import secret_parts
from tests.support.channels.opsgenie import FakeOpsgenie
from tests.support.channels.pagerduty import FakePagerDuty
from tests.support.channels.receivers import FakeJson, FakeReceiver
from tests.support.channels.server import Fault, Reply
from tests.support.channels.slack import FakeSlack, FakeSlackWebhook
from tests.support.channels.smtp import FakeSmtp
from tests.support.channels.teams import FakeTeams
from tests.support.messages import HOSTILE, HUGE, NIGHT, at, life, opened
from tests.support.told import every_kind

alerting.notifiers.load()
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # apprise's
LOOPBACK = ["127.0.0.0/8"]
KEY = "incident-4711"
SHAPES: list[Any] = [
    "<html>",
    [],
    [[]],
    [{"id": "x"}],
    {},
    {"ok": True},
    {"ok": True, "ts": 7, "messages": {"x": 1}, "response_metadata": [1]},
    {"ok": True, "messages": [1, {"ts": "1", "metadata": 1}], "ts": "2"},
    {"ok": True, "messages": [{"metadata": {"event_type": 1, "event_payload": 2}}]},
    {"ok": False, "error": 5},
    {"id": None, "versionInfo": 5},
]


class Channel(Protocol):
    refused: list[Any]

    def settings(self) -> dict[str, Any]: ...
    def secrets(self) -> dict[str, str]: ...
    def count(self) -> int: ...
    def standing(self, key: str) -> str | None: ...
    def fail(self, *faults: Fault) -> None: ...


class Case(Struct, frozen=True):
    """One channel.

    tells: whether it tells why it refuses. again_s: whether it says when to come back.
    guarded: whether it keeps us from private addresses. logs_in: whether this fake asks who we are.
    """

    kind: str
    channel: Callable[[], Any]
    keyed: bool = True
    tells: bool = True
    again_s: float | None = 7
    guarded: bool = True
    logs_in: bool = True


CASES = [
    Case("pagerduty", FakePagerDuty),
    Case("slack", lambda: FakeSlack(clock=at(2).timestamp())),
    Case("slack_webhook", FakeSlackWebhook, keyed=False),
    Case("webhook", lambda: FakeReceiver(at(60)), keyed=False),
    Case("alertmanager", lambda: FakeAlertmanager(at(60))),
    Case("opsgenie", FakeOpsgenie),
    Case("grafana", FakeGrafana),
    Case("teams", FakeTeams, keyed=False),
    Case("email", FakeSmtp, keyed=False, again_s=None, logs_in=False),
    Case("apprise", FakeJson, keyed=False, tells=False, again_s=None, guarded=False),
]


@pytest.fixture(params=CASES, ids=lambda case: case.kind)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.fixture
def channel(case: Case, monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    with case.channel() as fake:
        for name, value in fake.secrets().items():
            monkeypatch.setenv(name, value)
        yield fake


def make(case: Case, channel: Channel, allowed: list[str] = LOOPBACK) -> Any:
    kind: Any = notifiers.get(case.kind)
    config = kind.Config.model_validate(channel.settings())
    return kind(config, "night shift", allowed=allowed, clock=lambda: at(60))


@pytest.fixture
def notifier(case: Case, channel: Channel) -> Iterator[Notifier]:
    made: Notifier = make(case, channel)
    yield made
    made.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """All bounds are a fraction of what they are."""
    short = dict.fromkeys(["connect", "read", "write", "pool"], 0.5)
    monkeypatch.setattr(base, "_TIMEOUT", short)
    monkeypatch.setattr(reach.Reach.__init__, "__kwdefaults__", {"verify": True, "total_s": 0.8})
    monkeypatch.setattr(email, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(email, "TOTAL_S", 0.8)


def kept(held: dict[str, Any]) -> dict[str, Any]:
    """As the hub keeps it: through JSON."""
    again: dict[str, Any] = json.loads(json.dumps(held))
    return again


def test_every_kind_is_here() -> None:
    assert [case.kind for case in CASES if case.kind in notifiers] == [c.kind for c in CASES]
    ours = {name for name, kind in notifiers.items() if kind.__module__.startswith("alerting.")}
    assert ours == {case.kind for case in CASES}


def test_a_kind_tells_whether_it_is_keyed(case: Case) -> None:
    assert notifiers.get(case.kind).keyed is case.keyed


def test_a_life_from_open_to_resolved_is_shown(
    case: Case, channel: Channel, notifier: Notifier
) -> None:
    held: dict[str, Any] = {}
    for number, delivery in enumerate(life(), 1):
        held = kept(notifier.deliver(delivery, held))
        assert channel.standing(KEY) == delivery.standing.value
        assert channel.count() == (1 if case.keyed else number)
    assert not channel.refused


@pytest.mark.parametrize("step", range(4))
def test_the_same_again_changes_nothing(
    case: Case, channel: Channel, notifier: Notifier, step: int
) -> None:
    held: dict[str, Any] = {}
    for delivery in life()[: step + 1]:
        held = kept(notifier.deliver(delivery, held))
    before = channel.count()
    again = kept(notifier.deliver(life()[step], held))
    assert channel.count() == before
    assert again == held
    assert channel.standing(KEY) == life()[step].standing.value


@pytest.mark.parametrize("step", range(4))
def test_what_may_have_been_delivered_is_not_doubled(
    case: Case, channel: Channel, notifier: Notifier, step: int
) -> None:
    """The hub died before it could write down what it was given to hold."""
    held: dict[str, Any] = {}
    for delivery in life()[:step]:
        held = kept(notifier.deliver(delivery, held))
    notifier.deliver(life()[step], held)
    before = channel.count()
    notifier.deliver(life()[step], {})
    assert channel.standing(KEY) == life()[step].standing.value
    assert channel.count() == (1 if case.keyed else before + 1)


def test_a_lost_answer_is_an_error_that_passes_and_doubles_nothing(
    case: Case, channel: Channel, notifier: Notifier
) -> None:
    for delivery in life():
        channel.fail(Fault.LOST)
        with pytest.raises(Unavailable) as caught:
            notifier.deliver(delivery, {})
        assert not caught.value.permanent
        notifier.deliver(delivery, {})
        assert channel.standing(KEY) == delivery.standing.value
    assert not case.keyed or channel.count() == 1


def test_many_incidents_are_told_at_the_same_time(
    case: Case, channel: Channel, notifier: Notifier
) -> None:
    """Serially per key is all that the hub promises."""
    keys = [f"incident-{number}" for number in range(12)]

    def whole(key: str) -> None:
        held: dict[str, Any] = {}
        for delivery in life(key=key):
            held = kept(notifier.deliver(delivery, held))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(whole, keys))
    assert channel.count() == len(keys) * (1 if case.keyed else 4)
    assert channel.standing(keys[0]) == "RESOLVED"
    assert not channel.refused


def test_every_kind_of_message_is_taken(channel: Channel, notifier: Notifier) -> None:
    for kind, message in every_kind().items():
        held: dict[str, Any] = {}
        for delivery in life(message, kind):
            held = kept(notifier.deliver(delivery, held))
        assert not channel.refused, kind


@pytest.mark.parametrize("message", [HOSTILE, HUGE], ids=["hostile", "huge"])
def test_no_message_is_too_strange_or_too_long(
    channel: Channel, notifier: Notifier, message: Any
) -> None:
    held: dict[str, Any] = {}
    for delivery in life(message, "k" * 255):
        held = kept(notifier.deliver(delivery, held))
    assert not channel.refused


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_an_answer_of_any_shape_is_an_error_at_most(
    case: Case, channel: Any, notifier: Notifier, shape: Any
) -> None:
    if case.kind == "email":
        pytest.skip("no HTTP")
    for held in ({}, kept(notifier.deliver(opened(), {}))):
        channel.faults.extend([Reply(200, shape)] * 8)
        for act in (lambda held=held: notifier.deliver(life()[1], held), notifier.check):
            with suppress(Unavailable):
                act()
        channel.faults.clear()


def test_a_wrong_credential_is_permanent(case: Case, channel: Channel, notifier: Notifier) -> None:
    if not case.tells or not case.logs_in:
        pytest.skip("it does not tell")
    failure = failed(channel, notifier, Fault.UNAUTHORIZED)
    assert failure.permanent


def test_what_is_not_there_is_permanent_and_says_what_to_do(
    case: Case, channel: Channel, notifier: Notifier
) -> None:
    failure = failed(channel, notifier, Fault.REFUSED)
    assert failure.permanent is case.tells
    assert "'night shift'" in str(failure)
    assert "check" in str(failure) or ";" in str(failure)


def test_too_much_passes_and_tells_when(case: Case, channel: Channel, notifier: Notifier) -> None:
    failure = failed(channel, notifier, Fault.BUSY)
    assert not failure.permanent
    assert failure.retry_after_s == case.again_s


def test_a_broken_channel_passes(channel: Channel, notifier: Notifier) -> None:
    assert not failed(channel, notifier, Fault.BROKEN).permanent


def test_nobody_there_passes(case: Case, channel: Any) -> None:
    notifier = make(case, channel)
    channel.__exit__(None, None, None)
    with pytest.raises(Unavailable) as caught:
        notifier.deliver(opened(), {})
    assert not caught.value.permanent


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("fault", [Fault.HANGS, Fault.TRICKLES])
def test_a_call_ends_by_itself(case: Case, channel: Any, fault: Fault) -> None:
    if case.kind == "apprise":
        pytest.skip("its own bounds: 4 s to connect and between two reads")
    notifier = make(case, channel)
    start = time.monotonic()
    assert not failed(channel, notifier, fault).permanent
    assert time.monotonic() - start < 6


def test_no_secret_is_told(case: Case, channel: Channel, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    notifier = make(case, channel)
    told = [repr(notifier), str(notifier), repr(notifier.config), notifier.config.model_dump_json()]
    told.append(json.dumps(notifier.deliver(opened(), {})))
    for fault in (Fault.ECHO, Fault.UNAUTHORIZED, Fault.REFUSED, Fault.BUSY, Fault.BROKEN):
        channel.fail(fault)
        try:
            notifier.deliver(life()[1], {})
        except Unavailable as failure:
            told += [str(failure), repr(failure), repr(failure.__cause__)]
    told.append(caplog.text)
    for secret in secret_parts(channel):
        assert not [text for text in told if secret in text]


def test_a_secret_that_is_not_set_is_named(
    case: Case, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.kind == "email":
        pytest.skip("this one logs in with none")
    notifier = make(case, channel)
    for name in channel.secrets():
        monkeypatch.delenv(name)
    with pytest.raises(Unavailable, match="env:FAKE_") as caught:
        notifier.deliver(opened(), {})
    assert caught.value.permanent


def test_a_private_address_is_refused_unless_it_is_allowed(case: Case, channel: Channel) -> None:
    if not case.guarded:
        pytest.skip("the operator answers for its addresses")
    for allowed in ([], ["10.0.0.0/8"]):
        with pytest.raises(Unavailable, match="private address") as caught:
            make(case, channel, allowed).deliver(opened(), {})
        assert caught.value.permanent
    assert channel.count() == 0


def test_a_check_is_good_and_tells_nobody(channel: Channel, notifier: Notifier) -> None:
    findings = notifier.check()
    assert findings
    assert {finding.grade for finding in findings} == {Grade.GOOD}
    assert channel.count() == 0
    assert not channel.refused


def test_what_the_channel_did_not_sign_is_not_heard(notifier: Notifier) -> None:
    for body in (b"", b"{}", b"payload=%7B%7D"):
        with pytest.raises(Unauthorized):
            notifier.inbound({}, body, NIGHT)


def failed(channel: Channel, notifier: Notifier, fault: Fault) -> Unavailable:
    """The first call fails with it."""
    channel.fail(fault)
    with pytest.raises(Unavailable) as caught:
        notifier.deliver(opened(), {})
    return caught.value
