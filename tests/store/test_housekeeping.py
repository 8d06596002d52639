"""What a hub does by itself: figures, partitions, retention, and who claims which namespace."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hub.api.hub import Hub
from hub.main import build_worker, writing
from hub.settings import Settings
from hub.store.partitions import existing
from hub.store.tables import audit, dead_letter
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
