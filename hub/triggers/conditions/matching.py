"""Which updates count for a dataset of a condition."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, Protocol

from hub.model import EntityName
from hub.triggers.conditions.seen import Arrival
from hub.triggers.conditions.text import bound_text
from hub.triggers.conditions.tree import Bound, MetricOf, Operator, Updated
from hub.triggers.conditions.wording import dataset_text, number_text

_HOLDS: Final[Mapping[Operator, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "=": operator.eq,
}


class Metrics(Protocol):
    def last_metric(self, dataset: EntityName, metric: str, /) -> float | None: ...


def why_not(leaf: Updated, arrival: Arrival, metrics: Metrics) -> str | None:
    """Why an update of the dataset does not count; None: it does."""
    for name, found_in in _FOUND.items():
        pattern: str | None = getattr(leaf, name)
        if pattern is not None and not _any_like(found := found_in(arrival), pattern):
            said = ", ".join(one for one in found if one) or "none"
            return f"its {name} is {said}, not {pattern}"
    return next(_unbound(leaf, arrival, metrics), None)


def _jobs(arrival: Arrival) -> Sequence[str]:
    job = arrival.job
    return [f"{job.namespace}/{job.name}"] if job else []


#: What the filters of a condition are compared with.
_FOUND: Final[Mapping[str, Callable[[Arrival], Sequence[str]]]] = {
    "partition": lambda arrival: [arrival.part],
    "tag": lambda arrival: sorted(arrival.tags),
    "job": _jobs,
    "team": lambda arrival: [arrival.team] if arrival.team else [],
}


def _any_like(found: Iterable[str], pattern: str) -> bool:
    return any(fnmatchcase(one, pattern) for one in found)


def _unbound(leaf: Updated, arrival: Arrival, metrics: Metrics) -> Iterator[str]:
    for bound in leaf.bounds:
        value = metric_of(arrival, bound.metric)
        if value is None:
            yield f"it reported no {bound.metric}, of which {bound_text(bound)} is asked"
        elif reason := _broken(bound, value, metrics):
            yield reason


def _broken(bound: Bound, value: float, metrics: Metrics) -> str | None:
    than, of = _than(bound.than, metrics)
    if than is None:
        return f"there is nothing yet to compare its {bound.metric} with{of}"
    if _HOLDS[bound.op](value, than):
        return None
    return f"its {bound.metric} is {number_text(value)}, not {bound.op} {number_text(than)}{of}"


def _than(than: float | MetricOf, metrics: Metrics) -> tuple[float | None, str]:
    """What is compared with, and where that comes from."""
    if not isinstance(than, MetricOf):
        return float(than), ""
    last = metrics.last_metric(than.dataset, than.metric)
    of = f" ({than.metric} of {dataset_text(than.dataset)})"
    return (than.otherwise if last is None else last), of


def metric_of(arrival: Arrival, metric: str) -> float | None:
    """rows and bytes are told by themselves, and may be told as metrics."""
    own = {"rows": arrival.rows, "bytes": arrival.bytes}.get(metric)
    value = arrival.metrics.get(metric) if own is None else own
    return None if value is None else float(value)
