"""What was told is kept as long as its incidents are, and what is open for ever."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from hub.main import writing
from hub.settings import Settings
from hub.store.sweep import Sweep
from hub.store.tables import decision, delivery, membership, notification
from tests.support.recorder import WORLD
from tests.support.telling import START, Desk, plan


@pytest.fixture
def it(database_url: str) -> Iterator[Desk]:
    WORLD.clear()
    with writing(Settings(database_url=database_url)) as hub:
        yield Desk(hub.db, hub.writer, plan(routes=[{"to": ["chat"], "group_wait_s": 0}]))


def sweep(it: Desk, days: float) -> dict[str, int]:
    settings = Settings.model_validate({"retention": {"incidents": 30}})
    return Sweep(it.db, it.writer, settings, now=START + timedelta(days=days)).run()


def left(it: Desk) -> list[int]:
    with it.db.reading() as connection:
        tables = (notification, membership, delivery, decision)
        return [connection.scalar(select(func.count()).select_from(t)) or 0 for t in tables]


def test_what_is_over_goes_after_its_time_and_what_is_open_stays(it: Desk) -> None:
    gone = it.open("1")
    it.open("2")
    it.at(0)
    it.resolve(gone)
    it.at(60)
    before = left(it)
    sweep(it, 29)
    assert left(it) == before
    assert before[:3] == [2, 2, 2]
    sweep(it, 31)
    assert left(it)[:3] == [1, 1, 1]
