"""How good the alerts are, told from what was told and what people said of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub.main import writing
from hub.model import Viewer
from hub.settings import Settings
from hub.store.alert_quality import QualityView, quality, suggestion
from tests.support.recorder import WORLD
from tests.support.telling import START, Desk, plan


@pytest.fixture
def it(database_url: str) -> Iterator[Desk]:
    WORLD.clear()
    routes = [{"to": ["chat"], "group_wait_s": 0, "crowd": 0}]
    with writing(Settings(database_url=database_url)) as hub:
        yield Desk(hub.db, hub.writer, plan(routes=routes))


def told(it: Desk) -> QualityView:
    with it.db.reading() as connection:
        return quality(connection, Viewer(all=True), START, START + timedelta(weeks=2))


def test_how_often_a_team_was_told_and_what_became_of_it_is_counted(it: Desk) -> None:
    keys = [it.open(str(n), team="sales", rule="noisy") for n in range(8)]
    other = it.open("x", team="ops", rule="good")
    it.at(0)
    for key in keys[:4]:
        it.resolve(key)
    it.acknowledge(other)
    it.acknowledge(keys[7])
    it.at(60)
    found = told(it)
    ops, sales = found.teams
    assert (ops.team, ops.incidents, ops.acknowledged, ops.self_resolved) == ("ops", 1, 1.0, 0.0)
    assert (sales.notifications, sales.per_week, sales.incidents) == (8, 4.0, 8)
    assert (sales.acknowledged, sales.self_resolved) == (0.125, 0.5)
    noisy, good = found.rules
    assert noisy.suggestion is not None
    assert noisy.suggestion.startswith("50% were over within 5 minutes")
    assert good.suggestion is None


def test_what_nobody_was_told_is_not_counted(it: Desk) -> None:
    it.open(dry_run=True)
    it.at(0)
    assert (told(it).teams, told(it).rules) == ([], [])


@pytest.mark.parametrize(
    ("count", "shares", "says"),
    [
        (4, (0, 1, 0), None),
        (20, (0.5, 0, 0.4), "called expected"),
        (20, (0.05, 0, 0), "by nobody"),
        (20, (0.5, 0.1, 0.1), None),
    ],
)
def test_a_rule_is_called_noisy_for_a_reason(
    count: int, shares: tuple[float, float, float], says: str | None
) -> None:
    found = suggestion(count, *shares)
    assert found is None if says is None else says in (found or "")
