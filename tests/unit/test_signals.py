"""What an Airflow's metrics come to: samples of pools, and the health of its parts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.errors import BadInput
from hub.model import BacklogObserved, HealthObserved, HealthStatus, Observation
from hub.signals.points import Point, points_of, request_of
from hub.signals.sampling import Counters, Sampling, observations_of

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
LINES = [
    (b"airflow.pool.open_slots.default_pool:128|g", Point("airflow.pool.open_slots.default_pool", "gauge", 128)),
    (b"a:+3|g", Point("a", "gauge", 3, relative=True)),
    (b"a:-3|g", Point("a", "gauge", -3, relative=True)),
    (b"a:2|c|@0.5", Point("a", "count", 4)),
    (b"a:2|c|#env:prod,team:x", Point("a", "count", 2, {"env": "prod", "team": "x"})),
    (b"a,pool_name=etl:2|g", Point("a", "gauge", 2, {"pool_name": "etl"})),
]  # fmt: skip


@pytest.mark.parametrize(("line", "point"), LINES)
def test_a_line_of_statsd_is_read(line: bytes, point: Point) -> None:
    assert list(points_of(line)) == [point]


def test_durations_and_sets_say_nothing_and_rubbish_is_told_as_such() -> None:
    assert list(points_of(b"a:1|ms\nb:2|s\n\n")) == []
    assert list(points_of(b"a\n:1|g\na:x|g\na:nan|g\na:1|q\n\xff\x00")) == [None] * 6


def pool(name: str, **slots: int) -> list[Point]:
    return [Point(f"airflow.pool.{what}_slots.{name}", "gauge", n) for what, n in slots.items()]


def sampled(points: list[Point | None], seconds: float = 0) -> list[Observation]:
    sampling = Sampling("airflow", 60)
    sampling.take(points, NOW)
    return sampling.sample(NOW + timedelta(seconds=seconds))


def test_a_pool_waits_with_what_is_queued_and_scheduled() -> None:
    points = pool("etl", open=5, queued=2, running=3, scheduled=7, deferred=1)
    (seen,) = sampled([*points])
    assert seen == BacklogObserved("etl", 9, NOW, running=3, capacity=10)


def test_with_tags_the_pool_stands_in_them_and_without_either_nothing_is_known() -> None:
    tagged = Point("airflow.pool.queued_slots", "gauge", 4, {"pool_name": "etl"})
    assert sampled([tagged]) == [BacklogObserved("etl", 4, NOW)]
    assert sampled([Point("airflow.pool.queued_slots", "gauge", 4)]) == []


def test_executors_and_triggerers_add_up() -> None:
    points: list[Point | None] = [
        Point("airflow.executor.open_slots.Local", "gauge", 30),
        Point("airflow.executor.running_tasks.Local", "gauge", 2),
        Point("airflow.executor.running_tasks.Celery", "gauge", 5),
        Point("airflow.executor.queued_tasks.Celery", "gauge", 4),
        Point("airflow.executor.queued_tasks", "gauge", 4),  # the same under its other name
        Point("airflow.triggers.running.host-1", "gauge", 10),
        Point("airflow.triggers.running.host-2", "gauge", 20),
        Point("airflow.triggerer.capacity_left.host-1", "gauge", 990),
    ]
    assert sampled(points) == [
        BacklogObserved("executor", 4, NOW, running=7, capacity=41),
        BacklogObserved("triggerer", 0, NOW, running=30, capacity=1020),
    ]


def test_a_pool_is_sampled_once_an_interval_and_only_if_something_came() -> None:
    sampling = Sampling("airflow", 60)
    for _ in range(100):
        sampling.take(pool("etl", queued=1), NOW)
    assert len(sampling.sample(NOW)) == 1
    assert sampling.sample(NOW) == []


def test_a_gauge_that_moves_goes_on_from_where_it_was() -> None:
    sampling = Sampling("", 60)
    sampling.take(points_of(b"pool.queued_slots.p:5|g\npool.queued_slots.p:-2|g"), NOW)
    (seen,) = sampling.sample(NOW)
    assert isinstance(seen, BacklogObserved)
    assert seen.queued == 3


def test_what_is_not_known_is_ignored_and_counted() -> None:
    sampling = Sampling("airflow", 60)
    sampling.take(
        points_of(b"airflow.ti.start.etl.load:1|c\nnonsense\nairflow.scheduler_heartbeat:1|c"), NOW
    )
    assert sampling.results == {"ignored": 1, "malformed": 1, "used": 1}


def beats(*parts: str) -> list[Point | None]:
    return [Point(f"airflow.{part}_heartbeat", "count", 1) for part in parts]


def health(seen: list[Observation]) -> dict[str, HealthStatus]:
    return {one.part: one.status for one in seen if isinstance(one, HealthObserved)}


def test_a_part_that_falls_silent_while_others_speak_is_down() -> None:
    sampling = Sampling("airflow", 60)
    sampling.take(beats("scheduler", "triggerer"), NOW)
    assert health(sampling.sample(NOW)) == dict.fromkeys(
        ("", "scheduler", "triggerer"), HealthStatus.HEALTHY
    )
    later = NOW + timedelta(seconds=90)
    sampling.take(beats("triggerer"), later)
    told = health(sampling.sample(later))
    assert told["scheduler"] is HealthStatus.DOWN
    assert told["triggerer"] is HealthStatus.HEALTHY
    assert told[""] is HealthStatus.DEGRADED


def test_when_nobody_speaks_nothing_is_known_and_nothing_is_down() -> None:
    sampling = Sampling("airflow", 60)
    assert sampling.sample(NOW) == []
    sampling.take(beats("scheduler"), NOW)
    assert health(sampling.sample(NOW + timedelta(seconds=90))) == {"": HealthStatus.UNKNOWN}


def test_files_that_can_not_be_read_degrade_the_whole() -> None:
    points = [*beats("scheduler"), Point("airflow.dag_processing.import_errors", "gauge", 2)]
    seen = sampled(points)
    assert isinstance(seen[-1], HealthObserved)
    assert seen[-1].detail == "2 files of Dags can't be read"


# -- OTLP ------------------------------------------------------------------------------------------


def request(*metrics: dict[str, Any]) -> bytes:
    return json.dumps(
        {"resourceMetrics": [{"scopeMetrics": [{"metrics": list(metrics)}]}]}
    ).encode()


def total(value: int, at_s: int, since_s: int = 1) -> dict[str, Any]:
    point = {
        "asInt": str(value),
        "timeUnixNano": str(at_s * 10**9),
        "startTimeUnixNano": str(since_s * 10**9),
    }
    told = {"dataPoints": [point], "isMonotonic": True, "aggregationTemporality": 2}
    return {"name": "airflow.scheduler_heartbeat", "sum": told}


def status(counters: Counters, metric: dict[str, Any]) -> HealthStatus:
    points = request_of(request(metric), "application/json")
    seen, _ = observations_of(points, "af", "airflow", counters, NOW)
    return health(seen)["scheduler"]


def test_a_counter_that_stands_still_for_a_minute_is_a_part_that_is_down() -> None:
    counters = Counters()
    assert status(counters, total(5, 100)) is HealthStatus.HEALTHY
    assert status(counters, total(5, 130)) is HealthStatus.HEALTHY
    assert status(counters, total(5, 160)) is HealthStatus.DOWN
    assert status(counters, total(6, 190)) is HealthStatus.HEALTHY


def test_a_counter_that_began_anew_has_moved() -> None:
    counters = Counters()
    status(counters, total(5, 100))
    assert status(counters, total(5, 200, since_s=150)) is HealthStatus.HEALTHY


@pytest.mark.parametrize(
    "body", [b"[]", b"no", b'{"resourceMetrics": [5]}', b'{"resourceMetrics": 5}']
)
def test_what_is_no_request_of_otlp_is_told_as_such(body: bytes) -> None:
    with pytest.raises(BadInput):
        request_of(body, "application/json")


def test_protobuf_says_the_same_as_json() -> None:
    from google.protobuf.json_format import Parse
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    told = request(total(5, 100))
    packed = Parse(told, ExportMetricsServiceRequest()).SerializeToString()
    assert request_of(packed, "application/x-protobuf") == request_of(told, "application/json")
    with pytest.raises(BadInput):
        request_of(b"\xff\xff\xff", "application/x-protobuf")
