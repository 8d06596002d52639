"""The Airflow adapter and the store together: what one tells, the other holds, and tells back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from adapters.airflow import Airflow
from adapters.airflow.config import Config
from hub.api.hub import Hub
from hub.main import writing
from hub.polls.poller import Poller
from hub.ports import Asked
from hub.settings import Settings
from hub.store.leases import no_fence
from tests.support.fake_airflow import NOW, FakeAirflow, stamp
from tests.support.orchestrators import KIND, scripted

ATTEMPTS = """SELECT j.name, a.no, a.own_state FROM attempt a
    JOIN run r ON r.id = a.run_id JOIN job j ON j.id = r.job_id
    ORDER BY j.name, a.no"""


@pytest.fixture
def hub(database_url: str, tmp_path: Path) -> Iterator[Hub]:
    polled = {
        "name": "af",
        "kind": KIND,
        "namespaces": ["prod"],
        "settings": {"url": "http://airflow"},
    }
    settings = Settings.model_validate({"database_url": database_url, "orchestrators": [polled]})
    with scripted(), writing(settings) as hub:
        yield hub


class Polled:
    """An Airflow that a real hub polls every 20 seconds."""

    def __init__(self, hub: Hub, server: FakeAirflow) -> None:
        self.hub = hub
        self._at = NOW
        transport = httpx.MockTransport(server)
        config = Config(url="http://airflow")
        self._adapter = Airflow(config, Asked("af", "prod"), transport=transport)
        self._poller = Poller(hub.fleet, hub.db, hub.writer, hub.intake, hub.metrics)

    def poll(self, times: int = 8) -> None:
        for _ in range(times):
            with scripted(self._adapter.observe):
                self._poller.poll("af", self._at, no_fence)
            self._at += timedelta(seconds=20)

    def attempts(self) -> list[tuple[str, int, str]]:
        with self.hub.db.reading() as connection:
            return [tuple(row) for row in connection.execute(text(ATTEMPTS))]

    def count(self, table: str) -> int:
        with self.hub.db.reading() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_cleared_run_has_two_attempts_however_often_it_is_polled(hub: Hub) -> None:
    server = FakeAirflow(runs=1)
    polled = Polled(hub, server)
    polled.poll()
    server.runs[0] |= {"state": "queued", "queued_at": stamp(200), "start_date": None}
    server.runs[0] |= {"end_date": None}
    polled.poll()
    server.runs[0] |= {"state": "running", "start_date": stamp(400)}
    polled.poll()
    server.runs[0] |= {"state": "failed", "end_date": stamp(500)}
    polled.poll()
    of_the_dag = [row for row in polled.attempts() if row[0] == "etl"]
    assert of_the_dag == [("etl", 1, "success"), ("etl", 2, "failed")]


def test_a_quiet_airflow_leaves_nothing_new_in_the_store(hub: Hub) -> None:
    polled = Polled(hub, FakeAirflow(runs=3))
    polled.poll(12)
    before = polled.count("lineage_event"), polled.count("change")
    polled.poll(12)
    assert (polled.count("lineage_event"), polled.count("change")) == before


def test_a_deleted_run_ends_in_the_store(hub: Hub) -> None:
    server = FakeAirflow(runs=1)
    server.runs[0] |= {"state": "running", "end_date": None}
    server.tasks[0] |= {"state": "running", "end_date": None}
    polled = Polled(hub, server)
    polled.poll(10)
    del server.runs[0], server.tasks[0]
    polled.poll(16)
    assert polled.attempts() == [("etl", 1, "deleted"), ("etl.load", 1, "deleted")]
