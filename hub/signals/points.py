"""Metrics as they come in: lines of StatsD, requests of OTLP. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from hub.errors import BadInput, ConfigError

_KINDS: Final = {"g": "gauge", "c": "count"}
#: Of StatsD: durations and sets, which say nothing of backlog or health.
_OTHERS: Final = frozenset({"ms", "h", "d", "s"})


class Point(Struct, frozen=True):
    """One value. `kind`: gauge, count (how many more) or total (of a counter since it began).

    relative: a gauge that moves by the value. at_ns, since_ns: of OTLP, since the epoch.
    """

    name: str
    kind: str
    value: float
    tags: Mapping[str, str] = {}
    relative: bool = False
    at_ns: int = 0
    since_ns: int = 0


def points_of(packet: bytes) -> Iterator[Point | None]:
    """The metrics of a StatsD packet; None for a line that is none. DogStatsD's tags are read."""
    for line in packet.decode("utf-8", "replace").split("\n"):
        if line.strip():
            yield from _line(line.strip())


def _line(line: str) -> Iterator[Point | None]:
    head, _, rest = line.partition("|")
    name, colon, value = head.rpartition(":")
    parts = rest.split("|")
    kind, tags = _KINDS.get(parts[0]), dict[str, str]()
    if parts[0] in _OTHERS and colon:
        return
    for part in parts[1:]:
        if part.startswith("#"):
            tags |= dict(_pair(tag) for tag in part[1:].split(",") if tag)
    name, *influx = name.split(",")  # InfluxDB writes tags behind the name
    tags |= dict(_pair(tag.replace("=", ":", 1)) for tag in influx)
    number = _number(value)
    if not colon or not name or kind is None or number is None:
        yield None
        return
    rate = next((_number(part[1:]) for part in parts[1:] if part.startswith("@")), None)
    if kind == "count" and rate:
        number /= rate
    yield Point(name, kind, number, tags, relative=kind == "gauge" and value[:1] in "+-")


def _pair(tag: str) -> tuple[str, str]:
    name, _, value = tag.partition(":")
    return name, value


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


# -- OTLP ------------------------------------------------------------------------------------------

_DELTA: Final = (1, "AGGREGATION_TEMPORALITY_DELTA")


def request_of(body: bytes, content_type: str) -> list[Point]:
    """The points of an ExportMetricsServiceRequest, protobuf or JSON.

    Raises BadInput for what is none, ConfigError where protobuf can't be read.
    """
    told = _json(body) if "json" in content_type else _protobuf(body)
    try:
        return [
            point
            for resource in told.get("resourceMetrics", [])
            for scope in resource.get("scopeMetrics", [])
            for metric in scope.get("metrics", [])
            for point in _metric(metric, _tags(resource.get("resource", {})))
        ]
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise BadInput("$", type(error).__name__, "metrics as OTLP has them") from None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise BadInput("$", body[:40], "an ExportMetricsServiceRequest as JSON") from None


def _protobuf(body: bytes) -> Any:
    try:
        from google.protobuf.json_format import MessageToDict
        from google.protobuf.message import DecodeError
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
            ExportMetricsServiceRequest,
        )
    except ModuleNotFoundError:
        raise ConfigError(
            "OTLP as protobuf needs: pip install 'trackside[otlp]'; or send it as JSON"
        ) from None
    try:
        return MessageToDict(ExportMetricsServiceRequest.FromString(body))
    except DecodeError:
        raise BadInput("$", body[:40], "an ExportMetricsServiceRequest as protobuf") from None


def _metric(metric: Any, of_resource: Mapping[str, str]) -> Iterator[Point]:
    for form in ("gauge", "sum"):
        told = metric.get(form, {})
        kind = "gauge" if form == "gauge" else _kind(told)
        for one in told.get("dataPoints", []):
            value = float(one.get("asDouble", one.get("asInt", 0)))
            at, since = int(one.get("timeUnixNano", 0)), int(one.get("startTimeUnixNano", 0))
            tags = {**of_resource, **_tags(one)}
            yield Point(str(metric["name"]), kind, value, tags, at_ns=at, since_ns=since)


def _kind(told: Any) -> str:
    """A sum that may fall is a gauge: OpenTelemetry's way to count up and down."""
    if not told.get("isMonotonic", False):
        return "gauge"
    return "count" if told.get("aggregationTemporality") in _DELTA else "total"


def _tags(told: Any) -> dict[str, str]:
    found = {}
    for one in told.get("attributes", []):
        value = one.get("value", {})
        found[str(one["key"])] = str(next(iter(value.values()), ""))
    return found
