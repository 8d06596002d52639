"""kill -9 of the hub under load: nothing that was answered is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hub_process import HubProcess
from tests.support.storm import Storm
from tests.support.survival import check_survival

pytestmark = pytest.mark.timeout(300)


def kill_often(database_url: str, folder: Path, times: int) -> Storm:
    hub = HubProcess(folder, environment={"TRACKSIDE_DATABASE_URL": database_url})
    storm = Storm(lambda: [hub.url])
    with hub, storm.blowing():
        for _ in range(times):
            storm.await_taken(40)
            hub.process.kill()
            hub.process.wait()
            hub.start()
        storm.await_taken(40)
    return storm


def test_five_kills_lose_and_double_nothing(database_url: str, tmp_path: Path) -> None:
    storm = kill_often(database_url, tmp_path, times=5)
    assert check_survival(storm, database_url, tmp_path) > 100
    assert set(storm.statuses) <= {200, 201, 503}
