"""What a hub does by itself, apart from its work: retention, partitions, its own figures."""

from __future__ import annotations

import structlog

from hub.api.hub import Hub
from hub.evaluate.heartbeats import Filing, heartbeats_of
from hub.evaluate.predictions import Predictions
from hub.evaluate.telling import Transactions
from hub.evaluate.watch import Watch
from hub.figures.count import Count
from hub.figures.measure import Measure
from hub.metrics import Metrics
from hub.store.outages import breathe
from hub.store.partitions import create_ahead
from hub.store.sweep import Sweep
from hub.triggers.backfills.round import Backfilling
from hub.triggers.found import Found
from hub.triggers.gathering import Gathering
from hub.triggers.round import Trigger
from hub.worker import Loop, Tick

log = structlog.get_logger(__name__)

HOUR_S = 3600.0
MINUTE_S = 60.0
FIGURES_S = 15.0  # as often as Prometheus asks, by its own habit
COUNT_S = 5.0
EVALUATE_S = 1.0
EVALUATE_HOLD_S = 5.0  # incidents are late by that much when a replica is gone
PREDICT_S = 2.0
BREATHE_S = 10.0
SENSE_S = 1.0
LAUNCH_S = 0.25
FOLLOW_S = 0.5
GATHER_S = 1.0
ALERTING_S = 2.0  # what is declared over the API is in force everywhere by then
RESTS_S = 1.0  # where nothing is committed
TELL_S = 0.25  # at once after the loop that they wait for, where that runs on this replica


def loops(hub: Hub) -> list[Loop]:
    """Most run on one replica only; those that are not leased on each."""
    return [*_watching(hub), *_telling(hub), *_triggering(hub), *_counting(hub), *_keeping(hub)]


def _watching(hub: Hub) -> list[Loop]:
    watch = Watch(hub.db, hub.writer, hub.book, hub.plan)
    filing = Filing(hub.db, hub.writer, heartbeats_of(hub.settings))
    predictions = Predictions(hub.db, hub.writer, hub.book)
    return [
        Loop("heartbeats", MINUTE_S, lambda tick: filing.round(tick.now, tick.fence)),
        Loop("alive", BREATHE_S, lambda tick: _breathe(hub, tick), leased=False),
        Loop(
            "evaluate",
            EVALUATE_S,
            lambda tick: watch.round(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
            wakes=("tell", "trigger"),
        ),
        Loop(
            "predict",
            PREDICT_S,
            lambda tick: predictions.round(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
        ),
    ]


def _telling(hub: Hub) -> list[Loop]:
    return [
        Loop(
            "tell",
            TELL_S,
            lambda tick: hub.teller.tell(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
            rests_s=RESTS_S,
            wakes=("deliver",),
        ),
        Loop(
            "deliver",
            TELL_S,
            lambda tick: hub.teller.deliver(tick.now),
            leased=False,
            rests_s=RESTS_S,
        ),
        Loop("alerting", ALERTING_S, lambda _: hub.teller.refresh(), leased=False),
    ]


def _triggering(hub: Hub) -> list[Loop]:
    trigger = Trigger(
        hub.db, hub.writer, hub.subscriptions, lambda found: _tell_fates(hub.metrics, found)
    )
    doing = Transactions(hub.db, hub.writer)
    backfilling, gathering = Backfilling(doing, hub.hands.ways), Gathering(doing, hub.hands)
    return [
        Loop("sense", SENSE_S, lambda tick: hub.sense.round(tick.now), leased=False),
        Loop(
            "trigger",
            TELL_S,
            lambda tick: trigger.round(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
            rests_s=RESTS_S,
            wakes=("launch",),
        ),
        Loop(
            "launch",
            LAUNCH_S,
            lambda tick: hub.launching.round(tick.now),
            leased=False,
            rests_s=RESTS_S,
        ),
        Loop(
            "follow",
            FOLLOW_S,
            lambda tick: hub.following.round(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
            rests_s=RESTS_S,
        ),
        Loop(
            "gather",
            GATHER_S,
            lambda tick: gathering.round(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
        ),
        Loop(
            "backfill",
            FOLLOW_S,
            lambda tick: backfilling.round(tick.now, tick.fence),
            hold_s=EVALUATE_HOLD_S,
            rests_s=RESTS_S,
        ),
    ]


def _counting(hub: Hub) -> list[Loop]:
    measure = Measure(hub.db, hub.settings, hub.book, hub.metrics)
    count = Count(hub.db, hub.writer, hub.metrics)
    return [
        Loop(
            "figures",
            FIGURES_S,
            # An orchestrator that was taken back stays in the store, and stands still for good.
            lambda tick: measure.round(
                tick.now, list(hub.fleet.members), [one.name for one in hub.teller.targets()]
            ),
            elsewhere=measure.forget,
        ),
        Loop("count", COUNT_S, lambda tick: count.round(tick.fence)),
    ]


def _keeping(hub: Hub) -> list[Loop]:
    found = [Loop("retention", HOUR_S, lambda tick: _retain(hub, tick))]
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
    sweep = Sweep(
        hub.db,
        hub.writer,
        hub.settings,
        now=tick.now,
        stopping=tick.stopping.is_set,
        fence=tick.fence,
    )
    gone = sweep.run()
    for receiver, count in sweep.passed_over.items():
        hub.metrics.forward_events.labels(receiver, "passed_over").inc(count)
    deleted = {table: rows for table, rows in gone.items() if rows}
    if deleted:
        log.info("retention_deleted", **deleted)


def _prepare_weeks(hub: Hub, tick: Tick) -> None:
    # Not through the writer: it would repeat what fails for want of a lock while the door waits.
    with hub.db.writing() as connection:
        tick.fence(connection)
        for name in create_ahead(connection, tick.now):
            log.info("week_created", partition=name)
