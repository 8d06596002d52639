"""What a hub does by itself, apart from its work: retention, partitions, its own figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from hub.api.hub import Hub
from hub.evaluate.predictions import Predictions
from hub.evaluate.watch import Watch
from hub.metrics import Metrics, tell
from hub.model import Viewer
from hub.store import holds, size
from hub.store.alert_quality import quality
from hub.store.delivery_views import figures
from hub.store.launch_views import LaunchFigures, launch_figures
from hub.store.orchestrators import Standing, standings
from hub.store.outages import breathe
from hub.store.partitions import create_ahead
from hub.store.sweep import Sweep
from hub.triggers.found import Found
from hub.triggers.round import Trigger
from hub.worker import Loop, Tick

log = structlog.get_logger(__name__)

HOUR_S = 3600.0
MINUTE_S = 60.0
EVALUATE_S = 1.0
EVALUATE_HOLD_S = 5.0  # incidents are late by that much when a replica is gone
PREDICT_S = 2.0
BREATHE_S = 10.0
SENSE_S = 1.0
LAUNCH_S = 0.25
FOLLOW_S = 0.5
QUALITY_S = 600.0
QUALITY_OF = timedelta(days=7)
MOST_TEAMS = 100  # series of each figure of teams
ALERTING_S = 2.0  # what is declared over the API is in force everywhere by then
TELL_S = 0.25  # what is told leaves within about two of these beyond its group wait


def loops(hub: Hub) -> list[Loop]:
    """Retention and figures of the world run on one replica only."""
    watch = Watch(hub.db, hub.writer, hub.book, hub.plan)
    predictions = Predictions(hub.db, hub.writer, hub.book)
    trigger = Trigger(
        hub.db, hub.writer, hub.subscriptions, lambda found: _tell_fates(hub.metrics, found)
    )
    found = [
        Loop("alive", BREATHE_S, lambda tick: _breathe(hub, tick), leased=False),
        Loop(
            "evaluate",
            EVALUATE_S,
            lambda tick: watch.round(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
        ),
        Loop(
            "tell",
            TELL_S,
            lambda tick: hub.teller.tell(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
        ),
        Loop(
            "trigger",
            TELL_S,
            lambda tick: trigger.round(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
        ),
        Loop("deliver", TELL_S, lambda tick: hub.teller.deliver(tick.now), leased=False),
        Loop("sense", SENSE_S, lambda tick: hub.sense.round(tick.now), leased=False),
        Loop("launch", LAUNCH_S, lambda tick: hub.launching.round(tick.now), leased=False),
        Loop(
            "follow",
            FOLLOW_S,
            lambda tick: hub.following.round(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
        ),
        Loop("alerting", ALERTING_S, lambda _: hub.teller.refresh(), leased=False),
        Loop(
            "predict",
            PREDICT_S,
            lambda tick: predictions.round(tick.now, tick.fence),
        ),
        Loop("retention", HOUR_S, lambda tick: _retain(hub, tick)),
        Loop(
            "figures",
            MINUTE_S,
            lambda tick: _measure(hub, tick),
            elsewhere=lambda: _tell_nothing(hub),
        ),
    ]
    found.append(
        Loop(
            "quality",
            QUALITY_S,
            lambda tick: _measure_quality(hub, tick),
            elsewhere=hub.metrics.forget_teams,
        )
    )
    if not hub.db.is_sqlite:
        found.append(Loop("partitions", HOUR_S, lambda tick: _prepare_weeks(hub, tick)))
    return found


def _tell_fates(metrics: Metrics, found: Found) -> None:
    metrics.trigger_lag_seconds.set(found.lag_s)
    for fate, count in found.fates().items():
        metrics.arrivals.labels(fate).inc(count)


def _breathe(hub: Hub, tick: Tick) -> None:
    """Each replica: while one of them is there the hub is."""
    hub.writer.call(lambda connection: breathe(connection, tick.now), apart=True)


def _retain(hub: Hub, tick: Tick) -> None:
    gone = Sweep(
        hub.db,
        hub.writer,
        hub.settings,
        now=tick.now,
        stopping=tick.stopping.is_set,
        fence=tick.fence,
    ).run()
    deleted = {table: rows for table, rows in gone.items() if rows}
    if deleted:
        log.info("retention_deleted", **deleted)


def _prepare_weeks(hub: Hub, tick: Tick) -> None:
    # Not through the writer: it would repeat what fails for want of a lock while the door waits.
    with hub.db.writing() as connection:
        tick.fence(connection)
        for name in create_ahead(connection, tick.now):
            log.info("week_created", partition=name)


def _measure(hub: Hub, tick: Tick) -> None:
    hub.metrics.store_bytes.set(size.store_bytes(hub.db))
    with hub.db.reading() as connection:
        count, kept = size.dead_letters(connection)
        # One that was taken back stays in the store, and its watermark stands still for good.
        found = standings(connection, hub.fleet.members)
        lags, dead = figures(connection, tick.now)
        launches = launch_figures(connection, tick.now)
        held = holds.held(connection)
    hub.metrics.held.set(held)
    hub.metrics.dead_letters.set(count)
    hub.metrics.dead_letter_bytes.set(kept)
    _tell_orchestrators(hub.metrics, found, tick.now)
    _tell_launches(hub.metrics, launches)
    targets = [one.name for one in hub.teller.targets()]
    tell(hub.metrics.delivery_lag_seconds, dict.fromkeys(targets, 0.0) | lags)
    tell(hub.metrics.deliveries_dead, dict.fromkeys(targets, 0) | dead)


def _tell_launches(metrics: Metrics, found: LaunchFigures) -> None:
    tell(metrics.launch_lag_seconds, found.lags)
    tell(metrics.launches_dead, found.dead)
    metrics.launches_open.clear()
    for (orchestrator, state), count in found.open.items():
        metrics.launches_open.labels(orchestrator, state).set(count)
    metrics.launches_stopped.set(found.stopped)


def _measure_quality(hub: Hub, tick: Tick) -> None:
    """How good the alerts of a week were, of the teams that were told most."""
    with hub.db.reading() as connection:
        told = quality(connection, Viewer(all=True), tick.now - QUALITY_OF, tick.now)
    most = sorted(told.teams, key=lambda one: -one.notifications)[:MOST_TEAMS]
    named = [(one.team or "nobody", one) for one in most]
    metrics = hub.metrics
    tell(metrics.team_notifications, {name: one.notifications for name, one in named})
    tell(metrics.team_acknowledged_ratio, {name: one.acknowledged for name, one in named})
    tell(metrics.team_self_resolved_ratio, {name: one.self_resolved for name, one in named})


def _tell_orchestrators(metrics: Metrics, found: Sequence[Standing], now: datetime) -> None:
    lags = {one.name: (now - one.complete_to).total_seconds() for one in found if one.complete_to}
    tell(metrics.watermark_lag_seconds, lags)
    tell(metrics.poll_failures, {o.name: o.failures for o in found if o.failures is not None})
    tell(metrics.disagreements, {one.name: one.disagreements for one in found})


def _tell_nothing(hub: Hub) -> None:
    """What another replica measures must not stay here as it was."""
    metrics = hub.metrics
    for gauge in (
        metrics.store_bytes,
        metrics.dead_letters,
        metrics.dead_letter_bytes,
        metrics.launches_stopped,
        metrics.held,
    ):
        gauge.set(math.nan)
    metrics.forget_world()
