"""How long reads take at the API, side by side for stores of several sizes.

    python -m benchmarks.reads --sizes 2000 20000 100000 --engines SQLite PostgreSQL

The hub has judged what it found in the store before it is asked. Each request asks for another part of the world; what counts is that the columns of one line are
alike: a read costs what its answer is, not what the store holds.
"""

from __future__ import annotations

import argparse
import http.client
import random
import statistics
import time
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from benchmarks.fill import PER_NAMESPACE, PIPELINE, RUNS, World, fill
from benchmarks.hubs import Engine, Hub, Store, store
from benchmarks.machine import calibrate, cpu_s
from hub.store.db import Database

ROUNDS: Final = 100
WARM_UP: Final = 10
LIMIT_MS: Final = 50
SETTLES_S: Final = 1800
LOOK_S: Final = 5
RESTING: Final = 0.15  # of a core

Path = Callable[[World, random.Random], str]


class Figure(NamedTuple):
    """Milliseconds until the answer was there, CPU of hub and database for it, and its bytes."""

    p50: float
    p95: float
    cpu: float
    size: int


Figures = dict[str, Figure]


def _lineage(world: World, draw: random.Random, **more: object) -> str:
    """A node in the middle of a pipeline."""
    job = draw.randrange(world.jobs // PIPELINE) * PIPELINE + PIPELINE // 2
    number = (job - 1) // PER_NAMESPACE
    node = f"dataset:postgres://warehouse-{number}:public.{world.name(job)}"
    return f"/api/v1/lineage?{urlencode({'nodeId': node, **more})}"


def _job(world: World, draw: random.Random) -> str:
    job = draw.randrange(1, world.jobs + 1)
    name = quote(world.name(job), safe="")
    return f"/api/v1/namespaces/airflow-{(job - 1) // PER_NAMESPACE}/jobs/{name}"


def _run(world: World, draw: random.Random) -> str:
    run = draw.randrange(1, world.jobs * RUNS)
    return f"/api/v1/jobs/runs/90000000-0000-0000-0000-{run:012x}"


def _always(path: str) -> Path:
    return lambda _, __: path


READS: Final[dict[str, Path]] = {
    "lineage, 200 nodes, depth 20": lambda w, d: _lineage(w, d, depth=20),
    "lineage, downstream, depth 20": lambda w, d: _lineage(w, d, depth=20, direction="DOWNSTREAM"),
    "lineage as of an hour": lambda w, d: _lineage(w, d, asOf="2026-10-26T08:30:00Z"),
    "first page of jobs (20)": _always("/api/v1/jobs?limit=20"),
    "first page of jobs (100)": _always("/api/v1/jobs?limit=100"),
    "a namespace's jobs (20)": lambda w, d: (
        f"/api/v1/namespaces/airflow-{d.randrange(max(1, w.jobs // PER_NAMESPACE))}/jobs?limit=20"
    ),
    "jobs whose last run failed": _always("/api/v1/jobs?limit=20&lastRunStates=FAILED"),
    "first page of datasets (20)": _always("/api/v1/datasets?limit=20"),
    "search, one of all": lambda w, d: f"/api/v1/search?q={d.randrange(w.jobs)}",
    "search, a frequent word": _always("/api/v1/search?q=orders&limit=100"),
    "search, two words": lambda w, d: f"/api/v1/search?q=orders+{d.randrange(w.jobs // 100)}",
    "search, part of a word": _always("/api/v1/search?q=voic&limit=100"),
    "a job with its runs": _job,
    "the page of a job": lambda w, d: _job(w, d) + "/overview",
    "the runs of a job": lambda w, d: _job(w, d) + "/runs",
    "a run": _run,
    "what is upstream of a run": lambda w, d: (
        "/api/v1/runlineage/upstream?runId=" + _run(w, d).rpartition("/")[2]
    ),
    "what is downstream of a run": lambda w, d: (
        "/api/v1/runlineage/downstream?depth=3&runId=" + _run(w, d).rpartition("/")[2]
    ),
    "latest events (50)": _always("/api/v1/events/lineage?limit=50"),
    "figures of a week": _always("/api/v1/stats/jobs?period=WEEK"),
}


def measure(engine: Engine, jobs: int, reads: dict[str, Path]) -> Figures:
    """Fills a store, serves it from a process of its own, and asks."""
    with store(engine) as on:
        db = Database(on.url, durable=False)
        world = fill(db, jobs)
        db.close()
        with Hub(on) as hub:
            settle(hub)
            return {name: _ask(on, hub, world, path) for name, path in reads.items()}


def settle(hub: Hub) -> None:
    """Waits until the hub has judged what it found; raises if it never comes to rest."""
    for _ in range(SETTLES_S // LOOK_S):
        used = cpu_s([hub.pid])
        time.sleep(LOOK_S)
        if cpu_s([hub.pid]) - used < RESTING * LOOK_S:
            return
    raise RuntimeError(f"the hub is still at work after {SETTLES_S} s")


def _ask(on: Store, hub: Hub, world: World, path: Path) -> Figure:
    draw = random.Random(1)
    connection = http.client.HTTPConnection(urlsplit(hub.url).netloc)
    taken, sizes = [], []
    used = 0.0
    for number in range(WARM_UP + ROUNDS):
        if number == WARM_UP:
            used = cpu_s([hub.pid]) + on.server_cpu_s()
        asked = path(world, draw)
        started = time.perf_counter()
        connection.request("GET", asked)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{asked}: {answer.status} {body[:500]!r}")
        if number >= WARM_UP:
            taken.append((time.perf_counter() - started) * 1000)
            sizes.append(len(body))
    connection.close()
    used = cpu_s([hub.pid]) + on.server_cpu_s() - used
    p95 = statistics.quantiles(taken, n=20)[-1]
    size = int(statistics.median(sizes))
    return Figure(statistics.median(taken), p95, used / ROUNDS * 1000, size)


def table(engine: Engine, sizes: list[int], found: list[Figures]) -> str:
    """p50, p95 and CPU in milliseconds, one column per size of the store."""
    head = "".join(f"{f'{size:,} jobs':>23}" for size in sizes)
    lines = [f"{engine + ', p50 / p95 (CPU) ms':<34}{head}{'answer':>12}"]
    for name in found[0]:
        cells = "".join(_cell(figures[name]) for figures in found)
        lines.append(f"{name:<34}{cells}{found[-1][name].size / 1000:>9.1f} kB")
    return "\n".join(lines)


def _cell(figure: Figure) -> str:
    over = "!" if figure.p95 > LIMIT_MS else " "
    text = f"{figure.p50:.1f} / {figure.p95:.1f} ({figure.cpu:.0f})"
    return f"{text:>22}{over}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_000, 20_000, 100_000])
    parser.add_argument("--engines", nargs="+", default=["SQLite", "PostgreSQL"])
    parser.add_argument("--only", nargs="+", default=[""], help="reads whose names hold this")
    asked = parser.parse_args()
    reads = {n: path for n, path in READS.items() if any(part in n for part in asked.only)}
    print(calibrate())
    for engine in asked.engines:
        found = [measure(engine, size, reads) for size in asked.sizes]
        print(f"\n{table(engine, asked.sizes, found)}", flush=True)


if __name__ == "__main__":
    main()
