"""PostgreSQL restarts, or dies, under load: senders see at most 503, nothing accepted is lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.hub_process import HubProcess
from tests.support.postgres import PostgresServer
from tests.support.storm import Storm
from tests.support.survival import check_survival

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]


def test_senders_see_at_most_503(own_postgres: PostgresServer, tmp_path: Path) -> None:
    own_postgres.create_database("hub")
    url = own_postgres.url("hub")
    hub = HubProcess(tmp_path, environment={"TRACKSIDE_DATABASE_URL": url})
    storm = Storm(lambda: [hub.url])
    with hub:
        with storm.blowing():
            time.sleep(1)
            own_postgres.restart()
            time.sleep(2)
            own_postgres.kill()
            time.sleep(1)
            own_postgres.start()
            time.sleep(2)
        assert hub.process.poll() is None
        assert hub.stop() == 0
    assert set(storm.statuses) <= {200, 201, 503}
    check_survival(storm, url, tmp_path)
