"""What /metrics tells is told over OTLP too: the same names, labels and numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from hub.errors import ConfigError
from hub.exporting import Export
from hub.metrics import Metrics
from tests.support.channels.server import Fault, Reply
from tests.support.otlp import Receiver, metrics_of


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def export(metrics: Metrics, to: Receiver, headers: dict[str, str] | None = None) -> Export:
    return Export(metrics, f"{to.url}/v1/metrics", headers or {}, "hub-1")


def told(receiver: Receiver) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics_of(receiver.taken[-1])}


def test_counters_gauges_and_histograms_are_told_as_they_are(receiver: Receiver) -> None:
    metrics = Metrics()
    metrics.events.labels("run", "recorded").inc(3)
    metrics.queue_events.set(7)
    for seconds in (0.004, 0.004, 0.2, 99):
        metrics.observe_batch(1, seconds)
    before = time.time_ns()
    assert export(metrics, receiver).send(time.time_ns())
    found = told(receiver)

    (point,) = (p for p in found["trackside_events"].sum.data_points if p.as_double)
    assert found["trackside_events"].sum.is_monotonic
    assert {a.key: a.value.string_value for a in point.attributes} == {
        "type": "run",
        "result": "recorded",
    }
    assert (point.as_double, point.start_time_unix_nano >= before) == (3, True)

    assert [p.as_double for p in found["trackside_queue_events"].gauge.data_points] == [7]

    commit = found["trackside_commit_seconds"]
    (seconds,) = commit.histogram.data_points
    counts = dict(zip([*seconds.explicit_bounds, None], seconds.bucket_counts, strict=True))
    assert {bound: count for bound, count in counts.items() if count} == {
        0.005: 2,
        0.25: 1,
        None: 1,
    }
    assert (seconds.count, seconds.sum, commit.unit) == (4, pytest.approx(99.208), "s")


def test_nothing_that_metrics_tells_is_missing_and_nothing_is_made_up(receiver: Receiver) -> None:
    metrics = Metrics()
    for area in (metrics, metrics.world, metrics.jobs):
        for one in area.made.values():
            if one._labelnames:
                one.labels(*("x" for _ in one._labelnames))
    assert export(metrics, receiver).send(time.time_ns())
    families = {family.name for family in metrics.registry.collect()}
    assert told(receiver).keys() == families


def test_what_another_replica_measures_is_not_told(receiver: Receiver) -> None:
    metrics = Metrics()
    metrics.world.dead_letters.set(5)
    sender = export(metrics, receiver)
    assert sender.send(time.time_ns())
    assert "trackside_dead_letters" in told(receiver)
    metrics.forget_world()
    assert sender.send(time.time_ns())
    assert "trackside_dead_letters" not in told(receiver)


def test_the_replica_says_who_it_is(receiver: Receiver) -> None:
    assert export(Metrics(), receiver).send(time.time_ns())
    (resource,) = receiver.taken[-1].resource_metrics
    who = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert (who["service.name"], who["service.instance.id"]) == ("trackside", "hub-1")


def test_a_key_is_a_reference_and_shows_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTLP_KEY", "hunter2")
    with Receiver(key="hunter2") as receiver:
        sender = export(Metrics(), receiver, {"Api-Key": "env:OTLP_KEY"})
        assert sender.send(time.time_ns())
        monkeypatch.setenv("OTLP_KEY", "hunter3")  # rotated too early
        assert not sender.send(time.time_ns())
        monkeypatch.delenv("OTLP_KEY")
        with pytest.raises(ConfigError, match="env:OTLP_KEY is not set"):
            sender.send(time.time_ns())
    said = capsys.readouterr()
    assert "otlp_not_taken" in said.out + said.err
    assert "hunter" not in said.out + said.err


def test_one_that_is_not_taken_is_made_up_for_by_the_next(receiver: Receiver) -> None:
    metrics = Metrics()
    sender = export(metrics, receiver)
    receiver.fail(Fault.BUSY, Fault.BROKEN, Fault.LOST)
    receiver.fail(Reply(200, {"partialSuccess": {"rejectedDataPoints": "12"}}))
    for _ in range(4):
        metrics.events.labels("run", "recorded").inc()
        assert not sender.send(time.time_ns())
    assert sender.send(time.time_ns())
    points = told(receiver)["trackside_events"].sum.data_points
    assert [point.as_double for point in points if point.as_double] == [4]
