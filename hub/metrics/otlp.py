"""Figures as OTLP tells them: a request of `ExportMetricsService`, as JSON.

Names and labels are those of /metrics (a counter without its `_total`), so that what a collector
hands on to a Prometheus fits the same dashboards and rules.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.samples import Sample

Json = dict[str, Any]
Labels = tuple[tuple[str, str], ...]

_CUMULATIVE: Final = 2
_UNITS: Final = {"_seconds": "s", "_bytes": "By", "_ratio": "1"}


def request_of(
    registry: CollectorRegistry, resource: Mapping[str, str], *, since_ns: int, now_ns: int
) -> Json:
    """All that the registry tells. since_ns: from when on it counts; both since the epoch."""
    times = {"startTimeUnixNano": str(since_ns), "timeUnixNano": str(now_ns)}
    metrics = [one for family in registry.collect() for one in _metric(family, times)]
    scope = {"scope": {"name": "trackside"}, "metrics": metrics}
    told = {"attributes": _attributes(resource.items())}
    return {"resourceMetrics": [{"resource": told, "scopeMetrics": [scope]}]}


def _metric(family: Metric, times: Json) -> Iterator[Json]:
    """Nothing, if it tells nothing now."""
    if family.type == "counter":
        sums = [
            _number(one, times) for one in _sound(family.samples) if one.name.endswith("_total")
        ]
        more = {"aggregationTemporality": _CUMULATIVE, "isMonotonic": True}
        made: Json = {"sum": {"dataPoints": sums, **more}} if sums else {}
    elif family.type == "histogram":
        points = list(_distributions(family, times))
        more = {"aggregationTemporality": _CUMULATIVE}
        made = {"histogram": {"dataPoints": points, **more}} if points else {}
    else:
        at = {"timeUnixNano": times["timeUnixNano"]}
        values = [_number(one, at) for one in _sound(family.samples)]
        made = {"gauge": {"dataPoints": values}} if values else {}
    if made:
        unit = next((unit for end, unit in _UNITS.items() if family.name.endswith(end)), "")
        yield {"name": family.name, "description": family.documentation, "unit": unit, **made}


def _sound(samples: Iterable[Sample]) -> Iterator[Sample]:
    """A gauge that tells nothing is NaN."""
    return (one for one in samples if math.isfinite(one.value))


def _number(one: Sample, times: Json) -> Json:
    return {"attributes": _attributes(one.labels.items()), "asDouble": float(one.value), **times}


def _distributions(family: Metric, times: Json) -> Iterator[Json]:
    """Prometheus counts all up to a bound, OTLP those between two."""
    bounds: dict[Labels, list[tuple[float, float]]] = defaultdict(list)
    sums: dict[Labels, float] = {}
    for one in family.samples:
        labels = tuple((name, value) for name, value in one.labels.items() if name != "le")
        if one.name.endswith("_bucket"):
            bounds[labels].append((float(one.labels["le"]), one.value))
        elif one.name.endswith("_sum"):
            sums[labels] = one.value
    for labels, found in bounds.items():
        found.sort()
        counts = [int(count) for _, count in found]
        yield {
            "attributes": _attributes(labels),
            "count": str(counts[-1]),
            "sum": sums[labels],
            "explicitBounds": [bound for bound, _ in found if math.isfinite(bound)],
            "bucketCounts": [
                str(count - before) for before, count in zip([0, *counts], counts, strict=False)
            ],
            **times,
        }


def _attributes(labels: Iterable[tuple[str, str]]) -> list[Json]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in labels]
