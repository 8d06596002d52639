"""A hub killed again and again in a storm: each channel ends with what it should show (DESIGN D9)."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from tests.support.channels.pagerduty import FakePagerDuty
from tests.support.channels.receivers import FakeReceiver
from tests.support.channels.server import FakeChannel
from tests.support.channels.slack import FakeSlack
from tests.support.hub_process import HubProcess
from tests.support.recording import uuid

pytestmark = pytest.mark.timeout(800)

T = TypeVar("T")
JOBS = 12
KILLS = 15  # on each engine
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
def told(database_url: str, folder: Path) -> Iterator[tuple[HubProcess, dict[str, FakeChannel]]]:
    """A hub that tells three channels of everything at once."""
    made: dict[str, FakeChannel] = {
        "pagerduty": FakePagerDuty(),
        "slack": FakeSlack(clock=time.time()),
        "webhook": FakeReceiver(),
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
        for number in range(max(JOBS, healing)):
            storm.run(number % JOBS, "COMPLETE")
            if number < healing:
                kill(hub, draw)
        until(lambda: open_incidents(hub, 0))
        until(lambda: all(shown(channels, key) == {"RESOLVED"} for key in keys))
    assert channels["pagerduty"].count() == JOBS
    assert channels["slack"].count() == JOBS
    assert [channel.refused for channel in channels.values()] == [[], [], []]
    receiver = channels["webhook"]
    assert isinstance(receiver, FakeReceiver)
    assert len(receiver.ids) - len(set(receiver.ids)) <= kills * AT_ONCE


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


def shown(channels: dict[str, FakeChannel], key: str) -> set[str | None]:
    return {channel.standing(key) for channel in channels.values()}


def until(holds: Callable[[], T | None], timeout_s: float = 150) -> T:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        found = holds()
        if found is not None and found is not False:
            return found
        time.sleep(0.2)
    raise TimeoutError("it does not come to hold")
