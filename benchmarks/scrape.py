"""python -m benchmarks scrape: what one scrape and one measurement of the world cost.

On stores of several sizes, with every one of 200 selected jobs told by name: the scrape must stay
under 100 ms and not grow with the store, the measurement runs beside it in its loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from prometheus_client import Histogram

from benchmarks import fill
from benchmarks.hubs import Engine, store
from benchmarks.report import Section
from hub.evaluate.book import Book, book_of
from hub.figures.measure import Measure
from hub.metrics import Metrics
from hub.metrics.declare import MOST_HISTOGRAMS, MOST_SERIES
from hub.settings import Settings
from hub.store.db import Connection, Database
from hub.store.expectations import sow
from hub.store.migrate import migrate
from hub.store.types import from_micros

TIMES: Final = 15
WANTED_MS: Final = 100


def run(*, full: bool) -> Iterator[Section]:
    sizes = [2_000, 20_000, 100_000] if full else [2_000, 20_000]
    for engine in get_args(Engine):
        lines = [f"{'jobs':7} {'series':>7} {'scrape ms':>10} {'measure ms':>11} {'of it CPU':>10}"]
        for size in sizes:
            with store(engine) as on:
                db = Database(on.url, durable=False)
                fill.fill(db, size)
                db.close()
                lines.append(line(on.url, size))
        lines.append(crowded())
        table = "\n".join(lines)
        yield Section(
            f"Scrapes, {engine}",
            [f"wanted: a scrape under {WANTED_MS} ms, not growing with the store"],
            [f"```\n{table}\n```"],
        )


def line(url: str, size: int) -> str:
    """The median of each: of a scrape the CPU, for it asks no store; of a measurement all of its time."""
    settings = Settings(database_url=url, job_metrics=[{"name": "*", "inner": True}])
    db, metrics = Database(url), Metrics()
    migrate(db)
    now = from_micros(fill.START) + timedelta(hours=2)
    with db.writing() as connection:
        watch(connection, book_of(settings), now)
    measure = Measure(db, settings, book_of(settings), metrics)
    measure.round(now, [], [])
    took_measure = median(lambda: measure.round(now, [], []), time.perf_counter)
    of_it_cpu = median(lambda: measure.round(now, [], []))
    took_scrape = median(metrics.render)
    db.close()
    return f"{size:7,} {_series(metrics):7,} {took_scrape:10.1f} {took_measure:11.1f} {of_it_cpu:10.1f}"


def crowded() -> str:
    """Where every metric has as many series as it has room for, as no world of that size makes it."""
    metrics = Metrics()
    for area, most in ((metrics.world, MOST_SERIES), (metrics.jobs, Settings().max_job_metrics)):
        for one in area.made.values():
            labels = one._labelnames  # noqa: SLF001  no other way to know
            for number in range(
                (MOST_HISTOGRAMS if isinstance(one, Histogram) else most) if labels else 0
            ):
                one.labels(*(f"label {number}" for _ in labels))
    took = median(metrics.render)
    return f"   full {_series(metrics):7,} {took:10.1f}"


def _series(metrics: Metrics) -> int:
    return sum(not one.startswith("#") for one in metrics.render().decode().splitlines())


def watch(connection: Connection, book: Book, now: datetime) -> None:
    """Every rule waits for something of each of its subjects, as in a world that is watched."""
    for rule in book.rules.values():
        sow(connection, rule.name, rule.subject, now + timedelta(hours=1))


def median(work: Callable[[], Any], clock: Callable[[], float] = time.thread_time) -> float:
    """Milliseconds."""
    found = []
    for _ in range(TIMES):
        began = clock()
        work()
        found.append((clock() - began) * 1000)
    return sorted(found)[TIMES // 2]
