"""/metrics as text: as prometheus_client writes it, but what a series is called is written only once.

Its own writer spends nearly all of its time on names and labels, which don't change between scrapes,
and it holds up the requests meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Final

from prometheus_client import Histogram, utils
from prometheus_client.metrics import MetricWrapperBase

Labels = tuple[str, ...]
Names = dict[Labels, tuple[str, ...]]

_ESCAPED: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Text:
    """Of these metrics: counters, gauges and histograms."""

    def __init__(self, metrics: Iterable[MetricWrapperBase]) -> None:
        self._heads = [(one, _head(one)) for one in metrics]
        self._names: dict[int, Names] = {}

    def render(self) -> bytes:
        return "".join(
            line for one, head in self._heads for line in self._lines(one, head)
        ).encode()

    def _lines(self, one: MetricWrapperBase, head: str) -> Iterator[str]:
        yield head
        before, names = self._names.get(id(one), {}), {}
        for labels, child in _children(one):
            told = names[labels] = before.get(labels) or tuple(_series(one, child, labels))
            for name, value in zip(told, _values(child), strict=True):
                yield f"{name} {_written(value)}\n"
        # those of series that are gone go with them
        self._names[id(one)] = names


# What prometheus_client knows of a metric it tells only by making samples of it.
def _children(one: Any) -> list[tuple[Labels, Any]]:
    if not one._labelnames:  # noqa: SLF001  as said above
        return [((), one)]
    with one._lock:  # noqa: SLF001  as said above
        return list(one._metrics.items())  # noqa: SLF001  as said above


def _values(child: Any) -> list[float]:
    """In the order of `_series`."""
    if type(child) is not Histogram:  # an abstract base makes isinstance slow
        return [child._value.get()]  # noqa: SLF001  as said above
    counts = list(accumulate(one.get() for one in child._buckets))  # noqa: SLF001  as said above
    return [*counts, counts[-1], child._sum.get()]  # noqa: SLF001  as said above


def _written(value: float) -> str:
    return str(utils.floatToGoString(value))  # type: ignore[no-untyped-call]


def _head(one: MetricWrapperBase) -> str:
    (family,) = one.describe()
    name = f"{family.name}_total" if family.type == "counter" else family.name
    text = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {family.type}\n"


def _series(one: Any, child: Any, labels: Labels) -> Iterator[str]:
    """What the samples of one child are called."""
    (family,) = one.describe()
    pairs = dict(zip(one._labelnames, labels, strict=True))  # noqa: SLF001  as said above
    if not isinstance(one, Histogram):
        end = "_total" if family.type == "counter" else ""
        yield f"{family.name}{end}{_within(pairs)}"
        return
    for bound in child._upper_bounds:  # noqa: SLF001  as said above
        yield f"{family.name}_bucket{_within({**pairs, 'le': _written(bound)})}"
    yield f"{family.name}_count{_within(pairs)}"
    yield f"{family.name}_sum{_within(pairs)}"


def _within(pairs: dict[str, str]) -> str:
    told = [f'{name}="{value.translate(_ESCAPED)}"' for name, value in sorted(pairs.items())]
    return "{" + ",".join(told) + "}" if told else ""
