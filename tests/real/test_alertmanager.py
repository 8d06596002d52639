"""A real Alertmanager takes alerts, holds one per incident, passes it on, and lets it go."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from starlette.testclient import TestClient

from alerting.notifiers.alertmanager import Alertmanager, AlertmanagerConfig
from hub.api.app import create_app
from hub.api.hub import Hub
from hub.main import running
from hub.ports import Delivery, Standing
from hub.settings import Settings
from tests.e2e.conftest import BASE, headers_of_admin
from tests.support.channels.server import FakeChannel, Reply, Request
from tests.support.messages import FAILED, HOSTILE, HUGE
from tests.support.ports import free_port
from tests.support.recording import run_event

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not PROGRAM, reason="Debian's prometheus-alertmanager is not installed"),
]
CONFIG = """
route: {{receiver: hook, group_by: [trackside_key], group_wait: 100ms, group_interval: 300ms}}
receivers: [{{name: hook, webhook_configs: [{{url: '{hook}', send_resolved: true}}]}}]
"""


class Hook(FakeChannel):
    """Hears what Alertmanager passes on."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []

    def answer(self, request: Request) -> Reply:
        self.heard.append(request.json())
        return Reply(200)

    def told(self) -> list[tuple[str, str]]:
        alerts = [alert for group in self.heard for alert in group["alerts"]]
        return [(alert["labels"]["trackside_key"], alert["status"]) for alert in alerts]


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


@pytest.fixture(scope="module")
def server(hook: Hook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("alertmanager")
    (folder / "config.yml").write_text(CONFIG.format(hook=hook.url))
    port = free_port()
    assert PROGRAM
    flags = {
        "config.file": folder / "config.yml",
        "storage.path": folder / "data",
        "web.listen-address": f"127.0.0.1:{port}",
        "cluster.listen-address": "",
    }
    command = [PROGRAM, *(f"--{name}={value}" for name, value in flags.items())]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log) as process:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(url))
        yield url
        process.terminate()


@pytest.fixture
def notifier(server: str) -> Alertmanager:
    return Alertmanager(AlertmanagerConfig(urls=[server]), "am", allowed=["127.0.0.1"])


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").is_success
    except httpx.TransportError:
        return False


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def firing(server: str, key: str) -> list[Any]:
    alerts = httpx.get(f"{server}/api/v2/alerts", params={"filter": f'trackside_key="{key}"'})
    return [alert for alert in alerts.json() if alert["status"]["state"] == "active"]


def life(key: str, message: Any) -> list[Delivery]:
    now = datetime.now(UTC)
    message = replace(message, since=now - timedelta(minutes=5), opened_at=now)
    ended = replace(message, resolved_at=now)
    standings = [Standing.OPEN, Standing.OPEN, Standing.ACKNOWLEDGED]
    told = [Delivery(key, n, standing, message) for n, standing in enumerate(standings, 1)]
    return [*told, Delivery(key, 4, Standing.RESOLVED, ended)]


@pytest.mark.parametrize("message", [FAILED, HOSTILE, HUGE], ids=["failed", "hostile", "huge"])
def test_an_incident_is_one_alert_that_is_passed_on_and_resolved(
    server: str, hook: Hook, notifier: Alertmanager, message: Any
) -> None:
    key = f"real-{len(hook.heard)}-{message.severity}"
    held: dict[str, Any] = {}
    for delivery in life(key, message)[:3]:
        held = notifier.deliver(delivery, held)
        held = notifier.deliver(delivery, held)
        eventually(lambda: len(firing(server, key)) == 1)
    eventually(lambda: (key, "firing") in hook.told())
    notifier.deliver(life(key, message)[3], held)
    eventually(lambda: not firing(server, key))
    eventually(lambda: (key, "resolved") in hook.told())


def test_a_more_severe_incident_ends_its_former_alert(server: str, notifier: Alertmanager) -> None:
    first, second = life("worse", replace(FAILED, severity="warning"))[:2]
    held = notifier.deliver(first, {})
    notifier.deliver(
        Delivery("worse", 2, Standing.OPEN, replace(second.message, severity="critical")), held
    )
    eventually(lambda: [a["labels"]["severity"] for a in firing(server, "worse")] == ["critical"])


HOLD_S = 12


@pytest.fixture
def hub(server: str, tmp_path: Path) -> Iterator[Hub]:
    settings = {
        "database_url": f"sqlite:///{tmp_path}/hub.db",
        "allowed_networks": ["127.0.0.0/8"],
        "targets": [
            {
                "name": "am",
                "kind": "alertmanager",
                "settings": {"urls": [server], "hold_s": HOLD_S},
            }
        ],
        "routes": [{"to": ["am"], "group_wait_s": 0}],
    }
    with running(Settings.model_validate(settings)) as hub:
        yield hub


def test_of_a_hub_an_alert_fires_for_as_long_as_the_incident_is_open(
    server: str, hook: Hook, hub: Hub
) -> None:
    """Longer than Alertmanager would keep it, acknowledged or not; then it is resolved there."""
    client = TestClient(create_app(hub), base_url=BASE, headers=headers_of_admin(hub))

    def send(kind: str, run: int) -> None:
        told = run_event(kind, 0, run) | {"eventTime": datetime.now(UTC).isoformat()}
        assert client.post("/api/v1/lineage", json=told).is_success

    def of_hub() -> list[Any]:
        return [
            each
            for each in httpx.get(f"{server}/api/v2/alerts").json()
            if each["labels"]["subject"] == "prod:load" and each["status"]["state"] == "active"
        ]

    send("START", 1)
    send("FAIL", 1)
    eventually(lambda: len(of_hub()) == 1)
    (alert,) = of_hub()
    (incident,) = client.get("/api/v1/incidents").json()["incidents"]
    said = client.post(f"/api/v1/incidents/{incident['id']}/acknowledge", json={})
    assert said.is_success, said.text
    end, same = time.monotonic() + HOLD_S + 3, alert
    while time.monotonic() < end:
        (same,) = of_hub()
        assert same["fingerprint"] == alert["fingerprint"]
        time.sleep(0.5)
    assert same["startsAt"] == alert["startsAt"]
    assert same["annotations"]["standing"] == "ACKNOWLEDGED"
    send("COMPLETE", 2)
    eventually(lambda: not of_hub())
    key = alert["labels"]["trackside_key"]
    eventually(lambda: (key, "resolved") in hook.told())
    assert hook.told().count((key, "resolved")) == 1


def test_a_check_tells_its_version(notifier: Alertmanager) -> None:
    (finding,) = notifier.check()
    assert finding.grade == "good"
    assert finding.detail.startswith("Alertmanager 0.")
