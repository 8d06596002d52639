"""Hubs that no user gets: the parts of the real one with a clock on each, or with another store.

    python -m benchmarks.composed itemised | thin | null

`thin` records no more than the floor does, `null` nothing at all. None of them runs a loop: what
rules, alerts and triggers make of an event is the real hub's alone. What was counted stands in
/metrics as trackside_bench_total{part=...}: CPU seconds by part, and rows.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final, ParamSpec, TypeVar
from unittest.mock import patch

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from benchmarks import floor
from benchmarks.floor import ThinRecorder
from hub import main as composition
from hub.api.hub import Hub
from hub.cli import main as trackside
from hub.main import build_hub
from hub.openlineage.redact import Redactor
from hub.record import Accepted, Outcome, Recorder, intake, recorder
from hub.store.bulk import bulk_of
from hub.store.writer import Writer
from hub.worker import Worker

P = ParamSpec("P")
R = TypeVar("R")

#: About as long as a commit takes: else requests would not gather into batches.
NULL_COMMIT_S: Final = 0.005

spent: defaultdict[str, float] = defaultdict(
    float
)  # CPU seconds by part; each part is one thread's


@contextmanager
def clock(part: str) -> Iterator[None]:
    """Adds this thread's CPU within the block to `part`."""
    started = time.thread_time()
    try:
        yield
    finally:
        spent[part] += time.thread_time() - started


def timed(part: str, function: Callable[P, R]) -> Callable[P, R]:
    """`function`, on the clock."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with clock(part):
            return function(*args, **kwargs)

    return call


class TimedBulk:
    """Every statement on the clock, every row counted."""

    def __init__(self, connection: Any) -> None:
        self._bulk = bulk_of(connection)

    def fetch(self, statement: Any, keys: Iterable[Any]) -> Any:
        return self._do("rows read", self._bulk.fetch, statement, list(keys))

    def insert(self, statement: Any, rows: Sequence[Any]) -> None:
        self._do("rows written", self._bulk.insert, statement, rows)

    def append(self, statement: Any, rows: Sequence[Any]) -> None:
        self._do("rows written", self._bulk.append, statement, rows)

    def update(self, statement: Any, rows: Sequence[Any]) -> None:
        self._do("rows written", self._bulk.update, statement, rows)

    def delete(self, statement: Any, keys: Sequence[Any]) -> None:
        self._do("rows written", self._bulk.delete, statement, keys)

    @contextmanager
    def together(self) -> Iterator[None]:
        """The clock runs while answers are waited for."""
        within = self._bulk.together()
        within.__enter__()
        try:
            yield
        finally:
            with clock("statements"):
                within.__exit__(*sys.exc_info())

    @staticmethod
    def _do(count: str, do: Callable[..., R], statement: Any, rows: Sequence[Any]) -> R:
        spent[count] += len(rows)
        with clock("statements"):
            return do(statement, rows)


class TimedRecorder(Recorder):
    def apply(self, connection: Any, items: Any) -> list[Outcome]:
        with clock("apply"):
            return super().apply(connection, items)


class TimedWriter(Writer[Any, Any]):
    def _attempt(self, items: Any) -> list[Any]:
        with clock("transaction"):
            return super()._attempt(items)


class TimedRedactor(Redactor):
    def redact(self, raw: bytes) -> bytes:
        with clock("redact"):
            return super().redact(raw)


class NullRecorder(Recorder):
    """Takes everything and keeps nothing."""

    def apply(self, connection: Any, items: Sequence[Any]) -> list[Outcome]:  # noqa: ARG002
        time.sleep(NULL_COMMIT_S)
        return [Accepted()] * len(items)


class Spent(Collector):
    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily("trackside_bench", "What was counted", labels=["part"])
        for part, value in spent.items():
            family.add_metric([part], value)
        yield family


def telling(*args: Any) -> Hub:
    """A hub whose metrics tell what was spent."""
    hub = build_hub(*args)
    hub.metrics.python.register(Spent())
    return hub


def patches(kind: str) -> Iterator[Any]:
    """What differs from the real hub."""
    kinds = {"itemised": TimedRecorder, "thin": ThinRecorder, "null": NullRecorder}
    yield patch.object(composition, "build_hub", telling)
    yield patch.object(composition, "Recorder", kinds[kind])
    yield patch.object(floor, "bulk_of", TimedBulk)
    yield patch.object(Worker, "start")
    if kind != "itemised":
        return
    yield patch.object(composition, "Writer", TimedWriter)
    yield patch.object(composition, "Redactor", TimedRedactor)
    yield patch.object(recorder, "bulk_of", TimedBulk)
    for name, part in (("decode_event", "decode"), ("incoming_event", "pack")):
        yield patch.object(intake, name, timed(part, getattr(intake, name)))


def main() -> None:
    with ExitStack() as stack:
        for one in patches(sys.argv[1]):
            stack.enter_context(one)
        sys.argv[:] = ["trackside", "serve"]
        trackside()


if __name__ == "__main__":
    main()
