"""No secret of any channel stands in what the API, the pages, the metrics or the store tell, however
its deliveries go wrong; some channels answer with all that they were sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from hub.api.hub import Hub
from hub.main import running
from hub.settings import Settings
from hub.store.tables import audit, decision, delivery, incident, incident_transition, target_health
from hub.web.app import create_site
from tests.e2e.conftest import BASE, headers_of_admin
from tests.support.channels.alertmanager import FakeAlertmanager
from tests.support.channels.grafana import FakeGrafana
from tests.support.channels.known import secret_parts
from tests.support.channels.opsgenie import FakeOpsgenie
from tests.support.channels.pagerduty import FakePagerDuty
from tests.support.channels.receivers import FakeJson, FakeReceiver
from tests.support.channels.server import Fault
from tests.support.channels.slack import FakeSlack, FakeSlackWebhook
from tests.support.channels.smtp import FakeSmtp
from tests.support.channels.teams import FakeTeams
from tests.support.recording import run_event

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # apprise's
CHANNELS: Final[dict[str, Callable[[], Any]]] = {
    "pagerduty": FakePagerDuty,
    "slack": lambda: FakeSlack(clock=time.time()),
    "slack_webhook": FakeSlackWebhook,
    "webhook": lambda: FakeReceiver(datetime.now(UTC)),
    "alertmanager": lambda: FakeAlertmanager(datetime.now(UTC)),
    "opsgenie": FakeOpsgenie,
    "grafana": FakeGrafana,
    "teams": FakeTeams,
    "email": FakeSmtp,
    "apprise": FakeJson,
}
PAGES: Final = ["settings", "incidents", "now", "metrics", "quality"]
TABLES: Final = [decision, delivery, target_health, incident, incident_transition, audit]


@pytest.fixture(scope="module")
def fakes() -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        found = {kind: stack.enter_context(make()) for kind, make in CHANNELS.items()}
        for fake in found.values():
            for name, value in fake.secrets().items():
                patch.setenv(name, value)
        yield found


@pytest.fixture(scope="module")
def hub(module_database_url: str, fakes: dict[str, Any]) -> Iterator[Hub]:
    settings = {
        "database_url": module_database_url,
        "public_url": "https://hub.example",
        "allowed_networks": ["127.0.0.0/8"],
        "targets": [
            {"name": kind.replace("_", "-"), "kind": kind, "settings": fake.settings()}
            for kind, fake in fakes.items()
        ],
        "routes": [{"to": [kind.replace("_", "-") for kind in fakes], "group_wait_s": 0}],
    }
    with running(Settings.model_validate(settings)) as hub:
        yield hub


@pytest.fixture(scope="module")
def told(hub: Hub, fakes: dict[str, Any]) -> str:
    """All that can be read of a hub whose deliveries went wrong in several ways, and then well."""
    client = TestClient(create_site(hub), base_url=BASE, headers=headers_of_admin(hub))
    for fake in fakes.values():
        fake.fail(Fault.ECHO, Fault.UNAUTHORIZED, Fault.BROKEN)
    for kind in ("START", "FAIL"):
        sent = run_event(kind, 0) | {"eventTime": datetime.now(UTC).isoformat()}
        assert client.post("/api/v1/lineage", json=sent).is_success
    names = [kind.replace("_", "-") for kind in fakes]
    until(lambda: went_wrong(hub) >= set(names))
    tried = [client.post(f"/api/v1/targets/{name}/test") for name in names]
    client.post("/api/v1/targets/pagerduty/test")
    paths = [f"/{page}" for page in PAGES]
    paths += [f"/api/v1/{name}" for name in ("targets", "deliveries", "alerting/parts", "audit")]
    paths += ["/api/v1/incidents", "/api/v1/incidents/transitions", "/api/v1/alerting/quality"]
    for one in client.get("/api/v1/incidents").json()["incidents"]:
        paths += [f"/api/v1/incidents/{one['id']}{more}" for more in ("", "/decisions")]
        paths += [f"/incident?id={one['id']}", f"/api/v1/routes/test?incident={one['id']}"]
    answers = [client.get(path) for path in paths]
    return "\n".join([each.text for each in [*tried, *answers]] + rows(hub))


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)


def went_wrong(hub: Hub) -> set[str]:
    """Targets of which a decision says so."""
    wrong = decision.c.what.in_(["retry", "dead"])
    with hub.db.reading() as connection:
        return set(connection.scalars(select(decision.c.target).where(wrong)))


def rows(hub: Hub) -> list[str]:
    with hub.db.reading() as connection:
        return [str(tuple(row)) for table in TABLES for row in connection.execute(select(table))]


@pytest.mark.parametrize("kind", CHANNELS)
def test_no_secret_of_it_is_told(told: str, fakes: dict[str, Any], kind: str) -> None:
    assert f"{kind.replace('_', '-')}" in told
    for secret in secret_parts(fakes[kind]):
        assert secret not in told


def test_what_is_told_has_what_went_wrong(told: str) -> None:
    """Else there would be nothing in which a secret could stand."""
    assert told.count("retry") + told.count("dead") > len(CHANNELS)
