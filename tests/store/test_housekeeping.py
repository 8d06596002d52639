"""What a hub does by itself: figures, partitions, retention, and who claims which namespace."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.api.hub import Hub
from hub.main import build_worker, writing
from hub.settings import Settings
from hub.store.backup import renew
from hub.store.partitions import existing
from hub.store.tables import (
    audit,
    counter,
    dead_letter,
    incident,
    incident_transition,
    membership,
    namespace,
    notification,
    orchestrator,
    poll,
    watermark,
)
from tests.support.rows import fill


@pytest.fixture
def hub(database_url: str) -> Iterator[Hub]:
    with writing(Settings(database_url=database_url)) as running:
        yield running


def sample(hub: Hub, name: str, **labels: str) -> float | None:
    return hub.metrics.registry.get_sample_value(name, labels)


def test_the_figures_of_the_store_are_told(hub: Hub) -> None:
    fill(hub.db, dead_letter, {"payload": b"x" * 100}, {"replayed_at": datetime.now(UTC)})
    build_worker(hub).run("figures")
    assert (sample(hub, "trackside_store_size_bytes") or 0) > 100_000
    assert sample(hub, "trackside_dead_letters") == 1
    assert (sample(hub, "trackside_dead_letter_bytes") or 0) > 100
    assert sample(hub, "trackside_loop_runs_total", loop="figures", result="done") == 1


def declaring(database_url: str) -> Settings:
    declared: Any = [{"name": name, "kind": "airflow"} for name in ("af", "new")]
    return Settings(database_url=database_url, orchestrators=declared)


def know(hub: Hub, *names: str) -> None:
    """Orchestrators that were complete a minute ago, failed twice since, and disagreed 5 times."""
    then = datetime.now(UTC) - timedelta(minutes=1)
    for number, name in enumerate(names, 1):
        mine = {"orchestrator_id": number}
        fill(hub.db, orchestrator, {"id": number, "name": name})
        fill(hub.db, watermark, mine | {"stream": "", "complete_to": then})
        fill(hub.db, watermark, mine | {"stream": "slow", "complete_to": then - timedelta(days=1)})
        fill(hub.db, poll, {"orchestrator": name, "cursor": "{}", "failures": 2})
        fill(hub.db, namespace, mine | {"id": number, "name": f"space of {name}"})
        fill(hub.db, counter, {"name": "disagreements", "scope_id": number, "value": 5})


def test_how_far_the_hub_is_behind_a_declared_orchestrator_is_told(database_url: str) -> None:
    with writing(declaring(database_url)) as hub:
        know(hub, "af", "taken-back")
        build_worker(hub).run("figures")
        of = {"orchestrator": "af"}
        assert 60 <= (sample(hub, "trackside_watermark_lag_seconds", **of) or 0) < 3600
        assert sample(hub, "trackside_poll_failures", **of) == 2
        assert sample(hub, "trackside_disagreements", **of) == 5
        assert sample(hub, "trackside_disagreements", orchestrator="taken-back") is None
        assert sample(hub, "trackside_watermark_lag_seconds", orchestrator="new") is None


@pytest.mark.postgres
def test_only_the_holder_of_the_lease_tells_figures_of_orchestrators(postgres_url: str) -> None:
    settings = declaring(postgres_url)
    with writing(settings) as first, writing(settings) as second:
        know(first, "af")
        holder, other = build_worker(first), build_worker(second)
        holder.run("figures")
        other.run("figures")
        told = [sample(h, "trackside_disagreements", orchestrator="af") for h in (first, second)]
        assert told == [5, None]
        holder.stop()
        other.run("figures")
        assert sample(second, "trackside_disagreements", orchestrator="af") == 5


def tell_teams(hub: Hub, teams: int) -> None:
    """Each team was told of one incident within the week, which somebody has acknowledged."""
    now = datetime.now(UTC)
    usual = {"state": "OPEN", "resolution": None, "opened_at": now, "resolved_at": None}
    for number in range(1, teams + 1):
        fill(hub.db, incident, usual | {"id": number, "key": str(number), "team": f"team-{number}"})
        mine = {"notification_id": number, "incident_id": number}
        fill(hub.db, membership, mine)
        fill(
            hub.db,
            notification,
            {"id": number, "key": f"key-{number}", "told_at": now, "state": "TOLD"},
        )
        fill(hub.db, incident_transition,
             {"id": number, "incident_id": number, "transition": "acknowledged"})  # fmt: skip


def test_how_good_the_alerts_of_teams_are_is_told(hub: Hub) -> None:
    tell_teams(hub, 3)
    build_worker(hub).run("figures")
    of = {"team": "team-1"}
    assert sample(hub, "trackside_alert_notifications", **of) == 1
    assert sample(hub, "trackside_alert_acknowledged_ratio", **of) == 1
    assert sample(hub, "trackside_alert_self_resolved_ratio", **of) == 0


@pytest.mark.postgres
def test_only_the_holder_of_the_lease_tells_figures_of_teams(postgres_url: str) -> None:
    settings = Settings(database_url=postgres_url)
    with writing(settings) as first, writing(settings) as second:
        tell_teams(first, 1)
        holder, other = build_worker(first), build_worker(second)
        holder.run("figures")
        other.run("figures")
        told = [sample(h, "trackside_alert_notifications", team="team-1") for h in (first, second)]
        assert told == [1, None]


def test_that_nothing_leaves_the_hub_is_told(hub: Hub) -> None:
    worker = build_worker(hub)
    worker.run("figures")
    assert sample(hub, "trackside_held") == 0
    renew(hub.db, datetime.now(UTC))
    worker.run("figures")
    assert sample(hub, "trackside_held") == 1


def test_retention_is_one_of_the_loops(hub: Hub) -> None:
    fill(hub.db, audit, {"at": datetime.now(UTC) - timedelta(days=800)})
    build_worker(hub).run("retention")
    with hub.db.reading() as connection:
        assert connection.execute(audit.select()).all() == []


@pytest.mark.postgres
def test_only_the_holder_of_the_lease_tells_figures_of_the_store(postgres_url: str) -> None:
    settings = Settings(database_url=postgres_url)
    with writing(settings) as first, writing(settings) as second:
        holder, other = build_worker(first), build_worker(second)
        holder.run("figures")
        other.run("figures")
        assert (sample(first, "trackside_store_size_bytes") or 0) > 100_000
        assert math.isnan(sample(second, "trackside_store_size_bytes") or 0)
        holder.stop()
        other.run("figures")
        assert (sample(second, "trackside_store_size_bytes") or 0) > 100_000


@pytest.mark.postgres
def test_weeks_that_are_missing_are_made(postgres_url: str) -> None:
    with writing(Settings(database_url=postgres_url)) as hub:
        with hub.db.writing() as connection:
            week = existing(connection, "change")[-1]
            connection.exec_driver_sql(f"DROP TABLE {week.name}")
        build_worker(hub).run("partitions")
        with hub.db.reading() as connection:
            assert existing(connection, "change")[-1] == week
