"""Figures of one process: each replica tells its own, and their sum is true."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from hub.metrics.declare import Area, counter, gauge, histogram

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_POLL_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_EVENTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

EVENT_TYPES: Final = ("run", "job", "dataset", "observation", "ping", "unknown")
EVENT_RESULTS: Final = ("recorded", "duplicate", "refused", "overloaded")
SIGNAL_RESULTS: Final = ("used", "ignored", "malformed")
FORWARD_RESULTS: Final = ("sent", "failed", "parked", "left_out", "passed_over")
LOOP_RESULTS: Final = ("done", "failed")
POLL_RESULTS: Final = ("done", "failed", "refused")
DELIVERY_RESULTS: Final = ("delivered", "failed", "dead")
LAUNCH_RESULTS: Final = ("launched", "failed", "held", "refused", "dead")
SENSOR_RESULTS: Final = ("seen", "waiting", "failed")


def _begin(one: Counter, *labels: Iterable[str]) -> None:
    """Of all values of these labels: series that are there from the start, at zero.

    Prometheus sees no step in a series that appears with one: neither what comes first nor that
    nothing comes would be noticed.
    """
    for told in product(*labels):
        one.labels(*told)


class Door(Area):
    """What comes in and how it is written."""

    events = counter(
        "trackside_events",
        "What senders handed in, by type and by what became of it",
        "type",  # EVENT_TYPES
        "result",  # EVENT_RESULTS
    )
    queue_events = gauge("trackside_queue_events", "Items waiting for the writer")
    queue_bytes = gauge("trackside_queue_bytes", "Bytes waiting for the writer")
    commit_seconds = histogram(
        "trackside_commit_seconds", "How long the writer took for one batch", _SECONDS
    )
    batch_events = histogram("trackside_batch_events", "Items in one batch of the writer", _EVENTS)
    dead_letters_parked = counter(
        "trackside_dead_letters_parked", "Input set aside because it could not be understood"
    )
    http_requests = counter(
        "trackside_http_requests", "HTTP requests answered", "method", "route", "status"
    )
    http_seconds = histogram(
        "trackside_http_request_seconds", "How long an HTTP answer took", _SECONDS, "route"
    )

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        _begin(self.events, EVENT_TYPES, EVENT_RESULTS)

    def observe_batch(self, items: int, seconds: float) -> None:
        """For the writer's `figures.observers`."""
        self.batch_events.observe(items)
        self.commit_seconds.observe(seconds)


class Streams(Area):
    """What comes from Kafka and as metrics, and what goes on to receivers."""

    kafka_messages = counter(
        "trackside_kafka_messages",
        "Messages taken from Kafka whose offset may go on, by what became of them",
        "consumer",
        "result",  # recorded, duplicate, refused
    )
    kafka_lag = gauge(
        "trackside_kafka_lag_messages",
        "Messages of a partition that are not in the store yet, told by who has the partition",
        "consumer",
        "topic",
        "partition",
    )
    kafka_trouble = gauge(
        "trackside_kafka_trouble",
        "1 while a consumer can't reach its brokers or the store takes nothing",
        "consumer",
    )
    kafka_retries = counter(
        "trackside_kafka_retries", "Batches that the store did not take at once", "consumer"
    )

    signals = counter(
        "trackside_signals",
        "Metrics of orchestrators that came in, by what became of them",
        "orchestrator",
        "source",  # statsd, otlp
        "result",  # SIGNAL_RESULTS
    )
    forward_events = counter(
        "trackside_forward_events",
        "Lineage events by what became of them for a receiver",
        "receiver",
        "result",  # FORWARD_RESULTS
    )
    forward_lag_seconds = gauge(
        "trackside_forward_lag_seconds",
        "How long ago the oldest event came in that a receiver does not have",
        "receiver",
    )
    forward_parked = gauge(
        "trackside_forward_parked", "Events that a receiver did not take", "receiver"
    )
    forward_trouble = gauge(
        "trackside_forward_trouble", "1 while a receiver takes nothing", "receiver"
    )

    def begin_signals(self, orchestrator: str, source: str) -> None:
        """Metrics of an orchestrator may come in."""
        _begin(self.signals, [orchestrator], [source], SIGNAL_RESULTS)

    def begin_forward(self, receiver: str) -> None:
        """Events may go on to a receiver."""
        _begin(self.forward_events, [receiver], FORWARD_RESULTS)


class Loops(Area):
    """What the process does by itself."""

    loop_lag_seconds = gauge(
        "trackside_loop_lag_seconds", "How far a loop is behind what it should have done", "loop"
    )
    loop_runs = counter("trackside_loop_runs", "Rounds of a loop, by result", "loop", "result")
    loop_seconds = histogram("trackside_loop_seconds", "How long a round took", _SECONDS, "loop")
    lease_held = gauge(
        "trackside_lease_held", "1 where this replica runs the loop, 0 where another does", "loop"
    )
    build = gauge("trackside_build_info", "1, and which release this is", "version")

    def loop_ended(self, loop: str, *, failed: bool, seconds: float) -> None:
        """A round of a loop ended here."""
        _begin(self.loop_runs, [loop], LOOP_RESULTS)
        self.loop_runs.labels(loop, "failed" if failed else "done").inc()
        self.loop_seconds.labels(loop).observe(seconds)


class Polls(Area):
    """How asking orchestrators goes."""

    polls = counter(
        "trackside_polls",
        "Polls of an orchestrator, by result",
        "orchestrator",
        "result",  # POLL_RESULTS
    )
    poll_requests = counter(
        "trackside_poll_requests", "Requests sent to an orchestrator", "orchestrator"
    )
    poll_seconds = histogram(
        "trackside_poll_seconds", "How long a poll took", _POLL_SECONDS, "orchestrator"
    )

    def polled(self, orchestrator: str, *, result: str, seconds: float, requests: int) -> None:
        """A poll of an orchestrator ended."""
        _begin(self.polls, [orchestrator], POLL_RESULTS)
        self.polls.labels(orchestrator, result).inc()
        self.poll_requests.labels(orchestrator).inc(requests)
        self.poll_seconds.labels(orchestrator).observe(seconds)


class Deliveries(Area):
    """How telling targets goes."""

    deliveries = counter(
        "trackside_deliveries",
        "Attempts to show a target what it should, by result",
        "target",
        "result",  # DELIVERY_RESULTS
    )
    delivery_seconds = histogram(
        "trackside_delivery_seconds",
        "How long a target took for one delivery",
        _POLL_SECONDS,
        "target",
    )

    def delivery_ended(self, target: str, *, result: str, seconds: float, key: str) -> None:
        """A target took a delivery, or did not."""
        _begin(self.deliveries, [target], DELIVERY_RESULTS)
        self.deliveries.labels(target, result).inc()
        self.delivery_seconds.labels(target).observe(seconds, {"key": key})


class Gates(Area):
    """What gates answer, and what sensors see."""

    gate_answers = counter(
        "trackside_gate_answers",
        "Answers that gates gave",
        "result",  # passed, failed, unknown
    )
    pages_told = gauge("trackside_pages_told", "Pages that are told at once of what changes")
    gates_waiting = gauge("trackside_gates_waiting", "Requests that wait for a gate to pass")
    sensor_looks = counter(
        "trackside_sensor_looks",
        "Looks through a sensor, by result",
        "sensor",
        "result",  # SENSOR_RESULTS
    )

    def sensor_looked(self, sensor: str, *, result: str) -> None:
        """A sensor saw something, waits for it, or could not look."""
        _begin(self.sensor_looks, [sensor], SENSOR_RESULTS)
        self.sensor_looks.labels(sensor, result).inc()


class Launches(Area):
    """What becomes of updates, and how launching goes."""

    arrivals = counter(
        "trackside_arrivals",
        "Updates as subscriptions saw them, by what became of them",
        "fate",  # launched, coalesced, refused, ignored
    )
    trigger_lag_seconds = gauge(
        "trackside_trigger_lag_seconds",
        "How old the oldest change was that the latest round of the trigger loop read",
    )
    launches = counter(
        "trackside_launches",
        "Launches asked of an orchestrator, by result",
        "orchestrator",
        "result",  # LAUNCH_RESULTS
    )
    launch_seconds = histogram(
        "trackside_launch_seconds",
        "How long an orchestrator took for one launch",
        _POLL_SECONDS,
        "orchestrator",
    )

    def launch_ended(self, orchestrator: str, *, result: str, seconds: float, launch: int) -> None:
        """An orchestrator took a launch, or did not."""
        _begin(self.launches, [orchestrator], LAUNCH_RESULTS)
        self.launches.labels(orchestrator, result).inc()
        self.launch_seconds.labels(orchestrator).observe(seconds, {"launch": str(launch)})
