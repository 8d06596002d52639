"""Figures of the world: one replica tells them, the holder of the lease, so that their sum is true.

Gauges are measured anew in each round and gone where another replica measures. Counters and
histograms go on from each change that was read once, whichever replica read it. The number of
series is bounded: no label is a run, and only what the operator selects is told job by job.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from hub.metrics.declare import (
    MOST_HISTOGRAMS,
    MOST_SERIES,
    OTHER,
    Area,
    counter,
    gauge,
    histogram,
)

_TOOK: Final = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 86_400)
_RATIO: Final = (0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2, 3, 5)
_LATE: Final = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 21_600)
_OF_RUNS: Final = ("orchestrator", "team")
_OF_JOB: Final = ("job_namespace", "job_name", "orchestrator", "team")


class Store(Area):
    """What is kept, and how far it is read."""

    store_bytes = gauge("trackside_store_size_bytes", "What the store takes on disk")
    dead_letters = gauge(
        "trackside_dead_letters", "Dead letters in the store, waiting for a replay"
    )
    dead_letter_bytes = gauge(
        "trackside_dead_letter_bytes", "What the dead letters take of the store"
    )
    known = gauge("trackside_known", "What the hub knows of: jobs, datasets", "noun")
    changes_unread = gauge(
        "trackside_changes_unread", "Changes that a loop has not dealt with yet", "reader"
    )
    figures_seconds = gauge(
        "trackside_figures_seconds", "How long it took to measure the figures of the world"
    )


class Orchestrators(Area):
    """How well each one is known, and what waits in it."""

    watermark_lag_seconds = gauge(
        "trackside_watermark_lag_seconds",
        "How long ago all that an orchestrator knew was known to the hub",
        "orchestrator",
    )
    poll_failures = gauge(
        "trackside_poll_failures",
        "Polls of an orchestrator that failed since the last one that did not",
        "orchestrator",
    )
    disagreements = gauge(
        "trackside_disagreements",
        "Attempts of whose end an orchestrator answered another thing than its senders told",
        "orchestrator",
    )
    health = gauge(
        "trackside_orchestrator_health",
        "1 for what an orchestrator as a whole says of itself",
        "orchestrator",
        "status",  # HEALTHY, DEGRADED, DOWN, UNKNOWN
    )
    backlog_queued = gauge("trackside_backlog_queued", "Work that waits", "orchestrator", "pool")
    backlog_running = gauge(
        "trackside_backlog_running", "Work that runs in a pool", "orchestrator", "pool"
    )
    backlog_capacity = gauge(
        "trackside_backlog_capacity",
        "Work that can run in a pool at a time",
        "orchestrator",
        "pool",
    )
    backlog_wait_seconds = gauge(
        "trackside_backlog_oldest_wait_seconds",
        "How long the oldest work of a pool waits",
        "orchestrator",
        "pool",
    )


class Runs(Area):
    """Runs and when they should be. All but `open_runs` and `runs_ended` of jobs that are not part
    of another.
    """

    open_runs = gauge("trackside_runs_open", "Runs that have not ended", *_OF_RUNS, "kind", "state")
    runs_ended = counter(
        "trackside_runs_ended", "Runs that ended, by how", *_OF_RUNS, "kind", "state"
    )
    run_seconds = histogram(
        "trackside_run_duration_seconds", "How long runs took that completed", _TOOK, *_OF_RUNS
    )
    run_ratio = histogram(
        "trackside_run_baseline_ratio",
        "How long runs took that completed, by what their baseline expected",
        _RATIO,
        *_OF_RUNS,
    )
    start_lateness_seconds = histogram(
        "trackside_start_lateness_seconds",
        "How long after their slot was due runs started",
        _LATE,
        *_OF_RUNS,
    )
    slots_overdue = gauge(
        "trackside_slots_overdue", "Jobs whose slot is due and has no run yet", *_OF_RUNS
    )
    slot_overdue_seconds = gauge(
        "trackside_slot_overdue_seconds", "How long the longest due slot waits for a run", *_OF_RUNS
    )
    slots_missed = counter("trackside_slots_missed", "Slots that were found missing", *_OF_RUNS)


class Datasets(Area):
    """How fresh and how good data is."""

    fresh = gauge(
        "trackside_freshness_datasets",
        "Datasets of which a rule asks a freshness, by whether they have it",
        "team",
        "rule",
        "state",  # fresh, stale
    )
    freshness_lag_seconds = gauge(
        "trackside_freshness_lag_seconds", "How old the oldest of these datasets is", "team", "rule"
    )
    freshness_left_seconds = gauge(
        "trackside_freshness_budget_left_seconds",
        "How long until the next of these datasets is too old; negative: since when one is",
        "team",
        "rule",
    )
    updates = counter("trackside_dataset_updates", "Datasets that were written", "team")
    checks = counter(
        "trackside_check_changes",
        "Checks whose result became another, by what it is now",
        "team",
        "result",  # passed, failed
    )
    schema_changes = counter("trackside_schema_changes", "Datasets whose columns changed", "team")


class Alerts(Area):
    """Incidents, what is promised, and who was told."""

    incidents = gauge(
        "trackside_incidents_open",
        "Incidents that are not over",
        "state",  # OPEN, ACKNOWLEDGED, SNOOZED
        "kind",
        "severity",
        "team",
    )
    incident_steps = counter(
        "trackside_incident_transitions",
        "What happened to incidents",
        "transition",
        "kind",
        "severity",
        "team",
    )
    promises = counter(
        "trackside_promises",
        "Runs, slots and deadlines, by whether they were kept",
        "team",
        "result",  # kept, broken
    )
    objective = gauge(
        "trackside_objective_ratio", "Which share of its promises a team wants to keep", "team"
    )
    notifications = gauge(
        "trackside_alert_notifications", "Notifications that were told in the last 7 days", "team"
    )
    acknowledged = gauge(
        "trackside_alert_acknowledged_ratio",
        "Of the incidents told in the last 7 days, those that somebody acknowledged",
        "team",
    )
    self_resolved = gauge(
        "trackside_alert_self_resolved_ratio",
        "Of the incidents told in the last 7 days, those over within minutes by themselves",
        "team",
    )
    delivery_lag_seconds = gauge(
        "trackside_delivery_lag_seconds",
        "How long the longest due delivery of a target waits, retries and all",
        "target",
    )
    deliveries_dead = gauge(
        "trackside_deliveries_dead", "Deliveries of a target that were given up", "target"
    )


class Waiting(Area):
    """What has not left the hub yet."""

    held = gauge("trackside_held", "1 while nothing leaves the hub since its store was restored")
    launch_lag_seconds = gauge(
        "trackside_launch_lag_seconds",
        "How long the longest due launch of an orchestrator waits, retries and all",
        "orchestrator",
    )
    launches_open = gauge(
        "trackside_launches_open",
        "Launches of an orchestrator that were not taken yet, by state",
        "orchestrator",
        "state",  # held, due
    )
    launches_dead = gauge(
        "trackside_launches_dead", "Launches of an orchestrator that were given up", "orchestrator"
    )
    conditions_waiting = gauge(
        "trackside_conditions_waiting",
        "Partitions of its target for which a subscription has updates and did not launch yet",
        "subscription",
        "state",  # waiting, held
    )
    condition_wait_seconds = gauge(
        "trackside_condition_oldest_wait_seconds",
        "How long the oldest of these partitions waits; 0: none does",
        "subscription",
    )
    backfill_steps = gauge(
        "trackside_backfill_steps",
        "Steps of backfills that are not over, by how far they are",
        "state",  # waiting, launched, completed, skipped, failed, blocked, barred, cancelled
    )
    maintenance = gauge(
        "trackside_maintenance_active", "1 for each maintenance window that holds now", "window"
    )
    launches_stopped = gauge(
        "trackside_launches_stopped", "1 while launches are stopped as a whole"
    )


class Jobs(Area):
    """Job by job, of those that the operator selects."""

    last_seconds = gauge(
        "trackside_job_last_run_seconds", "How long the latest run took that completed", *_OF_JOB
    )
    expected_seconds = gauge(
        "trackside_job_expected_seconds", "How long a run of now is expected to take", *_OF_JOB
    )
    low_seconds = gauge(
        "trackside_job_expected_low_seconds", "Below that a run is shorter than normal", *_OF_JOB
    )
    high_seconds = gauge(
        "trackside_job_expected_high_seconds", "Above that a run is longer than normal", *_OF_JOB
    )
    last_success = gauge(
        "trackside_job_last_success_timestamp_seconds", "When a run last completed", *_OF_JOB
    )
    last_state = gauge(
        "trackside_job_last_run_state", "1 for the state of the latest run", *_OF_JOB, "state"
    )
    lateness_seconds = gauge(
        "trackside_job_overdue_seconds",
        "How long its due slot waits for a run; 0: none does",
        *_OF_JOB,
    )
    incidents = gauge("trackside_job_incidents_open", "Its incidents that are not over", *_OF_JOB)
    limit = gauge("trackside_job_series_limit", "Jobs that are told job by job at most")
    left_out = gauge(
        "trackside_job_series_left_out", "Jobs that are selected and beyond that limit"
    )


class World(Store, Orchestrators, Runs, Datasets, Alerts, Waiting):
    """All but what is told job by job."""

    left_out = gauge(
        "trackside_series_left_out", "Series that a metric of the world has not room for", "metric"
    )
    folded = counter(
        "trackside_series_folded",
        "What was counted as `other`, for its metric has no room for more labels",
        "metric",
    )

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._seen: dict[str, set[tuple[str, ...]]] = defaultdict(set)

    def tell(
        self, one: Gauge, values: Mapping[tuple[str, ...], float], *, least: bool = False
    ) -> None:
        """The gauge's values by its labels; whatever else it told is gone.

        Where there are more than it has room for the greatest are kept, or the least.
        """
        ordered = sorted(values.items(), key=lambda item: item[1], reverse=not least)
        self.show(one, dict(ordered[:MOST_SERIES]))
        self.left_out.labels(name_of(one)).set(max(0, len(values) - MOST_SERIES))

    def count(self, one: Counter, *labels: str, by: float = 1) -> None:
        one.labels(*self._room(one, labels, MOST_SERIES)).inc(by)

    def observe(self, one: Histogram, value: float, *labels: str) -> None:
        one.labels(*self._room(one, labels, MOST_HISTOGRAMS)).observe(value)

    def _room(self, one: MetricWrapperBase, labels: tuple[str, ...], most: int) -> tuple[str, ...]:
        """The labels, or what they are called where there are too many of them."""
        seen = self._seen[name_of(one)]
        if labels in seen or len(seen) < most:
            seen.add(labels)
            return labels
        self.folded.labels(name_of(one)).inc()
        names = one._labelnames  # noqa: SLF001  no other way to know
        return tuple(
            OTHER if name in _OPEN_ENDED else value
            for name, value in zip(names, labels, strict=True)
        )


#: Labels whose values senders and operators make.
_OPEN_ENDED: Final = frozenset({"orchestrator", "team", "kind"})


def name_of(one: MetricWrapperBase) -> str:
    return str(next(iter(one.describe())).name)
