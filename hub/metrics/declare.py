"""How metrics are declared: a class per area, an attribute per metric.

class Door(Area):
    events = counter("trackside_events", "What senders handed in", "type")

An area made for a registry has the metrics themselves in these attributes. Names are `trackside_*`
with the unit at the end; `promtool check metrics` holds them to Prometheus' own rules in a test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar, overload

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

M = TypeVar("M", bound=MetricWrapperBase)

#: Series of one metric of the world at most; of gauges the greatest values are kept.
MOST_SERIES: Final = 1000
MOST_HISTOGRAMS: Final = 200  # each is a dozen series
#: What labels are called beyond that.
OTHER: Final = "other"


class Declared(Generic[M]):
    """A metric that each instance of its area has for itself."""

    def __init__(self, make: Callable[[CollectorRegistry], M]) -> None:
        self.make = make
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, area: None, owner: type) -> Declared[M]: ...
    @overload
    def __get__(self, area: Area, owner: type) -> M: ...
    def __get__(self, area: Area | None, owner: type) -> Declared[M] | M:
        return self if area is None else area.made[self._name]


class Area:
    """Metrics that belong together, in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.made: dict[str, Any] = {
            name: one.make(registry) for name, one in _declared(type(self))
        }
        self._shown: dict[int, set[tuple[str, ...]]] = {}

    def show(self, one: Gauge, values: Mapping[tuple[str, ...], float]) -> None:
        """The gauge's values by its labels. Whatever else it showed goes last: who reads meanwhile
        misses nothing.
        """
        for labels, value in values.items():
            one.labels(*labels).set(value)
        for labels in self._shown.get(id(one), set()) - values.keys():
            one.remove(*labels)
        self._shown[id(one)] = set(values)

    def forget(self) -> None:
        """Its gauges tell nothing: labelled ones have no series, others are NaN."""
        self._shown.clear()
        for one in self.made.values():
            if isinstance(one, Gauge):
                one.clear() if one._labelnames else one.set(math.nan)  # noqa: SLF001  no other way to know


def _declared(area: type) -> Iterator[tuple[str, Declared[Any]]]:
    for base in reversed(area.__mro__):
        for name, one in vars(base).items():
            if isinstance(one, Declared):
                yield name, one


def counter(name: str, text: str, *labels: str) -> Declared[Counter]:
    return Declared(lambda registry: Counter(name, text, labels, registry=registry))


def gauge(name: str, text: str, *labels: str) -> Declared[Gauge]:
    return Declared(lambda registry: Gauge(name, text, labels, registry=registry))


def histogram(
    name: str, text: str, buckets: tuple[float, ...], *labels: str
) -> Declared[Histogram]:
    return Declared(
        lambda registry: Histogram(name, text, labels, buckets=buckets, registry=registry)
    )
