"""kill -9 of whoever evaluates: a week ends with the same incidents as if nothing had been."""

from __future__ import annotations

import random

import pytest

from hub.backtest.replay import scratch
from hub.store.db import Database
from tests.support.scripted_week import kill_often, replay_week, stories

pytestmark = pytest.mark.timeout(300)


def check_kills(db: Database, times: int) -> None:
    url = db.url.render_as_string(hide_password=False)
    killed = kill_often(url, times, random.Random(times))
    with scratch() as undisturbed:
        replay_week(undisturbed)
        expected = stories(undisturbed)
    assert killed > times / 2
    assert {rule for rule, *_ in expected} >= {"failed-run", "missed-schedule", "freshness"}
    assert stories(db) == expected


def test_a_week_with_ten_kills_ends_as_one_without(db: Database) -> None:
    check_kills(db, 10)
