"""Two hubs on one PostgreSQL: each event once, each transition told once, by one of them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from hub.store import tables as t
from hub.store.db import Database
from tests.support.hub_process import HubProcess
from tests.support.storm import Storm
from tests.support.survival import check_survival

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]


class Reader:
    """Follows the feed of changes as somebody with a cursor does."""

    def __init__(self, hub: HubProcess) -> None:
        self._hub = hub
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self.read: list[tuple[int, int]] = []
        self._thread.start()

    def finish(self) -> None:
        self._stop.set()
        self._thread.join()

    def _follow(self) -> None:
        cursor, last_round = "", False
        while True:
            last_round = self._stop.is_set()
            page = self._page(cursor)
            self.read += [(change["writer"], change["seq"]) for change in page["changes"]]
            if page["nextCursor"] == cursor:
                if last_round:
                    return
                time.sleep(0.05)
            cursor = page["nextCursor"]

    def _page(self, cursor: str) -> dict:
        given = {"cursor": cursor} if cursor else {}
        answer = httpx.get(
            f"{self._hub.url}/api/v1/changes", params={**given, "limit": 500}, timeout=30
        )
        answer.raise_for_status()
        found: dict = answer.json()
        return found


def test_two_hubs_under_load(postgres_url: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    here = {"TRACKSIDE_DATABASE_URL": postgres_url}
    one, two = (HubProcess(folder, environment=here) for folder in folders)
    storm = Storm(lambda: [one.url, two.url])
    with one, two:
        reader = Reader(one)
        with storm.blowing():
            time.sleep(8)
        reader.finish()
        assert "write_gave_up" not in one.said + two.said
    assert set(storm.statuses) <= {200, 201}
    check_survival(storm, postgres_url, tmp_path)
    db = Database(postgres_url)
    with db.reading() as connection:
        assert connection.scalar(select(func.count(func.distinct(t.change.c.writer_id)))) == 2
        told = connection.scalar(select(func.count()).select_from(t.change))
    db.close()
    assert len(reader.read) == len(set(reader.read)) == told
