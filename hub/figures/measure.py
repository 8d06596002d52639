"""Measures the world as it stands: what is open, what waits, what is due."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Final

from prometheus_client import Gauge

from hub.evaluate.book import Book
from hub.evaluate.maintenance import of_store, windows_of
from hub.figures.count import zeros
from hub.figures.selected import Selected
from hub.metrics import Metrics
from hub.metrics.world import World
from hub.model import Viewer
from hub.settings import Settings
from hub.store import figures, size
from hub.store.alert_quality import TeamQuality, quality
from hub.store.arrival_views import ConditionFigures, condition_figures
from hub.store.backfill_views import step_figures
from hub.store.db import Connection, Database
from hub.store.delivery_views import figures as delivery_figures
from hub.store.figures import NONE, Freshness, Overdue, Pool
from hub.store.holds import held
from hub.store.launch_views import LaunchFigures, launch_figures
from hub.store.maintenance import list_windows
from hub.store.orchestrators import Standing, standings

#: How often what changes slowly is measured, and of how long.
QUALITY_EVERY: Final = timedelta(minutes=5)
SORTS_EVERY: Final = timedelta(minutes=1)
QUALITY_OF: Final = timedelta(days=7)

Labelled = dict[tuple[str, ...], float]


class Measure:
    """Sets the gauges of the world, round by round."""

    def __init__(self, db: Database, settings: Settings, book: Book, metrics: Metrics) -> None:
        self._db = db
        self._settings = settings
        self._slots = _of_kind(book, "missed_schedule")
        self._ages = _of_kind(book, "freshness")
        self._windows = windows_of(settings)
        self._metrics = metrics
        self._world = metrics.world
        self._selected = Selected(settings, self._slots, metrics)
        self._quality_at: datetime | None = None
        self._sorted_at: datetime | None = None

    def round(self, now: datetime, orchestrators: Iterable[str], targets: Sequence[str]) -> None:
        """Of these declared orchestrators and targets, too, if nothing is wrong with them."""
        began, world = perf_counter(), self._world
        world.store_bytes.set(size.store_bytes(self._db))
        with self._db.reading() as connection:
            self._store(connection)
            self._work(connection, now)
            world.tell(world.incidents, figures.open_incidents(connection))
            _tell_orchestrators(world, standings(connection, orchestrators), now)
            world.tell(world.health, figures.healths(connection))
            _tell_pools(world, figures.pools(connection, now))
            _tell_freshness(
                world,
                figures.fresh(connection, self._ages),
                figures.stale(connection, self._ages),
                now,
            )
            _tell_deliveries(world, connection, targets, now)
            _tell_launches(world, launch_figures(connection, now))
            tell_conditions(world, condition_figures(connection), now)
            world.tell(world.backfill_steps, step_figures(connection))
            world.held.set(held(connection))
            self._maintenance(connection, now)
            self._teams(connection, now)
            self._selected.round(connection, now)
        world.figures_seconds.set(perf_counter() - began)

    def _store(self, connection: Connection) -> None:
        world = self._world
        count, kept = size.dead_letters(connection)
        world.dead_letters.set(count)
        world.dead_letter_bytes.set(kept)
        world.tell(world.known, figures.known(connection))
        world.tell(world.changes_unread, figures.unread(connection))

    def _maintenance(self, connection: Connection, now: datetime) -> None:
        windows = [*self._windows, *of_store(list_windows(connection, now))]
        holding: Labelled = {(one.given.name,): 1.0 for one in windows if one.covers(now)}
        self._world.tell(self._world.maintenance, holding)

    def _work(self, connection: Connection, now: datetime) -> None:
        world = self._world
        world.tell(world.open_runs, figures.open_runs(connection))
        waiting = figures.overdue(connection, self._slots, now)
        world.tell(world.slots_overdue, {_whose(one): one.jobs for one in waiting})
        ages = {_whose(one): (now - one.since).total_seconds() for one in waiting}
        world.tell(world.slot_overdue_seconds, ages)

    def _teams(self, connection: Connection, now: datetime) -> None:
        world = self._world
        if self._sorted_at is None or now - self._sorted_at >= SORTS_EVERY:
            named = {one.name: one.objective for one in self._settings.teams}
            sorts = figures.sorts_of_jobs(connection)
            known = {NONE, *figures.teams(connection), *named, *(team for _, team, _, _ in sorts)}
            usual = self._settings.objective
            world.tell(world.objective, {(name,): named.get(name) or usual for name in known})
            for zero in zeros(sorts, sorted(known)):
                world.count(world.made[zero.name], *zero.labels, by=0)
            self._sorted_at = now if sorts else None
        if self._quality_at is None or now - self._quality_at >= QUALITY_EVERY:
            found = quality(connection, Viewer(all=True), now - QUALITY_OF, now)
            _tell_quality(world, found.teams)
            self._quality_at = now

    def forget(self) -> None:
        """Another replica measures: what is told here would be told twice."""
        self._quality_at = self._sorted_at = None
        self._metrics.forget_world()


def _of_kind(book: Book, kind: str) -> list[str]:
    return [rule.name for rule in book.rules.values() if rule.declared.kind == kind]


def _whose(one: Overdue) -> tuple[str, ...]:
    return (one.orchestrator, one.team)


def _tell_orchestrators(world: World, found: Sequence[Standing], now: datetime) -> None:
    lags: Labelled = {
        (one.name,): (now - one.complete_to).total_seconds() for one in found if one.complete_to
    }
    world.tell(world.watermark_lag_seconds, lags)
    failures: Labelled = {(one.name,): one.failures for one in found if one.failures is not None}
    world.tell(world.poll_failures, failures)
    told: Labelled = {(one.name,): one.disagreements for one in found}
    world.tell(world.disagreements, told)


def _tell_pools(world: World, pools: Sequence[Pool]) -> None:
    told: Mapping[str, Gauge] = {
        "queued": world.backlog_queued,
        "running": world.backlog_running,
        "capacity": world.backlog_capacity,
        "oldest_wait_s": world.backlog_wait_seconds,
    }
    for field, gauge in told.items():
        values: Any = {(one.orchestrator, one.pool): getattr(one, field) for one in pools}
        world.tell(gauge, {key: value for key, value in values.items() if value is not None})


def _tell_freshness(
    world: World, fresh: Sequence[Freshness], stale: Sequence[Freshness], now: datetime
) -> None:
    counts: Labelled = {}
    ages: Labelled = {}
    left: Labelled = {}
    for state, found in (("fresh", fresh), ("stale", stale)):
        for one in found:
            key = (one.team, one.rule)
            counts[*key, state] = one.datasets
            left[key] = min(left.get(key, math.inf), (one.over_at - now).total_seconds())
            if one.updated_at is not None:
                age = (now - one.updated_at).total_seconds()
                ages[key] = max(ages.get(key, 0.0), age)
    world.tell(world.fresh, counts)
    world.tell(world.freshness_lag_seconds, ages)
    world.tell(world.freshness_left_seconds, left, least=True)


def _tell_deliveries(
    world: World, connection: Connection, targets: Sequence[str], now: datetime
) -> None:
    lags, dead = delivery_figures(connection, now)
    waits = dict.fromkeys(targets, 0.0) | lags
    given_up = dict.fromkeys(targets, 0) | dead
    world.tell(world.delivery_lag_seconds, {(name,): lag for name, lag in waits.items()})
    world.tell(world.deliveries_dead, {(name,): count for name, count in given_up.items()})


def _tell_launches(world: World, found: LaunchFigures) -> None:
    world.tell(world.launch_lag_seconds, {(name,): lag for name, lag in found.lags.items()})
    world.tell(world.launches_dead, {(name,): count for name, count in found.dead.items()})
    world.tell(world.launches_open, {(*key,): count for key, count in found.open.items()})
    world.launches_stopped.set(found.stopped)


def tell_conditions(world: World, found: Sequence[ConditionFigures], now: datetime) -> None:
    counts: Labelled = {}
    ages: Labelled = {}
    for one in found:
        counts[one.subscription, "waiting"] = one.waiting
        counts[one.subscription, "held"] = one.held
        since = one.since or now
        ages[one.subscription,] = max(0.0, (now - since).total_seconds())
    world.tell(world.conditions_waiting, counts)
    world.tell(world.condition_wait_seconds, ages)


def _tell_quality(world: World, teams: Sequence[TeamQuality]) -> None:
    told: Mapping[str, Gauge] = {
        "notifications": world.notifications,
        "acknowledged": world.acknowledged,
        "self_resolved": world.self_resolved,
    }
    for field, gauge in told.items():
        world.tell(gauge, {(one.team or NONE,): float(getattr(one, field)) for one in teams})
