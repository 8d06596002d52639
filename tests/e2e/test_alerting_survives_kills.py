"""A hub killed again and again in a storm: each channel ends with what it should show (DESIGN D9)."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from tests.support.channels.alertmanager import FakeAlertmanager
from tests.support.channels.grafana import FakeGrafana
from tests.support.channels.opsgenie import FakeOpsgenie
from tests.support.channels.pagerduty import FakePagerDuty
from tests.support.channels.receivers import FakeReceiver
from tests.support.channels.slack import FakeSlack
from tests.support.channels.smtp import FakeSmtp
from tests.support.channels.teams import FakeTeams
from tests.support.hub_process import HubProcess
from tests.support.recording import uuid

pytestmark = pytest.mark.timeout(800)

T = TypeVar("T")
JOBS = 12
KILLS = 15  # on each engine
#: They keep one thing per incident, so that no kill makes two of it.
ONE_EACH = ("pagerduty", "slack", "opsgenie", "alertmanager", "grafana")
AT_ONCE = 4  # deliveries of a target that may be under way when the hub is killed


class Storm:
    """Jobs that fail, and in the end work again; the sender does not give up."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub
        self._runs = 0

    def run(self, job: int, kind: str) -> None:
        self._runs += 1
        events = [self._event(job, "START"), self._event(job, kind)]
        for event in events:
            self._send(event)

    def _event(self, job: int, kind: str) -> dict:
        return {
            "eventType": kind,
            "eventTime": datetime.now(UTC).isoformat(),
            "producer": "https://example.org/tests",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": uuid(self._runs)},
            "job": {"namespace": "prod", "name": f"job-{job}"},
        }

    def _send(self, event: dict) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(httpx.TransportError):
                if self._hub.post(event).is_success:
                    return
            if self._hub.process.poll() is not None:
                self._hub.start()
        raise TimeoutError("nobody takes it")


@contextmanager
def told(database_url: str, folder: Path) -> Iterator[tuple[HubProcess, dict[str, Any]]]:
    """A hub that tells eight channels of everything at once."""
    made: dict[str, Any] = {
        "pagerduty": FakePagerDuty(),
        "slack": FakeSlack(clock=time.time()),
        "opsgenie": FakeOpsgenie(),
        "alertmanager": FakeAlertmanager(),
        "grafana": FakeGrafana(),
        "webhook": FakeReceiver(),
        "teams": FakeTeams(),
        "email": FakeSmtp(),
    }
    with ExitStack() as stack:
        for channel in made.values():
            stack.enter_context(channel)
        targets = [
            {"name": kind, "kind": kind, "settings": channel.settings(), "per_minute": 6000}
            for kind, channel in made.items()
        ]
        settings = {
            "version": 1,
            "allowed_networks": ["127.0.0.1"],
            "targets": targets,
            "routes": [{"name": "all", "to": list(made), "group_wait_s": 0, "crowd": 0}],
        }
        (folder / "trackside.yaml").write_text(json.dumps(settings))
        environment = {"TRACKSIDE_DATABASE_URL": database_url}
        for channel in made.values():
            environment |= channel.secrets()
        yield stack.enter_context(HubProcess(folder, environment=environment)), made


def test_each_channel_holds_its_final_state_after_kills_at_random(
    database_url: str, tmp_path: Path
) -> None:
    check_final_states(database_url, tmp_path, KILLS)


def check_final_states(database_url: str, folder: Path, kills: int) -> None:
    """Kills a hub so often, four fifths of it while things fail, the rest while they heal."""
    healing = max(1, kills // 5)
    with told(database_url, folder) as (hub, channels):
        draw, storm = random.Random(7), Storm(hub)
        for number in range(kills - healing):
            storm.run(number % JOBS, "FAIL")
            kill(hub, draw)
        for job in range(JOBS):
            storm.run(job, "FAIL")
        keys = until(lambda: open_incidents(hub, JOBS))
        until(lambda: all(shown(channels, key) == {"OPEN"} for key in keys))
        until(lambda: all(told_last(channels, job) == {"OPEN"} for job in range(JOBS)))
        for number in range(max(JOBS, healing)):
            storm.run(number % JOBS, "COMPLETE")
            if number < healing:
                kill(hub, draw)
        until(lambda: open_incidents(hub, 0))
        until(lambda: all(shown(channels, key) == {"RESOLVED"} for key in keys))
        until(lambda: all(told_last(channels, job) == {"RESOLVED"} for job in range(JOBS)))
    assert {kind: channels[kind].count() for kind in ONE_EACH} == dict.fromkeys(ONE_EACH, JOBS)
    assert {kind: channel.refused for kind, channel in channels.items() if channel.refused} == {}
    for sent in (channels["webhook"].ids, mails(channels["email"]), cards(channels["teams"])):
        assert len(sent) - len(set(sent)) <= kills * AT_ONCE


def mails(email: FakeSmtp) -> list[str]:
    """What each is known by: the same for each attempt of a version."""
    return [str(mail["Message-ID"]) for mail in email.mails]


def cards(teams: FakeTeams) -> list[str]:
    return [json.dumps(card) for card in teams.cards]


def kill(hub: HubProcess, draw: random.Random) -> None:
    time.sleep(draw.uniform(0, 0.8))
    hub.stop(signal.SIGKILL)
    hub.start()


def open_incidents(hub: HubProcess, wanted: int) -> list[str] | None:
    """The keys under which the open incidents are told, if they are so many."""
    told = httpx.get(f"{hub.url}/api/v1/incidents?open=true&limit=100", timeout=30).json()
    found = [one for one in told["incidents"] if one["rule"] == "failed-run"]
    if len(found) != wanted:
        return None
    sent = httpx.get(f"{hub.url}/api/v1/deliveries?target=pagerduty&limit=100", timeout=30).json()
    return [one["key"] for one in sent["deliveries"]] if wanted else []


def shown(channels: dict[str, Any], key: str) -> set[str | None]:
    """What those show that know it by its key."""
    return {channels[kind].standing(key) for kind in (*ONE_EACH, "webhook")}


def told_last(channels: dict[str, Any], job: int) -> set[str | None]:
    """What the others have told of a job last."""
    said = {
        "teams": [card["fallbackText"] for card in list(channels["teams"].cards)],
        "email": [mail_text(mail) for mail in list(channels["email"].mails)],
    }
    mine = [[text for text in texts if f":job-{job}:" in text] for texts in said.values()]
    return {standing_in(texts[-1]) if texts else None for texts in mine}


def mail_text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def standing_in(text: str) -> str:
    word = text.partition(":")[0]
    return word if word in {"ACKNOWLEDGED", "RESOLVED"} else "OPEN"


def until(holds: Callable[[], T | None], timeout_s: float = 150) -> T:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = holds()
        if found is not None and found is not False:
            return found
        time.sleep(0.2)
    raise TimeoutError("it does not come to hold")
