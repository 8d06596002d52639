"""The figures of this process, as Prometheus reads them at /metrics.

Names are `trackside_*` with the unit at the end; `tests/unit/test_metrics.py` holds them to
Prometheus' own rules. Figures of the world (dead letters, store size, orchestrators) are set by one
process only: the holder of the lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

CONTENT_TYPE: Final = prometheus_client.CONTENT_TYPE_LATEST

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_POLL_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_EVENTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

# A `_created` series per counter doubles their number and nobody asks for it.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


def tell(gauge: Gauge, values: Mapping[str, float]) -> None:
    """The gauge's values by its one label; whatever else it told is gone."""
    gauge.clear()
    for label, value in values.items():
        gauge.labels(label).set(value)


class Metrics:
    """All metrics of one hub, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

        self.events = self._counter(
            "trackside_events",
            "What senders handed in, by type and by what became of it",
            "type",  # run, job, dataset, observation, unknown
            "result",  # recorded, duplicate, refused, overloaded
        )
        self.queue_events = self._gauge("trackside_queue_events", "Items waiting for the writer")
        self.queue_bytes = self._gauge("trackside_queue_bytes", "Bytes waiting for the writer")
        self.commit_seconds = self._histogram(
            "trackside_commit_seconds", "How long the writer took for one batch", _SECONDS
        )
        self.batch_events = self._histogram(
            "trackside_batch_events", "Items in one batch of the writer", _EVENTS
        )
        self.dead_letters_parked = self._counter(
            "trackside_dead_letters_parked", "Input set aside because it could not be understood"
        )
        self.dead_letters = self._gauge(
            "trackside_dead_letters", "Dead letters in the store, waiting for a replay"
        )
        self.dead_letter_bytes = self._gauge(
            "trackside_dead_letter_bytes", "What the dead letters take of the store"
        )
        self.store_bytes = self._gauge("trackside_store_size_bytes", "What the store takes on disk")
        self.loop_lag_seconds = self._gauge(
            "trackside_loop_lag_seconds",
            "How far a loop is behind what it should have done",
            "loop",
        )
        self.loop_runs = self._counter(
            "trackside_loop_runs", "Rounds of a loop, by result", "loop", "result"
        )
        self.http_requests = self._counter(
            "trackside_http_requests", "HTTP requests answered", "method", "route", "status"
        )
        self.http_seconds = self._histogram(
            "trackside_http_request_seconds", "How long an HTTP answer took", _SECONDS, "route"
        )
        self.gate_answers = self._counter(
            "trackside_gate_answers",
            "Answers that gates gave",
            "result",  # passed, failed, unknown
        )
        self.gates_waiting = self._gauge(
            "trackside_gates_waiting", "Requests that wait for a gate to pass"
        )
        self.sensor_looks = self._counter(
            "trackside_sensor_looks",
            "Looks through a sensor, by result",
            "sensor",
            "result",  # seen, waiting, failed
        )
        self.polls = self._counter(
            "trackside_polls",
            "Polls of an orchestrator, by result",
            "orchestrator",
            "result",  # done, failed, refused
        )
        self.poll_requests = self._counter(
            "trackside_poll_requests", "Requests sent to an orchestrator", "orchestrator"
        )
        self.poll_seconds = self._histogram(
            "trackside_poll_seconds", "How long a poll took", _POLL_SECONDS, "orchestrator"
        )
        self.watermark_lag_seconds = self._gauge(
            "trackside_watermark_lag_seconds",
            "How long ago all that an orchestrator knew was known to the hub",
            "orchestrator",
        )
        self.poll_failures = self._gauge(
            "trackside_poll_failures",
            "Polls of an orchestrator that failed since the last one that did not",
            "orchestrator",
        )
        self.disagreements = self._gauge(
            "trackside_disagreements",
            "Attempts of whose end an orchestrator answered another thing than its senders told",
            "orchestrator",
        )
        self.deliveries = self._counter(
            "trackside_deliveries",
            "Attempts to show a target what it should, by result",
            "target",
            "result",  # delivered, failed, dead
        )
        self.delivery_seconds = self._histogram(
            "trackside_delivery_seconds",
            "How long a target took for one delivery",
            _POLL_SECONDS,
            "target",
        )
        self.delivery_lag_seconds = self._gauge(
            "trackside_delivery_lag_seconds",
            "How long the longest due delivery of a target waits",
            "target",
        )
        self.deliveries_dead = self._gauge(
            "trackside_deliveries_dead", "Deliveries of a target that were given up", "target"
        )
        self.arrivals = self._counter(
            "trackside_arrivals",
            "Updates as subscriptions saw them, by what became of them",
            "fate",  # launched, coalesced, refused, ignored
        )
        self.trigger_lag_seconds = self._gauge(
            "trackside_trigger_lag_seconds",
            "How old the oldest change was that the latest round of the trigger loop read",
        )
        self.launches = self._counter(
            "trackside_launches",
            "Launches asked of an orchestrator, by result",
            "orchestrator",
            "result",  # launched, failed, held, refused, dead
        )
        self.launch_seconds = self._histogram(
            "trackside_launch_seconds",
            "How long an orchestrator took for one launch",
            _POLL_SECONDS,
            "orchestrator",
        )
        self.launch_lag_seconds = self._gauge(
            "trackside_launch_lag_seconds",
            "How long the longest due launch of an orchestrator waits",
            "orchestrator",
        )
        self.launches_open = self._gauge(
            "trackside_launches_open",
            "Launches of an orchestrator that were not taken yet, by state",
            "orchestrator",
            "state",  # held, due
        )
        self.launches_dead = self._gauge(
            "trackside_launches_dead",
            "Launches of an orchestrator that were given up",
            "orchestrator",
        )
        self.launches_stopped = self._gauge(
            "trackside_launches_stopped", "1 while launches are stopped as a whole"
        )
        self.team_notifications = self._gauge(
            "trackside_team_notifications",
            "How often a team was told of something new in seven days",
            "team",
        )
        self.team_acknowledged_ratio = self._gauge(
            "trackside_team_acknowledged_ratio",
            "Share of the incidents told to a team in seven days that somebody acknowledged",
            "team",
        )
        self.team_self_resolved_ratio = self._gauge(
            "trackside_team_self_resolved_ratio",
            "Share of the incidents told to a team in seven days that were over by themselves "
            "within five minutes",
            "team",
        )
        self.held = self._gauge(
            "trackside_held", "1 while nothing leaves the hub since its store was restored"
        )
        self.build = self._gauge("trackside_build_info", "1, and which release this is", "version")

    def observe_batch(self, items: int, seconds: float) -> None:
        """For the writer's `figures.observers`."""
        self.batch_events.observe(items)
        self.commit_seconds.observe(seconds)

    def polled(self, orchestrator: str, *, result: str, seconds: float, requests: int) -> None:
        """A poll of an orchestrator ended."""
        self.polls.labels(orchestrator, result).inc()
        self.poll_requests.labels(orchestrator).inc(requests)
        self.poll_seconds.labels(orchestrator).observe(seconds)

    def delivery_ended(self, target: str, *, result: str, seconds: float) -> None:
        """A target took a delivery, or did not."""
        self.deliveries.labels(target, result).inc()
        self.delivery_seconds.labels(target).observe(seconds)

    def sensor_looked(self, sensor: str, *, result: str) -> None:
        """A sensor saw something, waits for it, or could not look."""
        self.sensor_looks.labels(sensor, result).inc()

    def launch_ended(self, orchestrator: str, *, result: str, seconds: float) -> None:
        """An orchestrator took a launch, or did not."""
        self.launches.labels(orchestrator, result).inc()
        self.launch_seconds.labels(orchestrator).observe(seconds)

    def forget_teams(self) -> None:
        """Tells no more of teams what another replica tells."""
        for gauge in (
            self.team_notifications,
            self.team_acknowledged_ratio,
            self.team_self_resolved_ratio,
        ):
            gauge.clear()

    def forget_world(self) -> None:
        """Tells no more of orchestrators and targets what another replica tells."""
        for gauge in (
            self.watermark_lag_seconds,
            self.poll_failures,
            self.disagreements,
            self.delivery_lag_seconds,
            self.deliveries_dead,
            self.launch_lag_seconds,
            self.launches_open,
            self.launches_dead,
        ):
            gauge.clear()

    def render(self) -> bytes:
        """The text that Prometheus reads, see CONTENT_TYPE."""
        return prometheus_client.generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)
