"""/metrics as text: as prometheus_client writes it, but what a series is called is written only once.

Its own writer spends nearly all of its time on names and labels, which don't change between scrapes,
and it holds up the requests meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate, repeat
from typing import Any, Final

from prometheus_client import Histogram, utils
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.samples import Exemplar

Labels = tuple[str, ...]
Names = dict[Labels, tuple[str, ...]]

_ESCAPED: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Text:
    """Of these metrics: counters, gauges and histograms."""

    def __init__(self, metrics: Iterable[MetricWrapperBase]) -> None:
        self._metrics = list(metrics)
        self._heads = {
            open_: [_head(one, open_=open_) for one in self._metrics] for open_ in (False, True)
        }
        self._names: dict[int, Names] = {}

    def render(self, *, open_: bool = False) -> bytes:
        """open_: as OpenMetrics has it, with exemplars, but without the mark of its end."""
        return "".join(
            line
            for one, head in zip(self._metrics, self._heads[open_], strict=True)
            for line in self._lines(one, head, open_=open_)
        ).encode()

    def _lines(self, one: MetricWrapperBase, head: str, *, open_: bool) -> Iterator[str]:
        yield head
        before, names = self._names.get(id(one), {}), {}
        for labels, child in _children(one):
            told = names[labels] = before.get(labels) or tuple(_series(one, child, labels))
            ends = _exemplars(child) if open_ else repeat("")
            for name, value, end in zip(told, _values(child), ends, strict=False):
                yield f"{name} {_written(value)}{end}\n"
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


def _exemplars(child: Any) -> Iterator[str]:
    """What one observation of each bucket was of, for the lines of `_values`."""
    if type(child) is Histogram:
        for bucket in child._buckets:  # noqa: SLF001  as said above
            yield _exemplar(bucket.get_exemplar())
    yield from repeat("")


def _exemplar(told: Exemplar | None) -> str:
    if told is None:
        return ""
    at = "" if told.timestamp is None else f" {told.timestamp:.3f}"
    return f" # {_within(told.labels)} {_written(told.value)}{at}"


def _written(value: float) -> str:
    return str(utils.floatToGoString(value))  # type: ignore[no-untyped-call]


def _head(one: MetricWrapperBase, *, open_: bool) -> str:
    (family,) = one.describe()
    name = f"{family.name}_total" if family.type == "counter" and not open_ else family.name
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
