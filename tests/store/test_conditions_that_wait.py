"""How many conditions wait, and for how long the oldest does, is measured by subscription."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.figures.measure import tell_conditions
from hub.metrics import Metrics
from hub.store.arrival_views import ConditionFigures, condition_figures
from hub.store.db import Database
from tests.support.triggers import BEGIN, Station


@pytest.fixture
def it(db: Database) -> Station:
    return Station(db)


def figures(it: Station) -> list[ConditionFigures]:
    with it.db.reading() as connection:
        return condition_figures(connection)


def test_a_subscription_that_saw_nothing_waits_for_nothing(it: Station) -> None:
    it.subscribe()
    assert figures(it) == [ConditionFigures("s", 0, 0, None)]


def test_each_partition_that_lacks_an_input_waits_until_it_comes(it: Station) -> None:
    it.subscribe("all(db/a, db/b)", partitions="identity")
    it.updated("a", partition="2026-11-22")
    it.at(60)
    it.updated("a", partition="2026-11-23")
    it.at(120)
    (one,) = figures(it)
    assert (one.waiting, one.held, one.since) == (2, 0, BEGIN + timedelta(seconds=60))
    it.updated("b", partition="2026-11-22")
    it.at(180)
    (one,) = figures(it)
    assert (one.waiting, one.held, one.since) == (1, 0, BEGIN + timedelta(seconds=120))


def test_what_a_limit_or_a_pause_keeps_back_is_held(it: Station) -> None:
    it.subscribe(partitions="identity", limits={"rate": {"launches": 1}})
    for day in ("2026-11-22", "2026-11-23"):
        it.updated("a", partition=day)
        it.at(1)
    assert [(one.waiting, one.held) for one in figures(it)] == [(0, 1)]
    it.pause()
    assert [(one.waiting, one.held) for one in figures(it)] == [(0, 1)]


def test_both_are_told_by_subscription_and_gone_with_it() -> None:
    metrics = Metrics()
    found = [ConditionFigures("late", 3, 1, BEGIN), ConditionFigures("idle", 0, 0, None)]
    tell_conditions(metrics.world, found, BEGIN + timedelta(hours=1))

    def told(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"trackside_{name}", labels)

    assert told("conditions_waiting", subscription="late", state="waiting") == 3
    assert told("conditions_waiting", subscription="late", state="held") == 1
    assert told("condition_oldest_wait_seconds", subscription="late") == 3600
    assert told("condition_oldest_wait_seconds", subscription="idle") == 0
    tell_conditions(metrics.world, found[1:], BEGIN)
    assert told("conditions_waiting", subscription="late", state="waiting") is None
