"""A receiver of OTLP/HTTP that takes what the protocol's own definition knows, and nothing else."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import Parse, ParseError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from tests.support.channels.server import FakeChannel, RefusalError, Reply, Request, require


class Receiver(FakeChannel):
    """Holds the last request it took. key: in the header Api-Key, if it wants one."""

    def __init__(self, key: str = "") -> None:
        super().__init__()
        self.key = key
        self.taken: list[ExportMetricsServiceRequest] = []

    def answer(self, request: Request) -> Reply:
        require(request.method == "POST" and request.path == "/v1/metrics", "no such place", 404)
        require(request.headers.get("content-type") == "application/json", "no JSON", 415)
        require(self.key in {"", request.headers.get("api-key")}, "who asks?", 401)
        packed = request.headers.get("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if packed else request.body
        try:
            told = Parse(body, ExportMetricsServiceRequest(), ignore_unknown_fields=False)
        except ParseError as error:
            raise RefusalError(400, str(error)) from None
        for metric in metrics_of(told):
            check(metric)
        self.taken.append(told)
        return Reply(200, {"partialSuccess": {}})


def metrics_of(told: ExportMetricsServiceRequest) -> Iterator[Metric]:
    for resource in told.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def check(metric: Metric) -> None:
    """What the definition says in words only."""
    kind = metric.WhichOneof("data")
    require(metric.name and kind in {"sum", "gauge", "histogram"}, f"{metric.name}: no data")
    data: Any = getattr(metric, str(kind))
    require(data.data_points, f"{metric.name}: no points")
    told = [tuple((a.key, a.value.string_value) for a in p.attributes) for p in data.data_points]
    require(len(set(told)) == len(told), f"{metric.name}: twice the same attributes")
    require(all(p.time_unix_nano for p in data.data_points), f"{metric.name}: no time")
    if kind != "gauge":
        cumulative = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        require(data.aggregation_temporality == cumulative, f"{metric.name}: not cumulative")
        begun = all(0 < p.start_time_unix_nano <= p.time_unix_nano for p in data.data_points)
        require(begun, f"{metric.name}: no beginning")
    if kind == "histogram":
        for point in data.data_points:
            bounds = list(point.explicit_bounds)
            require(bounds == sorted(set(bounds)), f"{metric.name}: bounds out of order")
            require(len(point.bucket_counts) == len(bounds) + 1, f"{metric.name}: buckets")
            require(sum(point.bucket_counts) == point.count, f"{metric.name}: count")
